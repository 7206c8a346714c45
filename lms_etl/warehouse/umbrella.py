"""The row of a whole run: one documented job on one day, held by the process that does it.

Command line, schedule and API compete for the same unique key of the database. Whoever gets it holds a lock as well,
which dies with the process: so a row that runs without its lock belongs to nobody any more and is failed.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from lms_etl import databases
from lms_etl.databases import DatabaseProblem
from lms_etl.warehouse import queue, registry
from lms_etl.warehouse.locks import AlreadyRunningError, is_free, locked
from lms_etl.warehouse.tables import etl_job_runs as runs
from lms_etl.warehouse.warehouse import SETTING, Warehouse

STEPS = {"pipeline": 4, "main_etl": 2, "activity_counts": 1, "user_counts": 1}
"""Loads of one day in each job: the progress of its row."""

_CLAIM_SECONDS = 10
"""How long the run of a request waits for others that only look at whether the lock is free."""

HELD: dict[int, "Umbrella"] = {}
"""What this process holds, by the row's id: the command line takes its row before Dagster starts."""


@dataclass
class Umbrella:
    """A held row. Loads find it at `Warehouse.umbrella`: they count as its steps, and stop when it is asked to stop."""

    warehouse: Warehouse
    run: int
    job: str
    day: date
    dagster_run_id: str | None = None
    done: int = 0

    def row_for(self, job: str, day: date | None) -> int | None:
        """The row that a load writes into instead of adding one: of a job that is that load."""
        return self.run if (job, day) == (self.job, self.day) else None

    def step_done(self) -> None:
        """Moves the progress on, of a job that has several steps."""
        self.done += 1
        if self.job not in queue.COUNTS:
            with suppress(DatabaseProblem), self.warehouse.writing() as connection:
                registry.progress(connection, self.run, self.done, STEPS[self.job])

    def close(self, status: str, error: str | None = None) -> None:
        """Ends the row unless it has ended. A success without a step done is SKIPPED, a failure on request STOPPED."""
        reason = None
        if status == "SUCCESS" and not self.done:
            status, reason = "SKIPPED", "every step was loaded before"
        with suppress(DatabaseProblem), self.warehouse.writing() as connection:
            if status == "FAILED" and queue.stop_requested(connection, self.dagster_run_id, self.run):
                status, error = "STOPPED", None
            queue.close(connection, self.run, status, error, reason)


@contextmanager
def held(
    warehouse: Warehouse, job: str, day: date, caller: registry.Caller, request: int | None = None
) -> Iterator[Umbrella]:
    """Holds the row of a job and day for the block: that of a request, else a new one; it must be closed in the block.

    Raises AlreadyRunningError if it is queued or running elsewhere, StoppedError if the request is over.
    """
    with (
        databases.plain_errors(SETTING, warehouse.url),
        warehouse.engine.execution_options(begin="immediate").connect() as connection,
        locked(connection, lock_name(job, day), wait=_CLAIM_SECONDS if request else 0),
    ):
        run = _take_request(connection, request, caller) if request else _add(connection, job, day, caller)
        connection.commit()
        umbrella = Umbrella(warehouse, run, job, day, caller.dagster_run_id)
        HELD[run] = umbrella
        try:
            with warehouse.heart.beating(run):
                yield umbrella
        finally:
            del HELD[run]


def lock_name(job: str, day: date | None) -> str:
    """The lock of a job as a whole; a load has one of its own."""
    return f"run:{registry.live_key(job, day)}"


def _take_request(connection: sa.Connection, request: int, caller: registry.Caller) -> int:
    steps = sa.case(*((runs.c.job_name == job, count) for job, count in STEPS.items()))
    taken = connection.execute(
        sa.update(runs).where(runs.c.id == request, runs.c.status == "QUEUED").values(numrow=steps, **_running(caller))
    )
    if not taken.rowcount:
        status = connection.execute(sa.select(runs.c.status).where(runs.c.id == request)).scalar()
        raise queue.StoppedError(f"Request {request} is {status or 'gone'}: there is nothing to run for it.")
    return request


def _add(connection: sa.Connection, job: str, day: date, caller: registry.Caller) -> int:
    """A new row; one that a dead process left RUNNING is failed first."""
    key = registry.live_key(job, day)
    live = connection.execute(sa.select(runs.c.id, runs.c.status).where(runs.c.live_key == key)).first()
    if live and live.status == "QUEUED":
        raise AlreadyRunningError(
            f"ETL process is already running: {job} of {day} is queued as run {live.id}. "
            f"The Dagster daemon starts it; `lms-etl user_activity_etl stop {live.id}` takes it back."
        )
    if live:
        # The load itself may belong to another run, such as a backfill; then its lock tells whether it lives.
        if not is_free(connection, key):
            raise AlreadyRunningError(f"ETL process is already running: {job} of {day}, as run {live.id}.")
        queue.close(connection, live.id, "FAILED", registry.DIED)
    return queue.add(
        connection,
        job,
        day,
        status="RUNNING",
        trigger=caller.trigger,
        numrow=STEPS[job],
        limit_size=1,
        **{name: value for name, value in _running(caller).items() if name != "status"},
    )


def _running(caller: registry.Caller) -> dict[str, Any]:
    now = registry.utc_now()
    return {
        "status": "RUNNING",
        "started_at": now,
        "heartbeat_at": now,
        "dagster_run_id": caller.dagster_run_id,
        "root_run_id": caller.root_run_id,
    }
