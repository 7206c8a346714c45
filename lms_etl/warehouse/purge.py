"""What may be deleted: finished runs when they are old, facts only when somebody asks. Receipts always stay."""

from datetime import UTC, date, datetime
from typing import Any

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
    old = sa.and_(runs.c.completed_at < before, runs.c.live_key.is_(None), runs.c.id.not_in(kept))
    return _deleted(warehouse, runs, old, most, runs.c.completed_at)


def old_calls(warehouse: Warehouse, before: datetime, most: int = 1_000_000) -> int:
    """Deletes what the report API noted before a moment (UTC): calls, failed authentication, counts of whole days."""
    seconds = int(before.replace(tzinfo=UTC).timestamp())
    deleted = 0
    for table, old in (
        (tables.api_calls, tables.api_calls.c.timeaccessed < seconds),
        (tables.auth_attempts, tables.auth_attempts.c.attempted_at < before),
    ):
        deleted += _deleted(warehouse, table, old, most, table.c.id)
    with warehouse.writing() as connection:
        counts = sa.delete(tables.company_quotas).where(tables.company_quotas.c.quota_date < before.date())
        return deleted + connection.execute(counts).rowcount


def _deleted(
    warehouse: Warehouse, table: sa.Table, old: sa.ColumnElement[bool], most: int, order: sa.ColumnElement[Any]
) -> int:
    """Deletes rows in batches, the first of an order first; returns how many."""
    deleted = 0
    while deleted < most:
        with warehouse.writing() as connection:
            found = list(connection.scalars(sa.select(table.c.id).where(old).order_by(order).limit(BATCH)))
            if found:
                connection.execute(sa.delete(table).where(table.c.id.in_(found)))
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
