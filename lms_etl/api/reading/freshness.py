"""What every answer says about itself: up to which day nothing is missing, and when it was read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from lms_etl.warehouse import registry
from lms_etl.warehouse.tables import etl_days as receipts

REPORT = "user_activity"
"""The step that loads the report, in registry and receipts."""


@dataclass(frozen=True)
class Freshness:
    """`complete_through`: the newest day up to which every day since the first is loaded; `first` and
    `newest`: the ends of what is loaded.

    `as_of`: when it was read, UTC without an offset.
    """

    complete_through: date | None
    first: date | None
    newest: date | None
    as_of: datetime


def freshness(connection: sa.Connection, as_of: datetime | None = None, job: str = REPORT) -> Freshness:
    """The freshness of the report, or of what another step loads; `as_of` is now unless the view began before."""
    as_of = as_of or registry.utc_now()
    loaded = [receipts.c.job_name == job, receipts.c.run_id.is_not(None)]
    day = receipts.c.target_date
    span = sa.select(sa.func.min(day), sa.func.max(day), sa.func.count()).where(*loaded)
    first, last, count = connection.execute(span).one()
    if first is None or (last - first).days + 1 == count:
        return Freshness(last, first, last, as_of)
    unbroken = end_of_unbroken(connection.scalars(sa.select(day).where(*loaded).order_by(day)).all())
    return Freshness(unbroken, first, last, as_of)


def end_of_unbroken(days: Sequence[date]) -> date:
    """The last of the days, in order, before the first gap."""
    for number, day in enumerate(days):
        if day != days[0] + timedelta(days=number):
            return days[number - 1]
    return days[-1]
