"""Removing what is loaded for one day, under the locks of its loads, so that nobody sees half of it gone."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date

import sqlalchemy as sa

from lms_etl import databases
from lms_etl.warehouse import registry
from lms_etl.warehouse.locks import already_running, locked
from lms_etl.warehouse.tables import activity_counts, etl_days, etl_job_runs, user_activity, user_counts
from lms_etl.warehouse.warehouse import SETTING, Warehouse

REPORT = {"user_activity": user_activity}
EVERYTHING = {"activity_counts": activity_counts, "user_counts": user_counts, **REPORT}
"""The loads of a day in the order in which they take their locks, and the table of each."""


def clear(warehouse: Warehouse, day: date, loads: dict[str, sa.Table], reason: str) -> dict[str, int]:
    """Deletes the rows of a day from the tables of `loads`, all or none; returns how many of each table.

    Each load gets a row in the registry as one that left no rows, so snapshots and increments know of it, and its
    receipt says that the day is not loaded. Raises AlreadyRunningError while a run of that day is queued or running.
    """
    with databases.plain_errors(SETTING, warehouse.url), ExitStack() as stack:
        for job in loads:
            # One connection for each lock: MySQL 5.6 holds one lock for a connection.
            holder = stack.enter_context(warehouse.engine.connect())
            stack.enter_context(locked(holder, registry.live_key(job, day)))
        connection = stack.enter_context(warehouse.writing())
        _require_idle(connection, day)
        return {table.name: _clear(connection, job, table, day, reason) for job, table in loads.items()}


def _require_idle(connection: sa.Connection, day: date) -> None:
    """A run between two of its steps holds no lock of a load; its row is live all the same."""
    runs = etl_job_runs.c
    live = sa.select(runs.job_name).where(runs.target_date == day, runs.live_key.is_not(None)).limit(1)
    job = connection.execute(live).scalar()
    if job:
        raise already_running(registry.live_key(job, day))


def _clear(connection: sa.Connection, job: str, table: sa.Table, day: date, reason: str) -> int:
    now = registry.utc_now()
    deleted = connection.execute(sa.delete(table).where(table.c.extraction_date == day)).rowcount
    row = {
        "job_name": job,
        "target_date": day,
        "trigger": "api",
        "status": "SUCCESS",
        "attempt": registry.attempts(connection, job, day) + 1,
        "rows_deleted": deleted,
        "duration_seconds": 0,
        "reason": reason,
    }
    moments: Sequence[str] = ("requested_at", "started_at", "heartbeat_at", "completed_at")
    connection.execute(sa.insert(etl_job_runs), row | dict.fromkeys(moments, now))
    emptied = dict.fromkeys(("run_id", "rows_read", "source_max_id", "last_completed_at"))
    receipt = sa.update(etl_days).where(etl_days.c.job_name == job, etl_days.c.target_date == day)
    connection.execute(receipt.values(reason=reason, **emptied))
    return int(deleted)
