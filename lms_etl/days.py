"""Local days of the site: Dagster partitions, half-open epoch bounds, the last complete day.

A day of the calendar is not always 86,400 seconds: New York's 2026-03-08 has 82,800. Bounds therefore come from the
zone's own midnights, never from adding a day to a timestamp.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from lms_etl import clock

if TYPE_CHECKING:
    import dagster as dg


class BadDay(ValueError):
    """A text that is no day of the calendar, or a day that cannot be asked for."""


@dataclass(frozen=True)
class LocalDay:
    """One calendar day in one zone. `start` and `end` are unix seconds; the day is `start <= t < end`."""

    date: date
    start: int
    end: int

    @property
    def key(self) -> str:
        """The partition key, `2026-03-22`."""
        return self.date.isoformat()

    @property
    def seconds(self) -> int:
        return self.end - self.start


def local_day(day: date, zone: ZoneInfo) -> LocalDay:
    """The half-open bounds of a local day, from the zone's midnight to its next one.

    Known limit: St John's and Goose Bay set their clocks back at 00:01 until 2010; the repeated last hour of the day
    before then belongs to the new day.
    """
    return LocalDay(day, midnight(day, zone), midnight(day + timedelta(days=1), zone))


def midnight(day: date, zone: ZoneInfo) -> int:
    """Unix seconds of the first instant of a local day.

    A midnight that occurs twice counts once, at its first occurrence; one that a zone skips (Cairo, Beirut in spring)
    is the instant of the jump.
    """
    return int(datetime.combine(day, time.min, tzinfo=zone).timestamp())


def local_date(instant: int, zone: ZoneInfo) -> date:
    """The local calendar date of unix seconds."""
    return datetime.fromtimestamp(instant, tz=zone).date()


def last_complete_day(zone: ZoneInfo, now: datetime | None = None) -> date:
    """Yesterday at the site: the newest day of which nothing is missing."""
    return (now or clock.now()).astimezone(zone).date() - timedelta(days=1)


def parse(text: str) -> date:
    """The day written as YYYY-MM-DD. Raises BadDay for anything else, 2024-02-30 included."""
    # fromisoformat alone would also take 20260322 and the ISO week 2026-W12-1.
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        with suppress(ValueError):
            return date.fromisoformat(text)
    raise BadDay(f"'{text}' is not a day of the calendar; write it as YYYY-MM-DD, for example 2026-03-22")


def each_day(first: date, last: date) -> Iterator[date]:
    """The days from first to last, both included."""
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def daily_partitions(first: date, zone: ZoneInfo) -> "dg.DailyPartitionsDefinition":
    """Dagster's daily partitions from `first` to the last complete day, in the site's zone."""
    import dagster as dg

    return dg.DailyPartitionsDefinition(start_date=first.isoformat(), timezone=zone.key)
