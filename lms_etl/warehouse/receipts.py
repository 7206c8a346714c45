"""The receipt of every job and day (`etl_days`): whether and from what it was loaded. Receipts outlive the registry."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from lms_etl.warehouse.tables import etl_days as receipts

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


def complete_through(connection: sa.Connection, job: str) -> date | None:
    """The last day before the first gap: every day from the first loaded one to it is loaded. None before any load."""
    query = sa.select(receipts.c.target_date).where(receipts.c.job_name == job, receipts.c.run_id.is_not(None))
    newest: date | None = None
    for (day,) in connection.execute(query.order_by(receipts.c.target_date)):
        if newest is not None and (day - newest).days > 1:
            break
        newest = day
    return newest
