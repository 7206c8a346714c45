"""`lms-etl` in processes of their own that start warm: forked from one that has imported Dagster and pandas already.

A cold process spends two seconds on imports, which a hundred commands of the tests would pay each. Nothing of lms_etl
is imported before the fork, so settings, the clock and the code location are as new as in a cold process.
"""

import atexit
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from lms_etl_tests.servers.child import end_with_parent

PREPARED = (
    "alembic.command",
    "apprise",
    "dagster",
    "matplotlib.figure",
    "pandas",
    "pymysql",
    "psycopg2",
    "rich.progress",
    "typer",
)
_MOST_BYTES = 1 << 20
_LONGEST_SECONDS = 300
"""After which a command that hangs is ended."""


def run(words: tuple[str, ...], environ: Mapping[str, str], timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """`lms-etl` with these words in a new process, ended; its output as text."""
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as complained:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(timeout)
            asked.connect(str(_address()))
            question = json.dumps({"words": words, "environ": dict(environ), "folder": str(Path.cwd())}).encode()
            socket.send_fds(asked, [len(question).to_bytes(4)], [printed.fileno(), complained.fileno()])
            asked.sendall(question)
            code = int(asked.recv(20) or b"-1")
        texts = []
        for file in (printed, complained):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess(words, code, *texts)


@cache
def _address() -> Path:
    """Where this test process's warm one listens; it is started by the first command and ends with the tests."""
    folder = tempfile.TemporaryDirectory(prefix="lms_etl_warm_")
    address = Path(folder.name) / "socket"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LMS_ETL_", "PYTEST_"))}
    root = Path(__file__).parents[1]
    command = [sys.executable, "-m", __name__, str(address)]
    process = subprocess.Popen(command, env=clean, cwd=root, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline(), "the warm process did not start"
    atexit.register(folder.cleanup)
    atexit.register(process.kill)
    return address


def _serve(address: str) -> None:
    """Forks a process for each question, for as long as the tests live."""
    end_with_parent()
    for name in PREPARED:
        __import__(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        os.write(1, b"ready\n")
        while True:
            asked, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _answer(asked)
            asked.close()


def _answer(asked: socket.socket) -> None:
    """Forks the command itself, waits for its end and tells how it ended; the tests may kill neither by leaving."""
    length, files, _flags, _from = socket.recv_fds(asked, 4, 2)
    question = b""
    while len(question) < int.from_bytes(length):
        question += asked.recv(_MOST_BYTES)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        asked.close()
        _become(json.loads(question), files)
    _, status = os.waitpid(child, 0)
    asked.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(question: dict[str, object], files: list[int]) -> None:
    """Runs the command as `python -m lms_etl.cli` would, and ends."""
    signal.alarm(_LONGEST_SECONDS)
    os.environ.clear()
    os.environ.update(question["environ"])  # type: ignore[call-overload]
    os.chdir(str(question["folder"]))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for file, stream in zip(files, (1, 2), strict=True):
        os.dup2(file, stream)
    sys.argv = ["lms-etl", *question["words"]]  # type: ignore[misc]
    code = 0
    try:
        runpy.run_module("lms_etl.cli", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            sys.stderr.write(f"{ended.code}\n")
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1])
