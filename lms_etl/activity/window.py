"""What the window sensor does about a complete day, from what is known of it. Pure: no Dagster, database or clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from lms_etl.window import EXPIRED, local_text, window_of

SCHEDULED = time(2)
"""When the schedule loads the last complete day, site time."""


@dataclass(frozen=True)
class Rules:
    """The settings of the window; pause and grace in minutes."""

    attempts: int = 8
    pause: int = 10
    grace: int = 30

    def next_attempt(self, failed: Sequence[datetime]) -> datetime:
        """When the run after these failures starts: each pause is twice as long as the one before it."""
        return failed[-1] + timedelta(minutes=self.pause * 2 ** (len(failed) - 1))


@dataclass(frozen=True)
class Seen:
    """What is known of a complete day."""

    day: date
    settled: str | None = None
    """met, late or missed, once it is; None before."""
    live: str | None = None
    """What loads it now."""
    failed: tuple[datetime, ...] = ()
    """When automatic runs of it ended without loading it, oldest first."""
    error: str = ""
    """Of the last failed one."""


@dataclass(frozen=True)
class Step:
    """What to do about a day, and what was seen, in words that also say what happens next."""

    action: Literal["settled", "wait", "start", "miss"]
    told: str
    reason: str = ""
    """One word for the run's key."""


def judge(seen: Seen, zone: ZoneInfo, now: datetime, rules: Rules) -> Step:
    """The step for one day. A run that is live when the window closes has `grace` minutes to end."""
    day, window, instant = seen.day, window_of(seen.day, zone), now.timestamp()
    if seen.settled:
        return Step("settled", f"{day} is {seen.settled}.")
    if seen.live and instant < window.closes + 60 * rules.grace:
        return Step("wait", f"{day} is being loaded by {seen.live}.")
    if instant >= window.closes:
        return Step(
            "miss", f"{EXPIRED}: {day} was not loaded by {local_text(window.closes - 1, zone)}, {_tried(seen, zone)}"
        )
    if seen.failed:
        return _after_failures(seen, zone, now, rules)
    start_by = datetime.combine(day + timedelta(days=1), SCHEDULED, tzinfo=zone) + timedelta(minutes=rules.grace)
    if instant < start_by.timestamp():
        return Step(
            "wait", f"{day} is due and not loaded; unless a run starts before, the sensor does at {start_by:%H:%M}."
        )
    return Step("start", f"no run of {day} had started by {start_by:%H:%M}", "not-started")


def _tried(seen: Seen, zone: ZoneInfo) -> str:
    if not seen.failed:
        return "nothing started it"
    last = f"the last at {local_text(seen.failed[-1], zone)}"
    return f"{len(seen.failed)} runs failed, {last}" + (f": {seen.error}" if seen.error else "")


def _after_failures(seen: Seen, zone: ZoneInfo, now: datetime, rules: Rules) -> Step:
    tried = f"{seen.day} is due; {_tried(seen, zone)}."
    if len(seen.failed) >= rules.attempts:
        closes = local_text(window_of(seen.day, zone).closes, zone)
        by_hand = f"Mend the cause and run `lms-etl user_activity_etl pipeline {seen.day}` before {closes}."
        return Step("wait", f"{tried} No more attempts (LMS_ETL_WINDOW_ATTEMPTS={rules.attempts}). {by_hand}")
    number, at = len(seen.failed) + 1, rules.next_attempt(seen.failed)
    if now < at:
        return Step("wait", f"{tried} Attempt {number} of {rules.attempts} starts at {local_text(at, zone)}.")
    return Step("start", f"attempt {number} of {rules.attempts} of {seen.day}: {_tried(seen, zone)}", "failed")


def first_stretch(missed: Sequence[date]) -> tuple[date, date] | None:
    """The first and last day of the missed days that follow one another without a gap, beginning with the oldest."""
    if not missed:
        return None
    last = missed[0]
    while last + timedelta(days=1) in missed:
        last += timedelta(days=1)
    return missed[0], last


def catch_up(
    missed: Sequence[date], live: str | None, failed: Sequence[datetime], zone: ZoneInfo, now: datetime, rules: Rules
) -> Step:
    """The step for missed days, oldest first. `failed` are the ends of runs that began with the oldest one."""
    stretch = first_stretch(missed)
    if stretch is None:
        return Step("settled", "No missed day waits.")
    first, last = stretch
    days = f"{first} to {last}" if last > first else str(first)
    if live:
        return Step("wait", f"Missed and not loaded: {days}; {live} is at work.")
    if len(failed) >= rules.attempts:
        by_hand = f"`lms-etl backfill --from {first} --to {last}`"
        return Step(
            "wait", f"Missed and not loaded: {days}; {len(failed)} runs failed. Mend the cause and run {by_hand}."
        )
    if failed and now < rules.next_attempt(failed):
        at = local_text(rules.next_attempt(failed), zone)
        return Step("wait", f"Missed and not loaded: {days}; attempt {len(failed) + 1} of {rules.attempts} at {at}.")
    return Step("start", f"catching up the missed {days}", "missed")
