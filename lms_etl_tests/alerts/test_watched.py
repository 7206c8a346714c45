"""What each kind of warehouse tells: missed days, dead runs, and what a failed run had loaded."""

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from lms_etl.alerts import watched
from lms_etl.alerts.spans import Spans
from lms_etl.warehouse import receipts
from lms_etl.warehouse.registry import DIED
from lms_etl.warehouse.tables import etl_days, etl_job_runs
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.alerts.test_hub import START

DAY = date(2026, 3, 22)
MINUTE = timedelta(minutes=1)

UTC_ZONE = ZoneInfo("UTC")


def insert(warehouse: Warehouse, table: sa.Table, **values: Any) -> None:
    with warehouse.engine.begin() as connection:
        connection.execute(sa.insert(table), values)


def test_a_miss_is_found_in_receipt_and_registry_and_told_as_one(warehouse: Warehouse) -> None:
    insert(warehouse, etl_days, job_name="user_activity", target_date=DAY, state="missed", missed_at=START)
    insert(warehouse, etl_days, job_name="user_counts", target_date=DAY, state="met", missed_at=None)
    insert(warehouse, etl_days, job_name="courses", target_date=DAY, state="missed", missed_at=START - 9 * MINUTE)
    for job in ("user_activity", "activity_counts"):
        row = {"job_name": job, "target_date": DAY, "trigger": "sensor", "status": "MISSED", "completed_at": START}
        insert(warehouse, etl_job_runs, **row)
    with warehouse.reading() as connection:
        found = watched.missed_days(connection, START - MINUTE)
    assert sorted(found) == [("activity_counts", DAY, START), ("user_activity", DAY, START)]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"status": "RUNNING", "live_key": "k", "heartbeat_at": START - 31 * MINUTE}, True),
        ({"status": "RUNNING", "live_key": "k", "heartbeat_at": START - 29 * MINUTE}, False),
        ({"status": "QUEUED", "live_key": "k", "heartbeat_at": None}, False),
        ({"status": "FAILED", "error": DIED, "completed_at": START}, True),
        ({"status": "FAILED", "error": DIED, "completed_at": START - 60 * MINUTE}, False),
        ({"status": "FAILED", "error": "boom", "completed_at": START}, False),
    ],
)
def test_a_run_without_a_sign_of_life_is_found(warehouse: Warehouse, values: dict[str, Any], found: bool) -> None:
    insert(warehouse, etl_job_runs, job_name="user_counts", target_date=DAY, trigger="cli", **values)
    with warehouse.reading() as connection:
        rows = list(watched.stale_runs(connection, START - 10 * MINUTE, START, timedelta(minutes=30)))
    assert [(row.job, row.day) for row in rows] == ([("user_counts", DAY)] if found else [])


def test_what_a_failed_run_had_loaded_before_is_not_its_trouble(warehouse: Warehouse) -> None:
    with warehouse.engine.begin() as connection:
        receipts.record(connection, "user_activity", DAY, 1, START, 1, None, UTC_ZONE)
        receipts.record(connection, "user_activity", date(2026, 3, 23), 1, START - MINUTE, 1, None, UTC_ZONE)
        days = Spans.between(DAY, date(2026, 3, 24))
        left = watched.not_loaded(connection, "user_activity_job", days, START)
    assert left.written() == "2026-03-23/2026-03-24"


def test_numbers_are_complete_through_the_day_before_the_first_gap(warehouse: Warehouse) -> None:
    with warehouse.engine.begin() as connection:
        assert receipts.complete_through(connection, "user_activity") is None
        for day in (3, 1, 2, 5):
            receipts.record(connection, "user_activity", date(2026, 3, day), day, START, 1, None, UTC_ZONE)
        assert receipts.complete_through(connection, "user_activity") == date(2026, 3, 3)
