"""`lms-etl window`: every state on one page that fits 80 columns."""

from datetime import date, datetime
from io import StringIO

import pytest
from rich.console import Console

from lms_etl import clock
from lms_etl.activity import window_page
from lms_etl.warehouse import receipts, registry
from lms_etl_tests.activity.conftest import Etl, fill
from lms_etl_tests.activity.test_guard import Clock

REASON = "ETL time window expired: 2026-03-19 was not loaded by 2026-03-20 23:59:59, nothing started it"


@pytest.fixture
def watched(small_etl: Etl, stand_at: Clock) -> Etl:
    """The 18th is late, the 19th missed, the 20th and 21st met, the 22nd due and the 23rd, today, pending."""
    fill(small_etl.site)
    stand_at("2026-03-21 12:00")
    with small_etl.warehouse.writing() as connection:
        receipts.record_miss(connection, "user_activity", date(2026, 3, 19), registry.utc_now(), REASON)
    assert small_etl.run("2026-03-18", force=True).success
    for _ in range(2):
        assert small_etl.run("2026-03-20").success
    stand_at("2026-03-22 23:59:30")
    assert small_etl.run("2026-03-21").success
    stand_at("2026-03-23 01:00")
    return small_etl


def page(etl: Etl, days: int = 8) -> str:
    out = Console(file=StringIO(), width=80)
    window_page.show(out, etl.warehouse.settings, days)
    return out.file.getvalue()


def test_each_day_has_its_state_load_margin_tries_and_reason(watched: Etl) -> None:
    lines = window_page.lines(watched.warehouse, clock.now(), 8)
    assert [(line.day.day, line.state, line.loaded_at, line.margin, line.attempts, line.reason) for line in lines] == [
        (23, "pending", "", "", 0, ""),
        (22, "due", "", "", 0, ""),
        (21, "met", "2026-03-22 23:59", "0:00", 1, ""),
        (20, "met", "2026-03-21 12:00", "11:59", 2, ""),
        (19, "missed", "", "", 0, REASON),
        (18, "late", "2026-03-21 12:00", "-36:01", 1, "loaded late by force"),
        (17, "not loaded", "", "", 0, ""),
        (16, "not loaded", "", "", 0, ""),
    ]


def test_the_page_fits_80_columns_and_no_word_is_cut(watched: Etl) -> None:
    printed = page(watched)
    assert max(map(len, printed.splitlines())) <= 80
    for word in ("pending", "due", "2026-03-22 23:59", "missed", "late", "-36:01", "loaded late by force"):
        assert word in printed
    assert "2 met, 1 late, 1 missed; times of the site (UTC)" in printed


def test_a_day_after_the_first_load_that_nobody_recorded_is_missed(watched: Etl, stand_at: Clock) -> None:
    now = stand_at("2026-03-24 00:00")
    assert [line.state for line in window_page.lines(watched.warehouse, now, 3)] == ["pending", "due", "missed"]


def test_times_are_those_of_the_site(small_etl: Etl) -> None:
    warehouse = small_etl.warehouse
    warehouse.settings = warehouse.settings.model_copy(update={"timezone": "Asia/Jakarta"})
    at = datetime(2026, 3, 22, 19, 0, 9)  # noqa: DTZ001
    with warehouse.writing() as connection:
        receipts.record(connection, "user_activity", date(2026, 3, 22), 1, at, 1, None, warehouse.settings.zone)
    now = datetime.fromisoformat("2026-03-23T05:00:00+00:00")
    [_, line] = window_page.lines(warehouse, now, 2)
    assert (line.state, line.loaded_at, line.margin) == ("met", "2026-03-23 02:00", "21:59")


def test_no_day_before_the_first_one_of_the_site_is_shown(small_etl: Etl, stand_at: Clock) -> None:
    now = stand_at("2025-01-03 12:00")
    days = [str(line.day) for line in window_page.lines(small_etl.warehouse, now, 30)]
    assert days == ["2025-01-03", "2025-01-02", "2025-01-01"]
