"""The decision about a day that gained rows, as a table of cases; days are exact where clocks change."""

from datetime import date, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lms_etl.activity.late_rows import State, arrival, by_day, duration, judge, reason, told
from lms_etl.days import each_day, local_date, local_day, midnight
from lms_etl.sources.moodle import LateQuarter
from lms_etl.warehouse.receipts import Source

FIRST = date(2026, 1, 1)
LOADED = Source(100, 5_000, datetime(2026, 3, 23, 2))  # noqa: DTZ001
ROOMY = Source(None, None, datetime(2026, 3, 23, 2))  # noqa: DTZ001
FIVE = "5 rows of this day were written to Moodle's log under ids 7 to 11, seen up to "
ZONES = ("UTC", "Asia/Jakarta", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo")


@pytest.mark.parametrize(
    ("day", "loaded", "last_id", "rows_now", "live", "state"),
    [
        ("2026-03-22", LOADED, 6_000, 103, None, State.REOPENED),
        ("2026-03-22", LOADED, 6_000, 100, None, State.REOPENED),  # as many came as were deleted
        ("2026-03-22", LOADED, 4_999, 101, None, State.REOPENED),  # committed after the load, under a smaller id
        ("2026-03-22", LOADED, 5_000, 100, None, State.SAME),
        ("2026-03-22", LOADED, 6_000, 99, None, State.PURGED),
        ("2026-03-22", LOADED, 6_000, 103, "QUEUED", State.QUEUED),
        ("2026-03-22", LOADED, 5_000, 100, "QUEUED", State.SAME),
        ("2026-03-22", LOADED, 6_000, 103, "RUNNING", State.BUSY),
        ("2026-03-22", None, 6_000, 0, "RUNNING", State.BUSY),
        ("2026-03-22", None, 6_000, 0, None, State.NEVER_LOADED),
        ("2026-03-22", ROOMY, 6_000, 3, None, State.REOPENED),
        ("2025-12-31", LOADED, 6_000, 103, None, State.BEFORE_START),
        ("2026-01-01", LOADED, 6_000, 103, None, State.REOPENED),
    ],
)  # fmt: skip
def test_a_day_is_reopened_when_its_content_changed(
    day: str, loaded: Source | None, last_id: int, rows_now: int, live: str | None, state: State
) -> None:
    place = local_day(date.fromisoformat(day), ZoneInfo("UTC"))
    found = arrival(place, [LateQuarter(place.start + 60, 0, 3, last_id - 2, last_id)], loaded)
    assert judge(found, loaded, rows_now, live, FIRST, place.end).state is state


@pytest.mark.parametrize(
    ("seconds_late", "restored", "kind"),
    [
        (90, 0, f"buffer: {FIVE}1 min after they happened"),
        (86_400, 0, f"buffer: {FIVE}24.0 h after they happened"),
        (86_401, 0, "late rows: "),
        (90, 1, "restore: "),
        (int(7.8 * 86_400), 1, f"restore: {FIVE}7.8 days after they happened"),
    ],
)  # fmt: skip
def test_the_reason_tells_a_restore_from_a_buffer_and_how_late_the_rows_are(
    seconds_late: int, restored: int, kind: str
) -> None:
    day = local_day(date(2026, 3, 22), ZoneInfo("UTC"))
    found = arrival(day, [LateQuarter(day.start, restored, 5, 7, 11)], None)
    assert reason(found, 5, day.start + seconds_late).startswith(kind)


def test_rows_that_the_load_has_seen_are_not_told_again() -> None:
    day = local_day(date(2026, 3, 22), ZoneInfo("UTC"))
    seen, new = LateQuarter(day.start, 1, 40, 4_000, 4_900), LateQuarter(day.start + 9, 0, 2, 5_001, 5_003)
    found = arrival(day, [seen, new], LOADED)
    assert (found.rows, found.restored, found.first_id, found.oldest) == (2, 0, 5_001, day.start + 9)
    assert judge(found, LOADED, 102, None, FIRST, day.end).rows == 2


@settings(deadline=None)
@given(st.lists(st.integers(1_700_000_000, 1_800_000_000), min_size=1, max_size=40), st.sampled_from(ZONES))
def test_every_second_is_found_under_its_local_day_also_where_clocks_change(moments: list[int], name: str) -> None:
    zone = ZoneInfo(name)
    seconds = [LateQuarter(moment, 0, 1, number, number) for number, moment in enumerate(sorted(moments))]
    days = by_day(seconds, zone)
    assert [each for found in days.values() for each in found] == seconds
    for day, found in days.items():
        assert all(day.start <= each.oldest < day.end for each in found)
        assert {local_date(each.oldest, zone) for each in found} == {day.date}


@pytest.mark.parametrize(("day", "hours"), [("2026-03-08", 23), ("2026-11-01", 25)])
def test_the_last_second_of_a_day_with_a_clock_change_belongs_to_it(day: str, hours: int) -> None:
    zone = ZoneInfo("America/New_York")
    place = local_day(date.fromisoformat(day), zone)
    edges = [LateQuarter(moment, 0, 1, 1, 1) for moment in (place.start - 1, place.start, place.end - 1, place.end)]
    assert [len(found) for found in by_day(edges, zone).values()] == [1, 2, 1]
    assert place.seconds == hours * 3600


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "1 min"), (3599, "59 min"), (3600, "1.0 h"), (172_800, "2.0 days"), (673_920, "7.8 days")]
)
def test_durations_are_told_in_their_own_unit(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_what_is_told_counts_days_and_rows_of_each_decision_and_names_ten_days() -> None:
    days = [local_day(date(2026, 3, number), ZoneInfo("UTC")) for number in range(1, 13)]
    verdicts = [
        judge(arrival(day, [LateQuarter(day.start, 1, 2, 9, 10)], None), None, 0, None, FIRST, day.end) for day in days
    ]
    assert told(verdicts).startswith("12 of them (2026-03-01, 2026-03-02,")
    assert "2026-03-10 and 2 more; 24 rows) are not loaded yet" in told(verdicts)


def test_every_zone_has_its_midnights_at_a_quarter_of_an_hour() -> None:
    """So a quarter of an hour lies in one local day, and the log can be grouped by it."""
    for name in available_timezones():
        zone = ZoneInfo(name)
        assert not any(midnight(day, zone) % 900 for day in each_day(date(2019, 1, 1), date(2019, 12, 31))), name
        changes = (date(year, month, 1) for year in range(1990, 2038) for month in range(1, 13))
        assert not any(midnight(day, zone) % 900 for day in changes), name
