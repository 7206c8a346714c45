"""`lms-etl dev`: Dagster's UI and daemon, and the API, as two processes that end together."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence

LOOK_EVERY_SECONDS = 0.2
GRACE_SECONDS = 20


def run_together(*commands: Sequence[str]) -> int:
    """Runs the commands until one ends or a signal comes, then ends the others; returns the first one's exit code."""
    stopping: list[int] = []
    before = {
        number: signal.signal(number, lambda got, _frame: stopping.append(got))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        return _until_one_ends(commands, stopping)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _until_one_ends(commands: Sequence[Sequence[str]], stopping: list[int]) -> int:
    children = [subprocess.Popen([sys.executable, *command]) for command in commands]  # noqa: S603
    code = None
    while code is None and not stopping:
        time.sleep(LOOK_EVERY_SECONDS)
        code = next((child.returncode for child in children if child.poll() is not None), None)
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    for child in children:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
    return 0 if code is None else code
