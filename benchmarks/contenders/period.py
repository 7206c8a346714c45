"""What every contender is asked: which days, from which Moodle, into which warehouse."""

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import make_url


@dataclass(frozen=True)
class Period:
    """Local days of the site, both included, and their bounds in unix seconds, half open."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def bounds(self) -> tuple[int, int]:
        return self.midnight(self.first), self.midnight(self.last + timedelta(days=1))

    def midnight(self, day: date) -> int:
        return int(datetime.combine(day, time.min, tzinfo=self.zone).timestamp())

    @property
    def offset(self) -> timedelta:
        """Local time minus UTC. The zone of a benchmark has no daylight saving, so one offset serves the year."""
        return datetime.combine(self.first, time.min, tzinfo=self.zone).utcoffset() or timedelta()

    @property
    def time_zone(self) -> str:
        """The offset as MySQL's time_zone takes it from a server without named zones: `+07:00`."""
        text = datetime.combine(self.first, time.min, tzinfo=self.zone).strftime("%z")
        return f"{text[:3]}:{text[3:]}"

    def days(self) -> Iterator[date]:
        for number in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=number)


def asked() -> Period:
    """The period of `--from` and `--to`, in the zone of LMS_ETL_TIMEZONE."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--from", dest="first", type=date.fromisoformat, required=True)
    parser.add_argument("--to", dest="last", type=date.fromisoformat, required=True)
    options = parser.parse_args()
    return Period(options.first, options.last, ZoneInfo(os.environ["LMS_ETL_TIMEZONE"]))


def moodle_arguments() -> dict[str, object]:
    """MOODLE_DATABASE_URL as PyMySQL's arguments."""
    url = make_url(os.environ["MOODLE_DATABASE_URL"])
    return {
        "host": url.host,
        "port": url.port or 3306,
        "user": url.username,
        "password": url.password or "",
        "database": url.database,
        "charset": "utf8mb4",
    }
