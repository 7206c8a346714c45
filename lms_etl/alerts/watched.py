"""What the warehouse itself tells: days whose window closed without a load, and runs without a sign of life."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from lms_etl.alerts.causes import Stale
from lms_etl.alerts.rules import LOADED_LAST
from lms_etl.alerts.spans import Spans
from lms_etl.warehouse.registry import DIED
from lms_etl.warehouse.tables import etl_days
from lms_etl.warehouse.tables import etl_job_runs as runs


def missed_days(connection: sa.Connection, since: datetime) -> list[tuple[str, date, datetime]]:
    """Tables and days whose miss was noted after `since`, in their receipt or in the registry."""
    receipts = sa.select(etl_days.c.job_name, etl_days.c.target_date, etl_days.c.missed_at).where(
        etl_days.c.state == "missed", etl_days.c.missed_at > since
    )
    noted = sa.select(runs.c.job_name, runs.c.target_date, runs.c.completed_at).where(
        runs.c.status == "MISSED", runs.c.completed_at > since, runs.c.target_date.is_not(None)
    )
    found: dict[tuple[str, date], datetime] = {}
    for query in (receipts, noted):
        for job, day, at in connection.execute(query):
            found.setdefault((job, day), at)
    return [(job, day, at) for (job, day), at in found.items()]


def stale_runs(connection: sa.Connection, since: datetime, now: datetime, silence: timedelta) -> Iterator[Stale]:
    """Live rows without a heartbeat for `silence`, and rows that were given up for that reason after `since`."""
    columns = (runs.c.id, runs.c.job_name, runs.c.target_date, runs.c.heartbeat_at, runs.c.dagster_run_id)
    # A comparison and not "is not null": SQLite would read the whole table for that one.
    living = sa.select(*columns).where(
        runs.c.live_key > "", runs.c.status == "RUNNING", runs.c.heartbeat_at < now - silence
    )
    buried = sa.select(*columns).where(
        runs.c.completed_at > since, runs.c.status == "FAILED", runs.c.error.like(DIED + "%")
    )
    for query in (living, buried):
        for row, job, day, at, run_id in connection.execute(query):
            yield Stale(row, job, day, at or now, run_id)


def not_loaded(connection: sa.Connection, job: str, days: Spans, since: datetime) -> Spans:
    """Of the days of a run that failed, those whose last table it had not loaded before."""
    table = LOADED_LAST.get(job, job)
    first, last = days.spans[0][0], days.spans[-1][1]
    query = sa.select(etl_days.c.target_date).where(
        etl_days.c.job_name == table,
        etl_days.c.target_date.between(first, last),
        etl_days.c.last_completed_at >= since,
    )
    return days - Spans.of(day for (day,) in connection.execute(query))
