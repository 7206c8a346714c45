"""The receipt of every job and day (`etl_days`): whether and from what it was loaded. Receipts outlive the registry."""

from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from lms_etl import window
from lms_etl.warehouse.tables import etl_days as receipts


class Source(NamedTuple):
    """What the last load of a day was made of: rows and largest id of the source, and when it was committed, UTC."""

    rows_read: int | None
    source_max_id: int | None
    loaded_at: datetime

    @classmethod
    def of(cls, receipt: Any) -> "Source":
        """What the receipt of a loaded day says of it."""
        return cls(receipt.rows_read, receipt.source_max_id, receipt.last_completed_at)


FINISHING_STEP = "user_activity"
"""The step that is loaded last: with its receipt the day is finished."""

_FIRST = ("state", "margin_minutes", "first_completed_at")
_LOADED = ("last_completed_at", "run_id", "rows_read", "source_max_id")


def _upsert(insertion: Any, dialect: str) -> Any:
    """Adds a receipt or brings it up to date; what the first load decided stays as it was.

    Only a receipt of a missed day has no first load yet: the load makes it a late one.
    """
    new: Any = insertion.inserted if dialect == "mysql" else insertion.excluded
    missed = receipts.c.first_completed_at.is_(None)
    values: dict[str, Any] = {"reason": sa.func.coalesce(receipts.c.reason, sa.case((missed, new.reason)))}
    values |= {name: sa.case((missed, new[name]), else_=receipts.c[name]) for name in _FIRST}
    values |= {name: new[name] for name in _LOADED}
    if dialect == "mysql":
        # In this order: MySQL's later assignments see what the earlier ones changed, and all ask for the first load.
        return insertion.on_duplicate_key_update(list(values.items()))
    return insertion.on_conflict_do_update(index_elements=["job_name", "target_date"], set_=values)


# Made once: each of a year's loads executes it.
_RECORD = {
    "postgresql": _upsert(postgresql.insert(receipts), "postgresql"),
    "mysql": _upsert(mysql.insert(receipts), "mysql"),
    "sqlite": _upsert(sqlite.insert(receipts), "sqlite"),
}


def record(
    connection: sa.Connection,
    job: str,
    day: date,
    run: int,
    at: datetime,
    rows_read: int,
    source_max_id: int | None,
    zone: ZoneInfo,
    reason: str | None = None,
) -> None:
    """Notes a successful load; belongs into the transaction that changes the facts.

    `zone` is the site's. `reason` tells why a day is late; the reason of a miss outlives the load that ends it.
    """
    values = {"run_id": run, "last_completed_at": at, "rows_read": rows_read, "source_max_id": source_max_id}
    done = window.aware(at)
    state = window.state(day, zone, done, done)
    values |= {"state": state, "margin_minutes": window.window_of(day, zone).margin_minutes(done)}
    values |= {"reason": reason if state == "late" else None}
    statement = _RECORD[connection.dialect.name]
    connection.execute(statement, {"job_name": job, "target_date": day, "first_completed_at": at, **values})


def record_miss(connection: sa.Connection, job: str, day: date, at: datetime, reason: str) -> bool:
    """Notes that the window of a day closed without a load; False if the day has its receipt already."""
    row = {"job_name": job, "target_date": day, "state": "missed", "missed_at": at, "reason": reason}
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(receipts), row)
    except sa.exc.IntegrityError:
        return False
    return True


def first_watched(connection: sa.Connection, job: str) -> date | None:
    """The first day whose window somebody watched: met, or recorded as missed. Days before it cannot be missed."""
    return connection.execute(_watched(sa.func.min(receipts.c.target_date), job)).scalar()


def last_watched(connection: sa.Connection, job: str) -> date | None:
    """The last day whose window was met, or recorded as missed."""
    return connection.execute(_watched(sa.func.max(receipts.c.target_date), job)).scalar()


def _watched(column: sa.ColumnElement[date], job: str) -> sa.Select[Any]:
    return sa.select(column).where(
        receipts.c.job_name == job, receipts.c.missed_at.is_not(None) | (receipts.c.state == "met")
    )


def between(connection: sa.Connection, job: str, first: date, last: date) -> dict[date, Any]:
    """The receipts of a job's days from first to last, by day."""
    query = sa.select(receipts).where(receipts.c.job_name == job, receipts.c.target_date.between(first, last))
    return {row.target_date: row for row in connection.execute(query.order_by(receipts.c.target_date))}


def _loaded(connection: sa.Connection, job: str, days: list[date]) -> dict[date, Any]:
    """Of the days asked for, the receipts of those that are loaded."""
    found = between(connection, job, min(days), max(days)) if days else {}
    return {day: found[day] for day in days if day in found and found[day].run_id is not None}


def loaded_days(connection: sa.Connection, job: str, days: list[date]) -> dict[date, int]:
    """Of the days asked for, those that are loaded, with the id of the run that did it last."""
    return {day: receipt.run_id for day, receipt in _loaded(connection, job, days).items()}


def sources(connection: sa.Connection, job: str, days: list[date]) -> dict[date, Source]:
    """Of the days asked for, those that are loaded, with what their last load was made of."""
    return {day: Source.of(receipt) for day, receipt in _loaded(connection, job, days).items()}


def newest_source_id(connection: sa.Connection, job: str) -> int | None:
    """The largest id of the source that any loaded day of the job has seen."""
    return connection.execute(
        sa.select(sa.func.max(receipts.c.source_max_id)).where(receipts.c.job_name == job)
    ).scalar()


def complete_through(connection: sa.Connection, job: str) -> date | None:
    """The last day before the first gap: every day from the first loaded one to it is loaded. None before any load."""
    query = sa.select(receipts.c.target_date).where(receipts.c.job_name == job, receipts.c.run_id.is_not(None))
    newest: date | None = None
    for (day,) in connection.execute(query.order_by(receipts.c.target_date)):
        if newest is not None and (day - newest).days > 1:
            break
        newest = day
    return newest
