"""Which days were loaded anew, and when: what snapshots and incremental exports rest on.

The registry tells. A load turns its row SUCCESS, with the rows it added, changed and removed, in the transaction that
changes the facts; and ids of one job and day grow in the order of its loads. So the newest row with a change is the
version of a day: a load that changed nothing is no new version.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from lms_etl.api.reading.cursors import digest_of
from lms_etl.api.reading.freshness import REPORT
from lms_etl.api.scope import Scope
from lms_etl.warehouse.tables import etl_job_runs as runs

_CHANGED = (
    runs.c.status == "SUCCESS",
    runs.c.rows_inserted + runs.c.rows_updated + runs.c.rows_deleted > 0,
)


def version(connection: sa.Connection, first: date | None, last: date | None, scope: Scope) -> str:
    """A digest of the loads that the days from first to last hold, and of the courses where they decide who reads."""
    newest = sa.func.max(runs.c.id)
    query = sa.select(runs.c.target_date, newest).where(runs.c.job_name == REPORT, *_CHANGED, *_between(first, last))
    days = connection.execute(query.group_by(runs.c.target_date).order_by(runs.c.target_date)).all()
    courses = None if scope.admin else courses_version(connection)
    return digest_of([tuple(each) for each in days], courses, scope.mark)


def courses_version(connection: sa.Connection) -> int | None:
    """The newest load that changed `courses`."""
    query = sa.select(sa.func.max(runs.c.id)).where(runs.c.job_name == "courses", *_CHANGED)
    return connection.execute(query).scalar()


@dataclass(frozen=True)
class Changes:
    """The days in which rows came or changed after a moment, and those among them that lost rows."""

    changed: Sequence[date]
    replaced: Sequence[date]


def changes(connection: sa.Connection, since: datetime, first: date | None, last: date | None) -> Changes:
    """What was loaded after a moment. A row that is gone leaves no trace, so a day that lost one is told as a whole."""
    query = (
        sa.select(runs.c.target_date, sa.func.sum(runs.c.rows_deleted))
        .where(runs.c.job_name == REPORT, runs.c.completed_at > since, *_CHANGED, *_between(first, last))
        .group_by(runs.c.target_date)
        .order_by(runs.c.target_date)
    )
    found = connection.execute(query).all()
    return Changes([day for day, _ in found], [day for day, deleted in found if deleted])


def _between(first: date | None, last: date | None) -> list[Any]:
    bounds = []
    if first is not None:
        bounds.append(runs.c.target_date >= first)
    if last is not None:
        bounds.append(runs.c.target_date <= last)
    return bounds
