"""Processes that tests kill: `hold URL` keeps a day's lock, `umbrella URL` that of a whole run, `crash URL` dies at
every moment of a load in turn.

They run outside pytest so that a kill is a kill: no `finally`, no rollback, no goodbye to the server.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pymysql
import sqlalchemy as sa

from lms_etl.warehouse import bulk, tables, umbrella
from lms_etl.warehouse.locks import AlreadyRunningError
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.warehouse.rows import CALLER, DAY, counts, load, runs, views_of, warehouse_at

REPOSITORY = Path(__file__).parent.parent.parent
BATCH = 300
OLD = dict.fromkeys(range(1, 41), 1)
NEW = dict.fromkeys(range(21, 31), 1) | dict.fromkeys(range(31, 641), 2)
"""20 rows vanish, 10 stay, 10 change and 600 are new: two batches."""

MOMENTS = (
    "before a statement", "before a commit", "after a commit", "before a batch", "within a batch", "after a batch",
)  # fmt: skip


def start(command: str, url: str) -> subprocess.Popen[str]:
    """This module as a process of its own."""
    arguments = [sys.executable, "-m", __name__, command, url]
    return subprocess.Popen(arguments, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


def hold(url: str) -> None:
    """Loads a day and never ends."""
    with (
        warehouse_at(url) as warehouse,
        warehouse.loading("activity_counts", tables.activity_counts, DAY, CALLER) as held,
    ):
        held.replace(counts(NEW))
        print("held", flush=True)  # noqa: T201
        signal.pause()


def hold_umbrella(url: str) -> None:
    """Runs the pipeline of a day and never ends."""
    with warehouse_at(url) as warehouse, umbrella.held(warehouse, "pipeline", DAY, CALLER):
        print("held", flush=True)  # noqa: T201
        signal.pause()


def crash(url: str) -> None:
    """For each moment, a line of JSON: whether the process died there, what it left, what a second run made of it."""
    with warehouse_at(url) as warehouse:
        for moment in MOMENTS:
            for number in count(1):
                reset(warehouse)
                warehouse.close()
                died = dies(url, moment, number)
                left = state(warehouse)
                run_again(warehouse)
                line = {"moment": moment, "number": number, "died": died, "left": left, "afterwards": state(warehouse)}
                print(json.dumps(line), flush=True)  # noqa: T201
                if not died:
                    break


def reset(warehouse: Warehouse) -> None:
    """The old day, loaded by the first run of the registry."""
    with warehouse.engine.begin() as connection:
        for table in (tables.activity_counts, tables.etl_job_runs):
            connection.execute(sa.delete(table))
    load(warehouse, OLD)


def dies(url: str, moment: str, number: int) -> bool:
    """Loads the new day in a process that kills itself when it passes the moment for the number-th time."""
    child = os.fork()
    if child == 0:
        with warehouse_at(url) as warehouse:
            kill_at(warehouse, moment, number)
            with warehouse.loading("activity_counts", tables.activity_counts, DAY, CALLER, BATCH) as doomed:
                doomed.replace(counts(NEW))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
        raise RuntimeError(f"The load failed instead of dying {moment} {number}.")
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def kill_at(warehouse: Warehouse, moment: str, number: int) -> None:
    """Sets this process up to die there."""
    passed = count(1)

    def passing(now: str) -> None:
        if now == moment and next(passed) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(warehouse.engine, "before_cursor_execute", lambda *_: passing("before a statement"))
    warehouse.engine.dialect.do_commit = around(warehouse.engine.dialect.do_commit, passing, "a commit")  # type: ignore[method-assign]
    bulk.insert_columns = around(bulk.insert_columns, passing, "a batch")
    watch_rows_travel(lambda: passing("within a batch"))


def around(function: Callable[..., Any], passing: Callable[[str], None], what: str) -> Callable[..., Any]:
    """The function with a moment before and one after it."""

    def watched(*arguments: Any) -> Any:
        passing(f"before {what}")
        result = function(*arguments)
        passing(f"after {what}")
        return result

    return watched


def watch_rows_travel(passing: Callable[[], None]) -> None:
    """Calls `passing` before each piece of a batch that a driver takes: of COPY, LOAD DATA's file, SQLite's INSERTs."""

    class Pieces:
        def __init__(self, whole: Any) -> None:
            self.whole = whole

        def read(self, size: int) -> Any:
            passing()
            return self.whole.read(size)

    @contextmanager
    def opened(name: str, mode: str) -> Iterator[Pieces]:
        with open(name, mode) as file:
            yield Pieces(file)

    def insertion(*arguments: Any) -> str:
        passing()
        return str(insertion_for_sqlite(*arguments))

    string_io, insertion_for_sqlite = bulk.io.StringIO, bulk._insertion_for_sqlite
    bulk.io = SimpleNamespace(StringIO=lambda text: Pieces(string_io(text)))
    pymysql.connections.open = opened
    bulk._insertion_for_sqlite = insertion


def state(warehouse: Warehouse) -> dict[str, Any]:
    """What a reader finds: the old day, the new day or neither, and how the runs of the registry ended."""
    views = views_of(warehouse)
    day = "old" if views == OLD else "new" if views == NEW else f"mix of {len(views)} rows"
    return {"day": day, "runs": [run["status"] for run in runs(warehouse)]}


def run_again(warehouse: Warehouse) -> None:
    """Loads the new day."""
    soon(lambda: load(warehouse, NEW))


def soon(act: Callable[[], Any]) -> None:
    """Acts once the server has noticed that the dead process is gone and let go of its lock."""
    deadline = time.monotonic() + 10
    while True:
        try:
            act()
        except AlreadyRunningError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


if __name__ == "__main__":
    {"hold": hold, "crash": crash, "umbrella": hold_umbrella}[sys.argv[1]](sys.argv[2])
