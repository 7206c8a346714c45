"""Which closed days gained log rows after they were loaded, and why: pure, no Dagster, no database, no clock."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import Enum
from zoneinfo import ZoneInfo

from lms_etl.days import LocalDay, local_date, local_day
from lms_etl.sources.moodle import LateQuarter
from lms_etl.warehouse.receipts import Source

_SHOWN = 10
_HOUR, _DAY = 3600, 86_400


class State(Enum):
    """What a look decides of a closed day in which it found rows; the value completes "so many days …"."""

    REOPENED = "gained rows and are asked for again"
    QUEUED = "gained rows and stand in the queue already"
    BUSY = "are being loaded right now; they are looked at again when that has ended"
    SAME = "hold what they were loaded from"
    PURGED = "gained rows, but Moodle holds fewer than they were loaded from, so they stay as they are"
    NEVER_LOADED = "are not loaded yet; their rows come with the first load"
    BEFORE_START = "lie before LMS_ETL_START_DATE; their rows are left out"


@dataclass(frozen=True)
class Arrival:
    """Log rows of one closed day among the ids of a look. `restored` of the `rows` were written by a course restore."""

    day: LocalDay
    rows: int
    restored: int
    first_id: int
    last_id: int
    oldest: int


@dataclass(frozen=True)
class Verdict:
    """What is decided of one day; `reason` is for the request that reopens it."""

    day: date
    state: State
    rows: int
    reason: str


def by_day(quarters: Iterable[LateQuarter], zone: ZoneInfo) -> dict[LocalDay, list[LateQuarter]]:
    """The quarters of an hour, ordered by time, under the local day that each belongs to."""
    days: dict[LocalDay, list[LateQuarter]] = {}
    day: LocalDay | None = None
    for quarter in quarters:
        if day is None or quarter.oldest >= day.end:
            day = local_day(local_date(quarter.oldest, zone), zone)
        days.setdefault(day, []).append(quarter)
    return days


def arrival(day: LocalDay, quarters: list[LateQuarter], loaded: Source | None) -> Arrival:
    """The rows of a day that its last load has not seen by their id, or all of them if there are none such."""
    seen = -1 if loaded is None or loaded.source_max_id is None else loaded.source_max_id
    told = [quarter for quarter in quarters if quarter.last_id > seen] or quarters
    return Arrival(
        day,
        sum(quarter.log_rows for quarter in told),
        sum(quarter.log_rows for quarter in told if quarter.restored),
        min(quarter.first_id for quarter in told),
        max(quarter.last_id for quarter in told),
        told[0].oldest,
    )


def judge(
    found: Arrival, loaded: Source | None, rows_now: int, live: str | None, first_day: date, seen_at: int
) -> Verdict:
    """Decides of one day. `loaded` is its receipt, `rows_now` what Moodle holds of it, `live` QUEUED, RUNNING or None.

    A day is reopened when its content changed: it holds more rows than it was loaded from, or one with a larger id.
    """
    rows = found.rows if loaded is None or loaded.rows_read is None else max(rows_now - loaded.rows_read, 0)
    state = _state(found, loaded, rows_now, live, first_day)
    return Verdict(found.day.date, state, rows or found.rows, reason(found, rows or found.rows, seen_at))


def _state(found: Arrival, loaded: Source | None, rows_now: int, live: str | None, first_day: date) -> State:
    if found.day.date < first_day:
        return State.BEFORE_START
    if live == "RUNNING":
        return State.BUSY
    if loaded is None:
        return State.NEVER_LOADED
    if loaded.rows_read is not None and rows_now < loaded.rows_read:
        return State.PURGED
    more = loaded.rows_read is None or rows_now > loaded.rows_read
    if not more and found.last_id <= (loaded.source_max_id or 0):
        return State.SAME
    return State.QUEUED if live == "QUEUED" else State.REOPENED


def reason(found: Arrival, rows: int, seen_at: int) -> str:
    """Why a day is loaded again: a restore, rows that waited in a buffer, or rows older than a buffer explains."""
    late = max(seen_at - found.oldest, 0)
    kind = "restore" if found.restored else "buffer" if late <= _DAY else "late rows"
    were = "row of this day was" if rows == 1 else "rows of this day were"
    return (
        f"{kind}: {rows} {were} written to Moodle's log under ids {found.first_id} to {found.last_id}, "
        f"seen up to {duration(late)} after they happened"
    )


def duration(seconds: int) -> str:
    """Seconds in the largest fitting unit: 7.8 days, 3.5 h, 12 min."""
    if seconds >= 2 * _DAY:
        return f"{seconds / _DAY:.1f} days"
    return f"{seconds / _HOUR:.1f} h" if seconds >= _HOUR else f"{max(seconds // 60, 1)} min"


def told(verdicts: list[Verdict]) -> str:
    """One sentence for each state that occurs, with its days and how many rows they gained."""
    sentences = []
    for state in State:
        days = [verdict for verdict in verdicts if verdict.state is state]
        if days and state is not State.SAME:
            named = ", ".join(str(verdict.day) for verdict in days[:_SHOWN])
            more = f" and {len(days) - _SHOWN} more" if len(days) > _SHOWN else ""
            rows = sum(verdict.rows for verdict in days)
            sentences.append(f"{len(days)} of them ({named}{more}; {rows} rows) {state.value}.")
    return " ".join(sentences)
