"""Which runs of the command line still have a process, so that a killed one does not look alive in Dagster for ever.

Dagster watches the runs that it launched itself. A run of `lms-etl` lives in the command's own process: that holds a
lock on a file named in the run's tags, and the operating system drops the lock with the process.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import dagster as dg
import filelock

PROCESS_TAG = "lms_etl/process"
LIVE = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


def folder_of(home: Path) -> Path:
    """The folder of the lock files of an instance."""
    return home / "processes"


@contextmanager
def this_process(home: Path) -> Iterator[str]:
    """Holds a lock for the block and gives its name, the value of PROCESS_TAG for runs of this process."""
    folder = folder_of(home)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{socket.gethostname()}.{os.getpid()}.{uuid4().hex[:8]}"
    try:
        with filelock.FileLock(folder / name):
            yield name
    finally:
        (folder / name).unlink(missing_ok=True)


def fail_dead_runs(instance: dg.DagsterInstance, home: Path) -> list[str]:
    """Marks the runs as failed whose process on this machine is gone; returns their ids."""
    dead = [run for run in instance.get_runs(dg.RunsFilter(statuses=LIVE)) if _is_dead(run.tags.get(PROCESS_TAG), home)]
    for run in dead:
        instance.report_run_failed(run, "The process of this run ended without a word. Loaded days stay loaded.")
        (folder_of(home) / run.tags[PROCESS_TAG]).unlink(missing_ok=True)
    return [run.run_id for run in dead]


def _is_dead(name: str | None, home: Path) -> bool:
    if name is None or not name.startswith(f"{socket.gethostname()}."):
        return False
    with suppress(filelock.Timeout), filelock.FileLock(folder_of(home) / name, blocking=False):
        return True
    return False
