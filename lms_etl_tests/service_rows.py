"""Rows of companies, syncs, calls, quotas and failed attempts, written straight into a warehouse."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from lms_etl.warehouse import tables
from lms_etl.warehouse.warehouse import Warehouse

NOW = datetime(2026, 3, 23, 12, 30, tzinfo=UTC).replace(tzinfo=None)
"""The moment that the tests look from, as the warehouse keeps moments."""

MINUTE = timedelta(minutes=1)


def seconds(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp())


def put(warehouse: Warehouse, table: sa.Table, *rows: dict[str, Any]) -> None:
    with warehouse.engine.begin() as connection:
        connection.execute(sa.insert(table), list(rows))


def company(warehouse: Warehouse, number: int, name: str, **more: Any) -> None:
    long_ago = NOW - timedelta(days=30)
    row = {"companyid": number, "shortname": name, "name": name.title(), "origin": "iomad", "created_at": long_ago}
    put(warehouse, tables.companies, row | more)


def sync(warehouse: Warehouse, number: int, minutes_ago: float, status: str = "success", **more: Any) -> None:
    began = NOW - minutes_ago * MINUTE
    row = {"companyid": number, "kind": "changes", "trigger": "schedule", "status": status, "started_at": began}
    ended = {"completed_at": None if status == "running" else began + MINUTE / 2}
    put(warehouse, tables.progress_syncs, row | ended | more)


def a_call(minutes_ago: float = 5, number: int | None = 1, name: str | None = "acme", **more: Any) -> dict[str, Any]:
    """A good call; `more` says what is different."""
    usual = {
        "userid": 1,
        "username": "powerbi",
        "companyid": number,
        "company_shortname": name,
        "endpoint": "get_course_progress",
        "record_count": 100,
        "error_code": None,
        "error_message": None,
        "response_time_ms": 120,
        "timeaccessed": seconds(NOW - minutes_ago * MINUTE),
        "ip_address": "192.0.2.7",
        "cache_hit": 1,
    }
    return usual | more


def calls(warehouse: Warehouse, *rows: dict[str, Any]) -> None:
    put(warehouse, tables.api_calls, *rows)


def attempts(warehouse: Warehouse, address: str, how_many: int, minutes_ago: float = 5) -> None:
    row = {"attempted_at": NOW - minutes_ago * MINUTE, "ip_address": address, "endpoint": "server.php",
           "reason": "unknown"}  # fmt: skip
    put(warehouse, tables.auth_attempts, *[row] * how_many)


def quota(warehouse: Warehouse, number: int, used: int, refused: int = 0, limit: int | None = 100, **more: Any) -> None:
    day: date = more.pop("day", NOW.date())
    row = {"companyid": number, "quota_date": day, "used": used, "refused": refused, "daily_limit": limit}
    put(warehouse, tables.company_quotas, row)
