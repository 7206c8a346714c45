"""The receipt of every job and day (`etl_days`): whether and from what it was loaded. Receipts outlive the registry."""

from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from lms_etl.warehouse.tables import etl_days as receipts


class Source(NamedTuple):
    """What the last load of a day was made of: rows and largest id of the source, and when it was committed, UTC."""

    rows_read: int | None
    source_max_id: int | None
    loaded_at: datetime


_LOADED = ("last_completed_at", "run_id", "rows_read", "source_max_id")


def _upsert(insertion: Any, dialect: str) -> Any:
    """Adds a receipt or brings it up to date; the first load's moment stays as it was."""
    new: Any = insertion.inserted if dialect == "mysql" else insertion.excluded
    values = {name: new[name] for name in _LOADED}
    values["first_completed_at"] = sa.func.coalesce(receipts.c.first_completed_at, new.first_completed_at)
    if dialect == "mysql":
        return insertion.on_duplicate_key_update(values)
    return insertion.on_conflict_do_update(index_elements=["job_name", "target_date"], set_=values)


# Made once: each of a year's loads executes it.
_RECORD = {
    "postgresql": _upsert(postgresql.insert(receipts), "postgresql"),
    "mysql": _upsert(mysql.insert(receipts), "mysql"),
    "sqlite": _upsert(sqlite.insert(receipts), "sqlite"),
}


def record(
    connection: sa.Connection, job: str, day: date, run: int, at: datetime, rows_read: int, source_max_id: int | None
) -> None:
    """Notes a successful load; belongs into the transaction that changes the facts."""
    values = {"run_id": run, "last_completed_at": at, "rows_read": rows_read, "source_max_id": source_max_id}
    statement = _RECORD[connection.dialect.name]
    connection.execute(statement, {"job_name": job, "target_date": day, "first_completed_at": at, **values})


def loaded_days(connection: sa.Connection, job: str, days: list[date]) -> dict[date, int]:
    """Of the days asked for, those that are loaded, with the id of the run that did it last."""
    if not days:
        return {}
    query = sa.select(receipts.c.target_date, receipts.c.run_id).where(
        receipts.c.job_name == job,
        receipts.c.target_date.between(min(days), max(days)),
        receipts.c.run_id.is_not(None),
    )
    found = dict(connection.execute(query).all())
    return {day: found[day] for day in days if day in found}


def sources(connection: sa.Connection, job: str, days: list[date]) -> dict[date, Source]:
    """Of the days asked for, those that are loaded, with what their last load was made of."""
    if not days:
        return {}
    query = sa.select(
        receipts.c.target_date, receipts.c.rows_read, receipts.c.source_max_id, receipts.c.last_completed_at
    ).where(
        receipts.c.job_name == job,
        receipts.c.target_date.between(min(days), max(days)),
        receipts.c.run_id.is_not(None),
    )
    found = {row[0]: Source(*row[1:]) for row in connection.execute(query)}
    return {day: found[day] for day in days if day in found}


def newest_source_id(connection: sa.Connection, job: str) -> int | None:
    """The largest id of the source that any loaded day of the job has seen."""
    return connection.execute(
        sa.select(sa.func.max(receipts.c.source_max_id)).where(receipts.c.job_name == job)
    ).scalar()
