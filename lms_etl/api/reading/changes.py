"""Which days were loaded anew, and when: what snapshots and incremental exports rest on.

The registry tells. A load turns its row SUCCESS, with the rows it added, changed and removed, in the transaction that
changes the facts. So number, newest and sum of the rows with a change are the version of some days: a load that changed
nothing is no new version.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from lms_etl.api.reading.cursors import Filters, digest_of
from lms_etl.api.reading.freshness import SPAN, Freshness, freshness_of
from lms_etl.api.scope import Scope
from lms_etl.warehouse.receipts import FINISHING_STEP
from lms_etl.warehouse.tables import etl_job_runs as runs

_EARLIEST = date(1000, 1, 1)
"""The first day that every dialect can hold."""

_CHANGED = (
    runs.c.status == "SUCCESS",
    runs.c.rows_inserted + runs.c.rows_updated + runs.c.rows_deleted > 0,
)


_IN_RANGE = runs.c.target_date.between(sa.bindparam("from_day", type_=sa.Date), sa.bindparam("to_day", type_=sa.Date))
_VERSION = sa.select(
    sa.func.count().label("loads"), sa.func.max(runs.c.id).label("newest_load"), sa.func.sum(runs.c.id).label("ids")
).where(runs.c.job_name == FINISHING_STEP, *_CHANGED, _IN_RANGE)
_COURSES = sa.select(sa.func.max(runs.c.id)).where(runs.c.job_name == "courses", *_CHANGED).scalar_subquery()
# Made once, and one statement: every answer begins with it.
_SPAN, _LOADS = SPAN.subquery("span"), _VERSION.subquery("loads")
_STATE = sa.select(_SPAN, _LOADS, _COURSES.label("courses")).select_from(_SPAN.join(_LOADS, sa.true()))


@dataclass(frozen=True)
class State:
    """What the warehouse holds at one moment: how fresh it is, and which loads some days are made of.

    `version` differs as soon as a load changes a row of the days, and, for who reads a part of the courses, as soon as
    they change. `places` differs with the courses alone.
    """

    fresh: Freshness
    version: str
    places: int | None


def state(connection: sa.Connection, first: date | None, last: date | None, scope: Scope, as_of: datetime) -> State:
    """The state of the days from first to last, or to an open end."""
    row = connection.execute(_STATE, {"job": FINISHING_STEP, **_range(first, last)}).one()
    loads = (row.loads, row.newest_load, int(row.ids or 0))
    version = digest_of(loads, None if scope.admin else row.courses, scope.mark)
    return State(freshness_of(connection, row, as_of), version, row.courses)


@dataclass(frozen=True)
class Changes:
    """The days in which rows came or changed after a moment, and those among them that lost rows."""

    changed: Sequence[date]
    replaced: Sequence[date]


def changes(connection: sa.Connection, filters: Filters) -> Changes:
    """What was loaded after a moment. A row that is gone leaves no trace, so a day that lost one is told as a whole."""
    query = (
        sa.select(runs.c.target_date, sa.func.sum(runs.c.rows_deleted))
        .where(runs.c.job_name == FINISHING_STEP, runs.c.completed_at > filters.updated_since, *_CHANGED, _IN_RANGE)
        .group_by(runs.c.target_date)
        .order_by(runs.c.target_date)
    )
    found = connection.execute(query, _range(filters.first, filters.last)).all()
    return Changes([day for day, _ in found], [day for day, deleted in found if deleted])


def _range(first: date | None, last: date | None) -> dict[str, date]:
    return {"from_day": first or _EARLIEST, "to_day": last or date.max}
