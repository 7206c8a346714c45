"""The registry as a queue: a request is a QUEUED row, which the request sensor turns into a run in Dagster.

QUEUED → RUNNING → SUCCESS, FAILED, SKIPPED or STOPPED. The functions here are all that a web API needs: they import
no Dagster, and the caller commits.
"""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from lms_etl.warehouse import receipts, registry
from lms_etl.warehouse.locks import already_running
from lms_etl.warehouse.tables import etl_job_runs as runs

JOBS = {
    "pipeline": "user_activity_job",
    "activity_counts": "activity_counts_job",
    "user_counts": "user_counts_job",
    "main_etl": "main_etl_job",
}
"""The jobs that can be requested, by their documented names, and the job in Dagster that does each."""

COUNTS = ("activity_counts", "user_counts")
"""What the report of a day is made of. These two jobs are one load each, which writes into the job's own row."""


class WaitingForCounts(Exception):
    """The report of a day was asked for before both of its counts are loaded; the message is the documented one."""


class StoppedError(Exception):
    """Somebody asked this run to stop. What it had not committed yet is rolled back."""


class UnknownRun(Exception):
    """The registry has no run of this number."""


def request(
    connection: sa.Connection, job: str, day: date, trigger: str, *, reason: str | None = None, force: bool = False
) -> int:
    """Adds a QUEUED row for a job of JOBS and a day, and returns its id. The caller commits.

    Raises AlreadyRunningError if one of the same job and day is queued or running: the database holds that by a unique
    key, however many ask at once. Raises WaitingForCounts for a report whose counts are missing.
    """
    if job == "main_etl":
        require_counts(connection, [day])
    asked = {"trigger": trigger, "reason": reason, "forced": int(force)}
    return add(connection, job, day, status="QUEUED", **asked)


def add(connection: sa.Connection, job: str, day: date, **columns: Any) -> int:
    """Adds a live row and returns its id. Raises AlreadyRunningError if the job and day has one."""
    key = registry.live_key(job, day)
    row = {
        "job_name": job,
        "target_date": day,
        "live_key": key,
        "attempt": registry.attempts(connection, job, day) + 1,
        "requested_at": registry.utc_now(),
        **columns,
    }
    try:
        with connection.begin_nested():
            added = connection.execute(sa.insert(runs), row)
    except sa.exc.IntegrityError:
        raise already_running(key) from None
    return int(added.inserted_primary_key[0])  # type: ignore[index]


def missing_counts(connection: sa.Connection, days: list[date]) -> tuple[str, date] | None:
    """The first count and day that the report of these days still waits for."""
    for job in COUNTS:
        missing = sorted(set(days) - set(receipts.loaded_days(connection, job, days)))
        if missing:
            return job, missing[0]
    return None


def require_counts(connection: sa.Connection, days: list[date]) -> None:
    """Raises WaitingForCounts, with the documented message, unless both counts of every day are loaded."""
    missing = missing_counts(connection, days)
    if missing:
        job, day = missing
        raise WaitingForCounts(
            "Waiting for ActivityCounts and UserCounts ETL to complete: "
            f"{job} of {day} is not loaded. Run `lms-etl user_activity_etl {job} {day}` first."
        )


def stop(connection: sa.Connection, run: int, reason: str = "stopped on request") -> str:
    """Stops a run and returns its status afterwards. The caller commits. Raises UnknownRun.

    A queued one is STOPPED at once. A running one stays RUNNING until it sees the request, which is between two days
    and, on PostgreSQL and MySQL, between two batches. One that ended is left as it is.
    """
    now = registry.utc_now()
    ended = {"status": "STOPPED", "live_key": None, "completed_at": now, "stop_requested_at": now, "reason": reason}
    if _change(connection, run, "QUEUED", **ended):
        return "STOPPED"
    if _change(connection, run, "RUNNING", stop_requested_at=now, reason=reason):
        return "RUNNING"
    status = connection.execute(sa.select(runs.c.status).where(runs.c.id == run)).scalar()
    if status is None:
        raise UnknownRun(f"The registry has no run {run}. `lms-etl user_activity_etl scheduler_data` lists the runs.")
    return str(status)


def _change(connection: sa.Connection, run: int, only_if: str, **values: Any) -> bool:
    """Changes a row if it still has that status, and tells whether it had."""
    changed = connection.execute(sa.update(runs).where(runs.c.id == run, runs.c.status == only_if).values(values))
    return bool(changed.rowcount)


def link(connection: sa.Connection, run: int, dagster_run_id: str) -> bool:
    """Notes in the row of a request which run Dagster has made for it, if it still waits; tells whether it did."""
    return _change(connection, run, "QUEUED", dagster_run_id=dagster_run_id)


def close(
    connection: sa.Connection,
    run: int,
    status: str,
    error: str | None = None,
    reason: str | None = None,
    at: datetime | None = None,
) -> bool:
    """Ends a live row, if it still is one, with its duration; tells whether it was. `at` is when it ended."""
    row = connection.execute(sa.select(runs.c.started_at).where(runs.c.id == run)).one()
    now = at or registry.utc_now()
    seconds = round((now - row.started_at).total_seconds(), 3) if row.started_at else None
    values = {"status": status, "live_key": None, "completed_at": now, "duration_seconds": seconds, "error": error}
    if reason:
        values["reason"] = reason
    live = runs.c.status.in_(("QUEUED", "RUNNING"))
    return bool(connection.execute(sa.update(runs).where(runs.c.id == run, live).values(values)).rowcount)


def stop_requested(connection: sa.Connection, dagster_run_id: str | None, umbrella: int | None) -> bool:
    """Whether somebody asked to stop this run, by the row of the whole or of any of its loads."""
    of_this = [runs.c.dagster_run_id == dagster_run_id] if dagster_run_id else []
    of_this += [runs.c.id == umbrella] if umbrella is not None else []
    if not of_this:
        return False
    asked = sa.select(runs.c.id).where(sa.or_(*of_this), runs.c.stop_requested_at.is_not(None))
    return connection.execute(asked.limit(1)).first() is not None
