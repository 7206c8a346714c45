"""The arithmetic of the page: days and hours of the site, the next sync, ticks, words."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from lms_etl.api.monitor import words
from lms_etl.api.monitor.spans import bounds_of, last_days, last_hours, next_sync, ticks

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 23, 12, 30)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("now", "zone", "last"),
    [
        ("2026-03-23T12:00", "UTC", date(2026, 3, 23)),
        ("2026-03-23T23:30", "Asia/Jakarta", date(2026, 3, 24)),
        ("2026-03-23T01:00", "America/New_York", date(2026, 3, 22)),
    ],
)
def test_the_last_days_are_the_sites(now: str, zone: str, last: date) -> None:
    days = last_days(datetime.fromisoformat(now).replace(tzinfo=UTC), ZoneInfo(zone), 7)
    assert days == [last - timedelta(days=back) for back in (6, 5, 4, 3, 2, 1, 0)]


def test_a_day_on_which_the_clocks_change_is_shorter() -> None:
    bounds = bounds_of([date(2026, 3, 28), date(2026, 3, 29), date(2026, 3, 30)], BERLIN)
    assert [str(later - earlier) for earlier, later in itertools.pairwise(bounds)] == [
        "1 day, 0:00:00", "23:00:00", "1 day, 0:00:00",
    ]  # fmt: skip


def test_the_hours_end_with_the_one_that_runs_and_yesterdays_stay_yesterdays() -> None:
    starts = last_hours(datetime(2026, 3, 23, 12, 30, tzinfo=UTC), 24)
    told = [datetime.fromtimestamp(start, tz=UTC).strftime("%d %H:%M") for start in (starts[0], starts[-1])]
    assert told == ["22 13:00", "23 12:00"]
    assert {later - earlier for earlier, later in itertools.pairwise(starts)} == {3600}


@pytest.mark.parametrize(
    ("last", "zone", "told", "due"),
    [
        (None, "UTC", "never", None),
        ("12:00:10", "UTC", "due", "13:00"),
        ("12:24:00", "UTC", "due", "13:00"),
        ("11:59:59", "UTC", "overdue", "12:00"),
        ("10:00:00", "UTC", "overdue", "11:00"),
        ("11:31:00", "Asia/Kolkata", "now", "12:30"),
        ("12:29:59", "Asia/Kolkata", "now", "12:30"),
        ("11:10:00", "Asia/Kolkata", "overdue", "11:30"),
    ],
)
def test_the_next_sync_is_at_the_sites_next_full_hour(last: str | None, zone: str, told: str, due: str | None) -> None:
    moment = last and datetime.fromisoformat(f"2026-03-23T{last}")
    expected = due and datetime.fromisoformat(f"2026-03-23T{due}")
    assert next_sync(moment or None, NOW, ZoneInfo(zone)) == (told, expected)


@pytest.mark.parametrize("largest", [0, 0.3, 1, 2, 7, 12, 51, 99, 100, 101, 999, 1500, 20480, 123_456])
def test_ticks_are_few_round_and_hold_the_largest(largest: float) -> None:
    marks = ticks(largest)
    assert marks[0] == 0
    assert marks[-1] >= largest
    assert 2 <= len(marks) <= 6
    assert marks[-1] <= max(1, 2 * largest)


@pytest.mark.parametrize(
    ("share", "told"),
    [(None, "–"), (0, "0 %"), (1, "100 %"), (0.9997, "99.9 %"), (0.5, "50 %"), (0.29, "29 %"), (0.985, "98.5 %")],  # noqa: RUF001
)
def test_a_share_is_cut_and_never_rounded_up_to_everything(share: float | None, told: str) -> None:
    assert words.percent(share) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(5, "5 s ago"), (60, "1 min ago"), (7199, "119 min ago"), (7200, "2 h ago"), (172_800, "2 d ago"),
     (-840, "in 14 min")],
)  # fmt: skip
def test_a_moment_is_told_in_its_largest_unit(seconds: int, told: str) -> None:
    assert words.ago(NOW - timedelta(seconds=seconds), NOW) == told


def test_moments_are_shown_by_the_sites_clock_and_long_answers_in_seconds() -> None:
    assert words.local(NOW, BERLIN) == "2026-03-23 13:30"
    assert (words.milliseconds(950), words.milliseconds(5200), words.ago(None, NOW)) == ("950 ms", "5.20 s", "never")
