"""The H+1 window: its edges in every kind of zone, who is refused and told what, and the states of a day."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from lms_etl.window import Window, refusal, state, window_of
from lms_etl_tests.test_days import dates, zones

DAY = date(2026, 3, 21)
JAKARTA = ZoneInfo("Asia/Jakarta")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "opens", "closes"),
    [
        ("UTC", date(2026, 3, 21), "2026-03-22 00:00", "2026-03-23 00:00"),
        ("UTC", date(2024, 2, 28), "2024-02-29 00:00", "2024-03-01 00:00"),
        ("UTC", date(2024, 2, 29), "2024-03-01 00:00", "2024-03-02 00:00"),
        ("Asia/Jakarta", date(2026, 3, 21), "2026-03-21 17:00", "2026-03-22 17:00"),
        # The clocks change on the day after: its window has 23 or 25 hours.
        ("America/New_York", date(2026, 3, 7), "2026-03-08 05:00", "2026-03-09 04:00"),
        ("America/New_York", date(2026, 10, 31), "2026-11-01 04:00", "2026-11-02 05:00"),
        # They change on the day itself: the window has 24 hours and begins when that day ends.
        ("America/New_York", date(2026, 3, 8), "2026-03-09 04:00", "2026-03-10 04:00"),
        ("Africa/Cairo", date(2026, 4, 23), "2026-04-23 22:00", "2026-04-24 21:00"),  # its midnight does not exist
        ("Africa/Cairo", date(2026, 4, 22), "2026-04-22 22:00", "2026-04-23 22:00"),
        ("America/Havana", date(2026, 10, 31), "2026-11-01 04:00", "2026-11-02 05:00"),  # its midnight occurs twice
        ("Pacific/Apia", date(2011, 12, 28), "2011-12-29 10:00", "2011-12-30 10:00"),
        ("Pacific/Apia", date(2011, 12, 29), "2011-12-30 10:00", "2011-12-31 10:00"),  # the 30th was left out
    ],
)
def test_the_window_is_the_whole_local_day_after(zone: str, day: date, opens: str, closes: str) -> None:
    assert window_of(day, ZoneInfo(zone)) == Window(int(utc(opens).timestamp()), int(utc(closes).timestamp()))


@settings(deadline=None)
@given(zone=zones, day=dates)
def test_a_window_is_never_empty_and_is_the_only_one_open(zone: ZoneInfo, day: date) -> None:
    before, window = window_of(day - timedelta(days=1), zone), window_of(day, zone)
    assert window.opens < window.closes
    assert before.closes == window.opens or before == window


@pytest.mark.parametrize(
    ("zone", "now", "forced", "refused"),
    [
        ("UTC", "2026-03-21 12:00:00", False, "not over"),
        ("UTC", "2026-03-21 23:59:59", False, "not over"),
        ("UTC", "2026-03-21 23:59:59", True, "not over"),
        ("UTC", "2026-03-22 00:00:00", False, None),
        ("UTC", "2026-03-22 02:00:00", False, None),
        ("UTC", "2026-03-22 23:59:59", False, None),
        ("UTC", "2026-03-22 23:59:59.999999", False, None),
        ("UTC", "2026-03-23 00:00:00", False, "expired"),
        ("UTC", "2027-03-23 00:00:00", False, "expired"),
        ("UTC", "2026-03-23 00:00:00", True, None),
        ("Asia/Jakarta", "2026-03-21 16:59:59", False, "not over"),
        ("Asia/Jakarta", "2026-03-21 17:00:00", False, None),
        ("Asia/Jakarta", "2026-03-22 16:59:59", False, None),
        ("Asia/Jakarta", "2026-03-22 17:00:00", False, "expired"),
    ],
)
def test_an_ordinary_run_is_accepted_from_the_first_to_the_last_second_of_the_window(
    zone: str, now: str, forced: bool, refused: str | None
) -> None:
    told = refusal(DAY, ZoneInfo(zone), utc(now), forced)
    assert (told is None) if refused is None else refused in str(told)


@pytest.mark.parametrize(
    ("zone", "day", "last_second"),
    [
        ("America/New_York", date(2026, 3, 7), "2026-03-09 03:59:59"),
        ("America/New_York", date(2026, 10, 31), "2026-11-02 04:59:59"),
        ("Africa/Cairo", date(2026, 4, 23), "2026-04-24 20:59:59"),
        ("America/Havana", date(2026, 10, 31), "2026-11-02 04:59:59"),
        ("Pacific/Apia", date(2011, 12, 29), "2011-12-31 09:59:59"),
        ("UTC", date(2024, 2, 28), "2024-02-29 23:59:59"),
    ],
)
def test_where_clocks_change_the_last_second_is_accepted_and_the_next_one_refused(
    zone: str, day: date, last_second: str
) -> None:
    now = utc(last_second)
    assert refusal(day, ZoneInfo(zone), now) is None
    assert "23:59:59" in str(refusal(day, ZoneInfo(zone), now + timedelta(seconds=1)))


def test_the_refusal_says_until_when_and_what_to_do() -> None:
    told = str(refusal(DAY, JAKARTA, utc("2026-03-24 12:00")))
    assert told.startswith("ETL time window expired: 2026-03-21 could be loaded until 2026-03-22 23:59:59")
    for way in (
        "`lms-etl backfill --from 2026-03-21 --to 2026-03-21`",
        "--force",
        "launch it as a backfill",
        "force: true",
    ):
        assert way in told
    told = str(refusal(DAY, JAKARTA, utc("2026-03-21 12:00")))
    assert told == "2026-03-21 is not over at the site (Asia/Jakarta): it is not complete before 2026-03-22 00:00:00"


@pytest.mark.parametrize(
    ("now", "loaded", "expected"),
    [
        ("2026-03-21 23:59:59", None, "pending"),
        ("2026-03-22 00:00:00", None, "due"),
        ("2026-03-22 23:59:59", None, "due"),
        ("2026-03-23 00:00:00", None, "missed"),
        ("2026-03-22 02:00:10", "2026-03-22 02:00:09", "met"),
        ("2026-04-22 02:00:10", "2026-03-22 23:59:59", "met"),
        ("2026-03-23 00:00:01", "2026-03-23 00:00:00", "late"),
        ("2026-04-22 00:00:00", "2026-04-01 00:00:00", "late"),
    ],
)
def test_the_state_of_a_day(now: str, loaded: str | None, expected: str) -> None:
    assert state(DAY, ZoneInfo("UTC"), utc(now), utc(loaded) if loaded else None) == expected


@pytest.mark.parametrize(
    ("loaded", "minutes"),
    [
        ("2026-03-22 00:00:00", 1439),
        ("2026-03-22 02:00:09", 1319),
        ("2026-03-22 23:59:59.9", 0),
        ("2026-03-23 00:00:00", -1),
        ("2026-03-23 00:00:01", -1),
        ("2026-03-23 01:00:00", -61),
    ],
)
def test_the_margin_is_what_is_left_of_the_window_in_whole_minutes(loaded: str, minutes: int) -> None:
    assert window_of(DAY, ZoneInfo("UTC")).margin_minutes(utc(loaded)) == minutes
