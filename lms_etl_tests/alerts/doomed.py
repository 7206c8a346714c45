"""A process whose children look once each, as the daemon does, and kill themselves at a moment.

They run outside pytest so that a kill is a kill: no `finally`, no rollback, no goodbye.
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from lms_etl.alerts import hub, outbox, sensors
from lms_etl.settings import load
from lms_etl.warehouse.warehouse import Warehouse

MOMENTS = ("before the event is recorded", "within the recording", "between event and send", "after the look")
UNKNOWN = "between acceptance and mark"


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def doom(moment: str) -> None:
    """Sets this process up to die at the moment."""
    if moment == "before the event is recorded":
        hub.Hub.note = die  # type: ignore[method-assign]
    elif moment == "within the recording":
        outbox.put = after(outbox.put)
    elif moment == "between event and send":
        outbox.send_due = die  # type: ignore[assignment]
    elif moment == UNKNOWN:
        outbox._mark = die  # type: ignore[assignment]


def after(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, and death after it."""

    def doomed(*arguments: Any, **named: Any) -> None:
        function(*arguments, **named)
        die()

    return doomed


def look(moment: str, file: Path) -> None:
    """One tick; the cursor is saved after it, as the daemon does."""
    doom(moment)
    with dg.DagsterInstance.get() as instance:
        cursor = sensors.Cursor.read(file.read_text() if file.exists() else None)
        said, cursor = sensors.look(instance, Warehouse(load()), cursor)
        if moment == "after the look":
            die()
        file.write_text(cursor.written())
        print(said, file=sys.stderr, flush=True)  # noqa: T201


def looks(file: Path) -> None:
    """For each line of the input, a moment, looks once in a process of its own and prints how that ended."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            if line.strip() == "later":
                outbox.CLAIM = timedelta(0)
            look(line.strip(), file)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


if __name__ == "__main__":
    looks(Path(sys.argv[1]))
