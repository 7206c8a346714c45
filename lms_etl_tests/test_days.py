"""Local days of a site: their bounds in every zone, the last complete one, and the texts that are no day."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lms_etl.days import BadDay, daily_partitions, each_day, last_complete_day, local_date, local_day, midnight, parse

HOUR = 3600
BACK_AT_A_MINUTE_PAST = {"America/St_Johns", "Canada/Newfoundland", "America/Goose_Bay", "America/Moncton"}
"""Zones whose midnight was once followed by the evening before: the clocks went back at 00:01."""
ZONES = sorted(available_timezones() - BACK_AT_A_MINUTE_PAST - {"Antarctica/Casey", "localtime", "Factory"})

zones = st.sampled_from(ZONES).map(ZoneInfo)
dates = st.dates(date(1990, 1, 1), date(2037, 12, 31))


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("UTC", date(2026, 3, 8), 24),
        ("UTC", date(2024, 2, 29), 24),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("America/New_York", date(2024, 2, 29), 24),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Africa/Cairo", date(2026, 4, 24), 23),
        ("Africa/Cairo", date(2026, 10, 29), 25),
        ("Asia/Beirut", date(2026, 3, 29), 23),
        ("Asia/Beirut", date(2026, 10, 24), 25),
        ("America/Havana", date(2026, 3, 8), 23),
        ("America/Havana", date(2026, 11, 1), 25),
        ("Atlantic/Azores", date(2026, 3, 29), 23),
        ("Atlantic/Azores", date(2026, 10, 25), 25),
        ("Pacific/Apia", date(2011, 12, 29), 24),
        ("Pacific/Apia", date(2011, 12, 30), 0),
        ("Pacific/Apia", date(2011, 12, 31), 24),
    ],
)
def test_a_day_has_as_many_seconds_as_its_clocks_show(zone: str, day: date, hours: float) -> None:
    assert local_day(day, ZoneInfo(zone)).seconds == hours * HOUR


@pytest.mark.parametrize(
    ("zone", "day", "utc"),
    [
        ("Asia/Jakarta", date(2026, 3, 22), "2026-03-21 17:00"),
        ("America/New_York", date(2026, 3, 8), "2026-03-08 05:00"),
        ("America/New_York", date(2026, 3, 9), "2026-03-09 04:00"),
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23 22:00"),  # 00:00 does not exist: the day begins with 01:00
        ("Asia/Beirut", date(2026, 3, 29), "2026-03-28 22:00"),
        ("America/Havana", date(2026, 11, 1), "2026-11-01 04:00"),  # 00:00 occurs twice: the first one counts
        ("Atlantic/Azores", date(2026, 10, 25), "2026-10-25 00:00"),
    ],
)
def test_a_day_begins_with_the_first_instant_of_its_date(zone: str, day: date, utc: str) -> None:
    assert midnight(day, ZoneInfo(zone)) == datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp()


@settings(deadline=None)
@given(zone=zones, day=dates)
def test_consecutive_days_meet_without_gap_or_overlap(zone: ZoneInfo, day: date) -> None:
    today, tomorrow = local_day(day, zone), local_day(day + timedelta(days=1), zone)
    assert today.end == tomorrow.start
    assert today.start <= today.end


@settings(deadline=None)
@given(zone=zones, day=dates, share=st.floats(0, 1, exclude_max=True))
def test_every_instant_of_a_day_has_its_local_date(zone: ZoneInfo, day: date, share: float) -> None:
    bounds = local_day(day, zone)
    if bounds.seconds:
        for instant in (bounds.start, bounds.start + int(share * bounds.seconds), bounds.end - 1):
            assert local_date(instant, zone) == day
    assert local_date(bounds.start - 1, zone) < day
    assert local_date(bounds.end, zone) > day


@settings(deadline=None)
@given(zone=zones, instant=st.integers(631_152_000, 2_145_830_400))
def test_every_instant_belongs_to_the_day_of_its_local_date(zone: ZoneInfo, instant: int) -> None:
    bounds = local_day(local_date(instant, zone), zone)
    assert bounds.start <= instant < bounds.end


def test_where_clocks_went_back_past_midnight_the_repeated_hour_belongs_to_the_new_day() -> None:
    zone = ZoneInfo("America/St_Johns")
    day = local_day(date(2010, 11, 7), zone)
    assert day.seconds == 25 * HOUR
    assert local_date(day.start + 60, zone) == date(2010, 11, 6)


def test_a_day_knows_its_partition_key() -> None:
    assert local_day(date(2026, 3, 2), ZoneInfo("UTC")).key == "2026-03-02"


@pytest.mark.parametrize(
    ("zone", "now", "expected"),
    [
        ("UTC", "2026-03-22T00:00:00+00:00", date(2026, 3, 21)),
        ("UTC", "2026-03-21T23:59:59+00:00", date(2026, 3, 20)),
        ("Asia/Jakarta", "2026-03-21T16:59:59+00:00", date(2026, 3, 20)),
        ("Asia/Jakarta", "2026-03-21T17:00:00+00:00", date(2026, 3, 21)),
        ("America/New_York", "2026-03-09T03:59:59+00:00", date(2026, 3, 7)),
        ("America/New_York", "2026-03-09T04:00:00+00:00", date(2026, 3, 8)),
        ("Pacific/Kiritimati", "2026-03-21T10:00:00+00:00", date(2026, 3, 21)),
        ("Pacific/Pago_Pago", "2026-03-22T10:59:59+00:00", date(2026, 3, 20)),
        ("UTC", "2026-03-22T06:59:59+07:00", date(2026, 3, 20)),
    ],
)
def test_yesterday_at_the_site_is_the_last_complete_day(zone: str, now: str, expected: date) -> None:
    assert last_complete_day(ZoneInfo(zone), datetime.fromisoformat(now)) == expected


def test_without_a_time_the_last_complete_day_is_yesterday_by_the_clock() -> None:
    before = datetime.now(tzinfo := ZoneInfo("Asia/Jakarta")).date()
    found = last_complete_day(tzinfo)
    assert before - timedelta(days=1) <= found <= datetime.now(tzinfo).date() - timedelta(days=1)


@settings(deadline=None)
@given(dates)
def test_a_day_written_as_iso_is_read_back(day: date) -> None:
    assert parse(day.isoformat()) == day


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-30",
        "2025-02-29",
        "2024-13-01",
        "2024-00-10",
        "0000-01-01",
        "",
        "22-03-2026",
        "20260322",
        "2026-3-22",
        " 2026-03-22",
        "2026-03-22 ",
        "2026-03-22\n",
        "2026-03-22T00:00:00",
        "2026-W12-1",
        "2026/03/22",
        "２０２６-03-22",  # noqa: RUF001  a keyboard in a Chinese or Japanese input method types these
        "yesterday",
        "' or 1=1 --",
    ],
)
def test_any_other_text_is_refused_with_an_example_of_a_day(text: str) -> None:
    with pytest.raises(BadDay, match="YYYY-MM-DD, for example 2026-03-22") as refused:
        parse(text)
    assert f"'{text}'" in str(refused.value)


def test_each_day_includes_both_ends_and_nothing_when_they_are_reversed() -> None:
    assert list(each_day(date(2024, 2, 28), date(2024, 3, 1))) == [
        date(2024, 2, 28),
        date(2024, 2, 29),
        date(2024, 3, 1),
    ]
    assert list(each_day(date(2024, 3, 1), date(2024, 3, 1))) == [date(2024, 3, 1)]
    assert list(each_day(date(2024, 3, 2), date(2024, 3, 1))) == []


def test_partitions_of_dagster_are_the_complete_days_of_the_zone() -> None:
    partitions = daily_partitions(date(2026, 3, 7), ZoneInfo("America/New_York"))
    now = datetime.fromisoformat("2026-03-10T03:59:59+00:00")  # 23:59:59 of the 9th in New York
    keys = partitions.get_partition_keys(now)
    assert keys == ["2026-03-07", "2026-03-08"]
    window = partitions.time_window_for_partition_key("2026-03-08")
    bounds = local_day(date(2026, 3, 8), ZoneInfo("America/New_York"))
    assert (window.start.timestamp(), window.end.timestamp()) == (bounds.start, bounds.end)
