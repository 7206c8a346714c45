"""Recorded rows as files: syncs, calls, quotas and failed authentications, as CSV or JSON, streamed."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any

import sqlalchemy as sa

from lms_etl.spreadsheets import harmless
from lms_etl.warehouse.tables import api_calls, auth_attempts, company_quotas, progress_syncs
from lms_etl.warehouse.warehouse import Warehouse

ROWS_AT_ONCE = 1000
MOST_DAYS = 400
TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}

Since = Callable[[datetime], sa.Select[Any]]
"""The rows since a moment, oldest first."""

WHAT: dict[str, Since] = {
    "syncs": lambda since: (
        sa.select(progress_syncs).where(progress_syncs.c.started_at >= since).order_by(progress_syncs.c.id)
    ),
    "calls": lambda since: (
        sa.select(api_calls).where(api_calls.c.timeaccessed >= since.replace(tzinfo=UTC).timestamp())
        .order_by(api_calls.c.id)
    ),
    "quotas": lambda since: (
        sa.select(company_quotas).where(company_quotas.c.quota_date >= since.date())
        .order_by(company_quotas.c.quota_date, company_quotas.c.companyid)
    ),
    "attempts": lambda since: (
        sa.select(auth_attempts).where(auth_attempts.c.attempted_at >= since).order_by(auth_attempts.c.id)
    ),
}  # fmt: skip
"""What can be exported."""


def written(warehouse: Warehouse, what: str, form: str, now: datetime, days: int) -> Iterator[bytes]:
    """The rows of the last days as bytes; `now` is UTC without an offset."""
    query = WHAT[what](now - timedelta(days=days))
    names = [column.name for column in query.selected_columns]
    with warehouse.reading() as connection:
        rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query)
        yield from _csv(names, rows.partitions()) if form == "csv" else _json(names, rows.partitions())


def _csv(names: list[str], chunks: Iterable[Any]) -> Iterator[bytes]:
    for chunk in chain([[names]], chunks):
        text = io.StringIO()
        csv.writer(text).writerows([[_cell(value) for value in row] for row in chunk])
        yield text.getvalue().encode()


def _cell(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula: user agents are written by strangers."""
    return harmless(value) if isinstance(value, str) else _plain(value)


def _json(names: list[str], chunks: Iterable[Any]) -> Iterator[bytes]:
    between = b"["
    for chunk in chunks:
        for row in chunk:
            values = dict(zip(names, map(_plain, row), strict=True))
            yield between + json.dumps(values, ensure_ascii=False).encode()
            between = b",\n"
    yield b"[]\n" if between == b"[" else b"]\n"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
