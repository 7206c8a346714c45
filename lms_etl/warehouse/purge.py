"""What may be deleted: finished runs when they are old, facts only when somebody asks. Receipts always stay."""

from datetime import date, datetime

import sqlalchemy as sa

from lms_etl.warehouse import tables
from lms_etl.warehouse.tables import etl_job_runs as runs
from lms_etl.warehouse.warehouse import Warehouse

BATCH = 1000
"""Rows deleted in one transaction: others wait no longer than for a load."""


def old_runs(warehouse: Warehouse, before: datetime, most: int = 200_000) -> int:
    """Deletes runs that ended before a moment (UTC), `most` at a time, and returns how many.

    The newest finished run of each job stays however old, so that its status never becomes not_started again.
    """
    newest = sa.select(sa.func.max(runs.c.id)).where(runs.c.live_key.is_(None)).group_by(runs.c.job_name)
    with warehouse.reading() as connection:
        kept = list(connection.scalars(newest))
    old = sa.select(runs.c.id).where(runs.c.completed_at < before, runs.c.live_key.is_(None), runs.c.id.not_in(kept))
    deleted = 0
    while deleted < most:
        with warehouse.writing() as connection:
            found = list(connection.scalars(old.order_by(runs.c.completed_at).limit(BATCH)))
            if found:
                connection.execute(sa.delete(runs).where(runs.c.id.in_(found)))
        deleted += len(found)
        if len(found) < BATCH:
            break
    return deleted


def facts_before(warehouse: Warehouse, day: date) -> dict[str, int]:
    """Rows of each table of facts about days before `day`."""
    with warehouse.reading() as connection:
        return {
            table.name: connection.execute(sa.select(sa.func.count()).where(table.c.extraction_date < day)).scalar_one()
            for table in tables.FACTS
        }


def delete_facts_before(warehouse: Warehouse, day: date) -> None:
    """Deletes the rows of every table of facts about days before `day`, one day and table at a time.

    The days' receipts stay, so a backfill does not bring them back unless it is forced.
    """
    for table in tables.FACTS:
        with warehouse.reading() as connection:
            days = connection.scalars(
                sa.select(table.c.extraction_date).where(table.c.extraction_date < day).distinct()
            ).all()
        for old in sorted(days):
            with warehouse.writing() as connection:
                connection.execute(sa.delete(table).where(table.c.extraction_date == old))
