"""What must be true of the reporting table; a check that fails says which company, user and course.

That source and warehouse have as many rows is made sure within each full compare, in the snapshot that it read and
before it commits: asked afterwards, a site that lives would never agree. The check here tells what those found.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import sqlalchemy as sa

from lms_etl.day_guards import permanent_failures
from lms_etl.progress.assets import course_progress
from lms_etl.progress.sync_log import FULL, RECONCILE, SUCCESS
from lms_etl.warehouse import tables
from lms_etl.warehouse.warehouse import Warehouse

SHOWN = 20
_TABLE = tables.course_progress
_ROW = _TABLE.c


@dg.asset_check(asset=course_progress, blocking=True)
def source_and_warehouse_agree(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Every company that was compared as a whole last has as many live rows as Moodle gave."""
    syncs = tables.progress_syncs
    newest = sa.select(sa.func.max(syncs.c.id)).where(syncs.c.status == SUCCESS).group_by(syncs.c.companyid)
    live = sa.func.count(_ROW.id)
    query = (
        sa.select(syncs.c.companyid, syncs.c.rows_read, live)
        .select_from(syncs.outerjoin(_TABLE, (_ROW.companyid == syncs.c.companyid) & (_ROW.is_deleted == 0)))
        .where(syncs.c.id.in_(newest), syncs.c.kind.in_((FULL, RECONCILE)))
        .group_by(syncs.c.companyid, syncs.c.rows_read)
    )
    with permanent_failures():
        found = _rows(warehouse, query)
    complaints = [
        f"company {company}: Moodle gave {read} rows, the warehouse has {loaded}"
        for company, read, loaded in found
        if read != loaded
    ]
    return verdict(complaints, companies=len(found))


@dg.asset_check(asset=course_progress, blocking=True)
def each_user_stands_once_in_a_course(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """No company has two rows of one user in one course, which the unique key should make impossible."""
    key = (_ROW.companyid, _ROW.userid, _ROW.courseid)
    query = sa.select(*key, sa.func.count()).group_by(*key).having(sa.func.count() > 1).limit(SHOWN)
    with permanent_failures():
        found = _rows(warehouse, query)
    return verdict([f"{_named(row)}: {row[3]} rows instead of 1" for row in found])


@dg.asset_check(asset=course_progress, blocking=True)
def percentages_are_possible(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Percentages lie within 0 and 100, and a completed course has 100 and a moment, unless the old rules are asked."""
    odd = (_ROW.percentage < 0) | (_ROW.percentage > 100)
    if not warehouse.settings.progress_parity:
        completed = _ROW.status == "completed"
        odd |= completed & ((_ROW.percentage != 100) | (_ROW.timecompleted == 0))
    query = sa.select(
        _ROW.companyid, _ROW.userid, _ROW.courseid, _ROW.percentage, _ROW.status, _ROW.timecompleted
    ).where(odd, _ROW.is_deleted == 0)
    with permanent_failures():
        found = _rows(warehouse, query.limit(SHOWN))
    return verdict([f"{_named(row)}: {row[3]} %, {row[4]}, completed at {row[5]}" for row in found])


def verdict(complaints: list[str], **numbers: Any) -> dg.AssetCheckResult:
    """The result; the description says what is wrong."""
    more = f" … and {len(complaints) - SHOWN} more" if len(complaints) > SHOWN else ""
    return dg.AssetCheckResult(
        passed=not complaints,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(complaints[:SHOWN]) + more if complaints else "True of every company.",
        metadata={"complaints": len(complaints), **numbers},
    )


def _named(row: Sequence[Any]) -> str:
    return f"company {row[0]} user {row[1]} course {row[2]}"


def _rows(warehouse: Warehouse, query: sa.Select[Any]) -> Sequence[Any]:
    with warehouse.reading() as connection:
        return connection.execute(query).fetchall()
