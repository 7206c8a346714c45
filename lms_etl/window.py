"""The H+1 window: day H may be loaded on the local day after it, H+1 00:00:00 to 23:59:59. Pure: no clock, no database.

States of a day: pending (it still runs), due (its window is open), met (first loaded in its window), late (first loaded
after it), missed (the window closed without a load).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from lms_etl.days import midnight

State = Literal["pending", "due", "met", "late", "missed"]
EXPIRED = "ETL time window expired"
"""The documented error of a run that comes after the window."""


@dataclass(frozen=True)
class Window:
    """When a day may be loaded, in unix seconds: `opens <= t < closes`."""

    opens: int
    closes: int

    def margin_minutes(self, loaded: datetime) -> int:
        """Whole minutes from a load to the window's last second: 0 or more when met, below 0 when late."""
        return (self.closes - 1 - int(loaded.timestamp())) // 60


def window_of(day: date, zone: ZoneInfo) -> Window:
    """The local day after `day`, by the zone's own midnights: 23 or 25 hours where the clocks change.

    A date that the zone leaves out (Samoa had no 2011-12-30) has no hours; the window is then the next date that has.
    """
    opens = midnight(day + timedelta(days=1), zone)
    after = day + timedelta(days=2)
    while midnight(after, zone) == opens:
        after += timedelta(days=1)
    return Window(opens, midnight(after, zone))


def refusal(day: date, zone: ZoneInfo, now: datetime, forced: bool = False) -> str | None:
    """Why an ordinary run may not load the day now, and what to do instead; None if it may.

    `forced` (also every backfill) passes when the window is closed, but never before the day is over.
    """
    window = window_of(day, zone)
    if now.timestamp() < window.opens:
        return f"{day} is not over at the site ({zone.key}): it is not complete before {local_text(window.opens, zone)}"
    if forced or now.timestamp() < window.closes:
        return None
    return (
        f"{EXPIRED}: {day} could be loaded until {local_text(window.closes - 1, zone)} ({zone.key}). Load it late with "
        f"`lms-etl backfill --from {day} --to {day}`, with --force, or in the UI: launch it as a backfill, or with "
        "`force: true` in the run's config"
    )


def state(day: date, zone: ZoneInfo, now: datetime, first_loaded: datetime | None) -> State:
    """The state of a day from its first successful load, None if there was none."""
    window = window_of(day, zone)
    if first_loaded is not None:
        return "met" if first_loaded.timestamp() < window.closes else "late"
    if now.timestamp() < window.opens:
        return "pending"
    return "due" if now.timestamp() < window.closes else "missed"


def aware(moment: datetime) -> datetime:
    """A moment as the warehouse keeps it (UTC without an offset), with its offset."""
    return moment.replace(tzinfo=UTC)


def local_text(moment: float | datetime, zone: ZoneInfo) -> str:
    """Unix seconds or an aware moment as the site's clock shows it, `2026-03-22 23:59:59`."""
    instant = moment.timestamp() if isinstance(moment, datetime) else moment
    return datetime.fromtimestamp(instant, tz=zone).strftime("%Y-%m-%d %H:%M:%S")
