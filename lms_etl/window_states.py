"""The window states of the last days, for the command line and the monitor page."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from lms_etl import window
from lms_etl.days import each_day, last_complete_day
from lms_etl.warehouse import receipts
from lms_etl.warehouse.receipts import FINISHING_STEP
from lms_etl.warehouse.tables import etl_job_runs
from lms_etl.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Line:
    """One day of the page. Times are the site's."""

    day: date
    state: str
    loaded_at: str = ""
    margin: str = ""
    attempts: int = 0
    reason: str = ""


def lines(warehouse: Warehouse, now: datetime, days: int) -> list[Line]:
    """The days from today back, today itself pending; none before the first day of the site."""
    settings = warehouse.settings
    today = last_complete_day(settings.zone, now) + timedelta(days=1)
    first = max(today - timedelta(days=days - 1), settings.start_date)
    with warehouse.reading() as connection:
        found = receipts.between(connection, FINISHING_STEP, first, today)
        tries = attempts(connection, first, today)
        oldest = receipts.first_watched(connection, FINISHING_STEP) or today
    return [line(warehouse, day, now, found.get(day), tries, oldest) for day in reversed(list(each_day(first, today)))]


def line(warehouse: Warehouse, day: date, now: datetime, receipt: Any, tries: dict[date, int], oldest: date) -> Line:
    """One day. Before the oldest watched one a closed window was not missed: nobody was to load it."""
    zone = warehouse.settings.zone
    loaded = window.aware(receipt.first_completed_at) if receipt and receipt.first_completed_at else None
    state: str = window.state(day, zone, now, loaded)
    if state == "missed" and receipt is None and day < oldest:
        state = "not loaded"
    reason = receipt.reason or "" if receipt else ""
    if loaded is None:
        return Line(day, state, attempts=tries.get(day, 0), reason=reason)
    margin = window.window_of(day, zone).margin_minutes(loaded)
    hours, minutes = divmod(abs(margin), 60)
    shown = f"{'-' if margin < 0 else ''}{hours}:{minutes:02}"
    return Line(day, state, window.local_text(loaded, zone)[:16], shown, tries.get(day, 0), reason)


def attempts(connection: sa.Connection, first: date, last: date) -> dict[date, int]:
    """How many runs in Dagster tried to load each day, by its first step or its last."""
    runs = etl_job_runs.c
    tried = (runs.job_name.in_(("activity_counts", FINISHING_STEP)), runs.target_date.between(first, last))
    number = sa.func.count(runs.dagster_run_id.distinct())
    query = sa.select(runs.target_date, number).where(
        *tried, runs.status.in_(("SUCCESS", "FAILED", "STOPPED", "RUNNING"))
    )
    return {row[0]: row[1] for row in connection.execute(query.group_by(runs.target_date))}
