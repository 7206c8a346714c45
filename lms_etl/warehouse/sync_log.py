"""What `progress_syncs` says: the syncs of each company, success by day, and the rows that each company has."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from lms_etl.service_counts import CompanySyncs
from lms_etl.warehouse.tables import companies, company_settings, course_progress
from lms_etl.warehouse.tables import progress_syncs as syncs

SYNCS = ("changes", "full", "reconcile", "cleanup")
"""Kinds that bring rows from the source; a clear does not."""

LOOK_BACK = timedelta(days=7)
"""How far back a company's syncs are looked at; `companies.synced_through` knows older ones."""

_ENDED = syncs.c.status.in_(("success", "failed"))


def of_companies(connection: sa.Connection, now: datetime, hours: float) -> list[CompanySyncs]:
    """Every company that exists, by name, with its syncs; counts are of the last `hours`. Two statements."""
    lately = sa.and_(_ENDED, syncs.c.started_at >= now - timedelta(hours=hours))
    done = (syncs.c.status == "success", syncs.c.completed_at)

    def lately_sum(name: str) -> sa.ColumnElement[Any]:
        return sa.func.sum(sa.case((lately, syncs.c[name]), else_=0)).label(name)

    found = (
        sa.select(
            syncs.c.companyid,
            sa.func.max(syncs.c.id).label("newest"),
            sa.func.max(sa.case((_ENDED, syncs.c.id))).label("ended"),
            sa.func.max(sa.case(done)).label("last_success"),
            sa.func.sum(sa.case((lately, 1), else_=0)).label("syncs"),
            sa.func.sum(sa.case((sa.and_(lately, syncs.c.status == "failed"), 1), else_=0)).label("failed"),
            *map(lately_sum, ("rows_created", "rows_updated", "rows_deleted")),
        )
        .where(syncs.c.started_at >= now - LOOK_BACK, syncs.c.kind.in_(SYNCS))
        .group_by(syncs.c.companyid)
        .subquery()
    )
    newest, ended, off = syncs.alias(), syncs.alias(), company_settings.alias()
    switched_off = sa.and_(
        off.c.companyid == companies.c.companyid, off.c.setting_name == "enabled", off.c.setting_value == 0
    )
    known = (
        companies.outerjoin(found, found.c.companyid == companies.c.companyid)
        .outerjoin(newest, newest.c.id == found.c.newest)
        .outerjoin(ended, ended.c.id == found.c.ended)
        .outerjoin(off, switched_off)
    )
    query = (
        sa.select(
            *(companies.c[name] for name in ("companyid", "shortname", "synced_through", "created_at")),
            off.c.id.label("off"),
            *(newest.c[name].label(f"newest_{name}") for name in ("status", "started_at", "completed_at", "error")),
            ended.c.status.label("ended_status"),
            ended.c.error.label("ended_error"),
            ended.c.completed_at.label("ended_at"),
            *(found.c[name] for name in ("last_success", "syncs", "failed")),
            *(found.c[f"rows_{name}"] for name in ("created", "updated", "deleted")),
        )
        .select_from(known)
        .where(companies.c.live == 1)
        .order_by(companies.c.shortname, companies.c.companyid)
    )
    return [_company(row) for row in connection.execute(query)]


def _company(row: Any) -> CompanySyncs:
    return CompanySyncs(
        companyid=row.companyid,
        name=row.shortname,
        enabled=row.off is None,
        known_since=row.created_at,
        newest=row.newest_status,
        newest_at=row.newest_completed_at or row.newest_started_at,
        newest_error=row.newest_error,
        ended=row.ended_status,
        ended_error=row.ended_error,
        ended_at=row.ended_at,
        last_success=row.last_success or _moment(row.synced_through),
        syncs=int(row.syncs or 0),
        failed=int(row.failed or 0),
        created=int(row.rows_created or 0),
        updated=int(row.rows_updated or 0),
        deleted=int(row.rows_deleted or 0),
    )


def _moment(seconds: int) -> datetime | None:
    """Unix seconds as the warehouse keeps moments; None for 0."""
    return datetime(1970, 1, 1) + timedelta(seconds=seconds) if seconds else None  # noqa: DTZ001


def success_between(connection: sa.Connection, bounds: Sequence[datetime]) -> list[tuple[int, int]]:
    """For each span between two neighbours of `bounds` how many syncs succeeded and how many ended. One statement."""
    spans = list(pairwise(bounds))
    number = sa.case(
        *((syncs.c.started_at < until, index) for index, (_, until) in enumerate(spans)), else_=len(spans)
    ).label("number")
    numbered = (
        sa.select(number, sa.case((syncs.c.status == "success", 1), else_=0).label("good"))
        .where(_ENDED, syncs.c.kind.in_(SYNCS), syncs.c.started_at >= bounds[0], syncs.c.started_at < bounds[-1])
        .subquery()
    )
    query = sa.select(numbered.c.number, sa.func.sum(numbered.c.good), sa.func.count()).group_by(numbered.c.number)
    counted = {index: (int(good), total) for index, good, total in connection.execute(query)}
    return [counted.get(index, (0, 0)) for index in range(len(spans))]


def change_numbers(connection: sa.Connection) -> dict[int, int]:
    """The number of the newest change of each company."""
    return dict(connection.execute(sa.select(companies.c.companyid, companies.c.change_number)).all())


def rows_of(connection: sa.Connection, wanted: Sequence[int]) -> dict[int, int]:
    """How many rows, tombstones left out, each of these companies has."""
    if not wanted:
        return {}
    where = (course_progress.c.companyid.in_(wanted), course_progress.c.is_deleted == 0)
    query = sa.select(course_progress.c.companyid, sa.func.count()).where(*where).group_by(course_progress.c.companyid)
    return dict(connection.execute(query).all())
