"""Spans of time and scales of charts: days and hours of the site, the next sync, ticks of an axis. Pure."""

from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from lms_etl.days import midnight

HOUR = 3600
UNDER_WAY = timedelta(minutes=10)
"""How long after the full hour a sync may not have ended yet."""


def last_days(now: datetime, zone: ZoneInfo, count: int) -> list[date]:
    """The site's last days, today the last; `now` is aware."""
    today = now.astimezone(zone).date()
    return [today - timedelta(days=back) for back in range(count - 1, -1, -1)]


def bounds_of(days: list[date], zone: ZoneInfo) -> list[datetime]:
    """The midnights before, between and after the days, UTC without an offset: a day has 23 hours where clocks jump."""
    edges = [*days, days[-1] + timedelta(days=1)]
    return [naive(midnight(day, zone)) for day in edges]


def naive(seconds: float) -> datetime:
    """Unix seconds as the warehouse keeps moments."""
    return datetime.fromtimestamp(seconds, tz=UTC).replace(tzinfo=None)


def last_hours(now: datetime, count: int) -> list[int]:
    """The starts, unix seconds, of the hours that end with the one that runs: yesterday's are yesterday's."""
    running = int(now.timestamp()) // HOUR * HOUR
    return [running - back * HOUR for back in range(count - 1, -1, -1)]


def next_sync(
    last: datetime | None, now: datetime, zone: ZoneInfo
) -> tuple[Literal["never", "due", "now", "overdue"], datetime | None]:
    """When the schedule syncs next: the first full hour of the site's clock after the last sync.

    For a while after it the sync is under way; then it is overdue. Moments are UTC without an offset.
    """
    if last is None:
        return "never", None
    clock = last.replace(tzinfo=UTC).astimezone(zone)
    into_the_hour = timedelta(minutes=clock.minute, seconds=clock.second, microseconds=clock.microsecond)
    due = last - into_the_hour + timedelta(hours=1)
    if now < due:
        return "due", due
    return ("now" if now - due < UNDER_WAY else "overdue"), due


def ticks(largest: float) -> list[float]:
    """Three to six round numbers from 0 that hold the largest."""
    if largest <= 0:
        return [0, 1]
    power = 10.0 ** (len(str(int(largest))) - 1) if largest >= 1 else 1.0
    for step in (0.2, 0.25, 0.5, 1, 2, 2.5):
        size = step * power
        if largest / size <= 5 and (size >= 1 or largest < 1):
            count = int(-(-largest // size))
            return [round(size * index, 2) for index in range(count + 1)]
    return [0, 5 * power, 10 * power]
