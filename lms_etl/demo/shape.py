"""What a demo site should look like: the only input of the generator."""

import re
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,9}")


@dataclass(frozen=True)
class SiteShape:
    """Size, days, zone and seed of a site. Equal shapes give equal rows in every database.

    The smallest site has 10 courses and 20 students, so that every oddity (hidden, restored, without students) exists.
    """

    log_rows: int = 60_000
    """Rows of logstore_standard_log, exactly."""
    courses: int = 30
    """Visible and hidden ones, without the front page."""
    students: int = 600
    first_day: date = date(2025, 9, 1)
    """First local day of the log."""
    last_day: date = date(2025, 11, 30)
    """Last local day of the log, inclusive."""
    timezone: str = "UTC"
    """IANA zone that the weeks, hours and midnights follow."""
    seed: int = 1
    prefix: str = "mdl_"
    departures_every: int = 0
    """A row about a course whose number is a multiple of this is a student leaving it; 0: nobody leaves."""

    def __post_init__(self) -> None:
        ZoneInfo(self.timezone)
        if self.log_rows < 0 or self.seed < 0 or self.departures_every < 0:
            raise ValueError("log_rows, seed and departures_every must not be negative")
        if self.courses < 10 or self.students < 20:
            raise ValueError(f"a site has at least 10 courses and 20 students, not {self.courses} and {self.students}")
        if self.last_day < self.first_day:
            raise ValueError(f"last_day {self.last_day} is before first_day {self.first_day}")
        if self.prefix and not _PREFIX.fullmatch(self.prefix):
            raise ValueError(
                f"table prefix {self.prefix!r}: up to 10 of a-z, 0-9 and _, a letter first, as Moodle asks"
            )

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the site's clock."""
        return ZoneInfo(self.timezone)

    @property
    def days(self) -> int:
        """Number of local days in the log."""
        return (self.last_day - self.first_day).days + 1

    @property
    def restores(self) -> int:
        """How many courses are restored with their logs while the log runs: one a quarter."""
        return min(1 + self.days // 90, self.courses // 10)
