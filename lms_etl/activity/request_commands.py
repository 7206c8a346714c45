"""What the command line does with the queue: put a request in, stop a run."""

from datetime import date
from typing import Any

import sqlalchemy as sa
from rich.console import Console

from lms_etl.runs import checked_days, require_open_window
from lms_etl.settings import Settings
from lms_etl.warehouse import queue, schema
from lms_etl.warehouse.tables import etl_job_runs as runs
from lms_etl.warehouse.warehouse import Warehouse


class UnclearRun(Exception):
    """No run was named, and there is none to stop, or more than one."""


def enqueue(out: Console, settings: Settings, job: str, day: date, force: bool = False) -> None:
    """Queues a job of a day and says what happens next.

    Raises BadDay for a day that cannot be run, AlreadyRunningError if it is queued or running, WaitingForCounts for a
    report whose counts are missing.
    """
    checked_days(settings, day, day)
    if not force:
        require_open_window(settings, day)
    warehouse = Warehouse(settings)
    schema.require_current(warehouse)
    with warehouse.writing() as connection:
        number = queue.request(connection, job, day, "cli", force=force)
    action = "lms-etl user_activity_etl"
    for line in (
        f"Queued as run {number}: {job} of {day}.",
        "The Dagster daemon starts it; it must run (`lms-etl dev`, or `dagster-daemon run`).",
        f"`{action} status` shows how it goes, `{action} stop {number}` takes it back.",
    ):
        out.print(line, soft_wrap=True, highlight=False)


def stop(out: Console, settings: Settings, number: int | None) -> None:
    """Stops a run, or the only one there is, and says what that means. Raises UnclearRun, UnknownRun."""
    warehouse = Warehouse(settings)
    schema.require_current(warehouse)
    with warehouse.writing() as connection:
        chosen = only_one(connection) if number is None else number
        status = queue.stop(connection, chosen)
    meaning = {
        "STOPPED": "is stopped, or was already; it does not run.",
        "RUNNING": "is asked to stop: it does so before its next day or batch, and what it was loading is rolled back.",
    }
    out.print(f"Run {chosen} {meaning.get(status, f'had ended before: {status}.')}", soft_wrap=True, highlight=False)


def only_one(connection: sa.Connection) -> int:
    """The number of the only live run: of its own row, not of one of its loads. Raises UnclearRun."""
    live = connection.execute(sa.select(runs).where(runs.c.live_key > "").order_by(runs.c.id)).mappings().all()
    whole: dict[Any, Any] = {}
    for row in live:
        whole.setdefault(row["dagster_run_id"] or row["id"], row)
    if len(whole) == 1:
        return int(next(iter(whole.values()))["id"])
    if not whole:
        raise UnclearRun("No run is queued or running.")
    listed = ", ".join(f"{row['id']} ({row['job_name']} of {row['target_date']})" for row in list(whole.values())[:20])
    raise UnclearRun(f"{len(whole)} runs are queued or running; name one: {listed}.")
