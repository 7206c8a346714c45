"""Receipts: what the first load decides, and a miss that is noted once."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from lms_etl.warehouse import receipts, tables
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.warehouse.rows import DAY, NEXT_DAY

ZONE = ZoneInfo("Asia/Jakarta")
IN_TIME = datetime(2026, 3, 23, 16, 59, 59)  # noqa: DTZ001  the last second of 2026-03-23 in Jakarta
TOO_LATE = datetime(2026, 3, 23, 17)  # noqa: DTZ001


def noted(warehouse: Warehouse) -> list[tuple[object, ...]]:
    """State, margin, first load, last run and reason of each receipt, by day."""
    days = tables.etl_days
    told = (days.c.state, days.c.margin_minutes, days.c.first_completed_at, days.c.run_id, days.c.reason)
    with warehouse.reading() as connection:
        return [tuple(row) for row in connection.execute(sa.select(*told).order_by(days.c.target_date))]


@pytest.mark.parametrize(("at", "state", "margin"), [(IN_TIME, "met", 0), (TOO_LATE, "late", -1)])
def test_the_first_load_decides_the_state_in_the_sites_zone(
    warehouse: Warehouse, at: datetime, state: str, margin: int
) -> None:
    with warehouse.engine.begin() as connection:
        receipts.record(connection, "user_activity", DAY, 1, at, 10, None, ZONE, "loaded late by force")
        receipts.record(connection, "user_activity", DAY, 2, TOO_LATE.replace(day=30), 10, None, ZONE, "again")
    reason = "loaded late by force" if state == "late" else None
    assert noted(warehouse) == [(state, margin, at, 2, reason)]


def test_a_missed_day_is_noted_once_and_becomes_late_when_it_is_loaded(warehouse: Warehouse) -> None:
    with warehouse.engine.begin() as connection:
        assert receipts.record_miss(connection, "user_activity", DAY, TOO_LATE, "nothing ran")
        assert not receipts.record_miss(connection, "user_activity", DAY, TOO_LATE, "told twice")
    assert noted(warehouse) == [("missed", None, None, None, "nothing ran")]
    with warehouse.reading() as connection:
        assert receipts.loaded_days(connection, "user_activity", [DAY]) == {}
    with warehouse.engine.begin() as connection:
        receipts.record(connection, "user_activity", DAY, 7, TOO_LATE, 10, None, ZONE, "loaded late by backfill")
    assert noted(warehouse) == [("late", -1, TOO_LATE, 7, "nothing ran")]
    [receipt] = receipts_of(warehouse).values()
    assert receipt.missed_at == TOO_LATE


def test_a_loaded_day_cannot_be_missed(warehouse: Warehouse) -> None:
    with warehouse.engine.begin() as connection:
        receipts.record(connection, "user_activity", DAY, 1, IN_TIME, 10, None, ZONE)
        assert not receipts.record_miss(connection, "user_activity", DAY, TOO_LATE, "nothing ran")
        assert receipts.record_miss(connection, "user_activity", NEXT_DAY, TOO_LATE, "nothing ran")
    assert [state for state, *_ in noted(warehouse)] == ["met", "missed"]


def receipts_of(warehouse: Warehouse) -> dict[object, sa.Row]:
    with warehouse.reading() as connection:
        return receipts.between(connection, "user_activity", DAY, NEXT_DAY)
