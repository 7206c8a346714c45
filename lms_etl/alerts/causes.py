"""From what was seen of runs, ticks and days to events of one cause each, and proofs that something went well. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from lms_etl.alerts.redaction import redacted
from lms_etl.alerts.rules import RESTATES, Event, Kind, Proof, short
from lms_etl.alerts.spans import Spans

_DATABASE = re.compile(r"Failed to connect to database: (.*?) \((MOODLE|WAREHOUSE)_DATABASE_URL=")
_SIDES = {"MOODLE": "source", "WAREHOUSE": "warehouse"}
_DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_OF_COMPANY = re.compile(r"company \d+: ")
"""How a run of course progress begins to say which companies failed: each is told on its own, see levels.py."""

_REFUSED = re.compile(
    r"ETL process is already running|ETL time window expired|Waiting for .* ETL to complete|Stopped on request|"
    r"Request \d+ is "
)
"""How a run begins to say that it was not to run, or was asked to stop: no trouble of the day."""


@dataclass(frozen=True)
class Fault:
    """An error of a step, a run or a tick. `ours` when the text is a sentence of this project's own."""

    text: str
    ours: bool = False
    blocked_by_check: bool = False


@dataclass(frozen=True)
class Check:
    """One evaluation of an asset check."""

    name: str
    passed: bool
    warns: bool
    at: datetime
    description: str = ""
    days: Spans = field(default_factory=Spans)


@dataclass(frozen=True)
class Run:
    """A run in Dagster that has ended."""

    run_id: str
    job: str
    success: bool
    at: datetime
    days: Spans = field(default_factory=Spans)
    faults: tuple[Fault, ...] = ()
    checks: tuple[Check, ...] = ()
    started_at: datetime | None = None


@dataclass(frozen=True)
class Tick:
    """An evaluation of a sensor or schedule that has ended. `name` is `sensor window_sensor`."""

    tick_id: str
    name: str
    at: datetime
    fault: Fault | None = None


@dataclass(frozen=True)
class Stale:
    """A row of the registry whose process shows no sign of life any more."""

    row: int
    job: str
    day: date | None
    at: datetime
    run_id: str | None


def check_events(run: Run, secrets: tuple[str, ...] = ()) -> list[Event]:
    """One event for each check that failed in a run."""
    return [
        Event(
            key=f"check:{run.run_id}:{check.at.timestamp():.3f}:{check.name[:100]}",
            kind="check_warned" if check.warns else "check_failed",
            subject=about(check.name, days),
            thing=check.name,
            at=check.at,
            title=f"Check {about(check.name, days)} " + ("warns" if check.warns else "failed"),
            detail=redacted(check.description, secrets),
            days=days,
            run_id=run.run_id,
            explained_by=RESTATES.get(check.name.rpartition(".")[2], ()),
        )
        for check in run.checks
        if not check.passed
        for days in [failing_days(check)]
    ]


def run_events(run: Run, secrets: tuple[str, ...] = ()) -> list[Event]:
    """The causes of a run: its failed checks, and its own failure unless a check that blocks is the only reason."""
    events = check_events(run, secrets)
    if run.success:
        return events
    own = [fault for fault in run.faults if not fault.blocked_by_check]
    if not own and any(event.kind == "check_failed" for event in events):
        return events
    fault = next(
        (fault for fault in own if _DATABASE.search(fault.text)), own[0] if own else Fault("It says no reason.")
    )
    key, same = f"run:{run.run_id}", (f"stale:{run.run_id}",)
    outage = database_event(fault, key, "", run.at, run.run_id, secrets)
    if outage:
        return [*events, outage]
    if fault.ours and _OF_COMPANY.match(fault.text):
        return events
    what = about(run.job, run.days)
    refused = fault.ours and _REFUSED.match(fault.text)
    failed = Event(
        key=key,
        kind="run_refused" if refused else "run_failed",
        subject=what,
        thing=run.job,
        at=run.at,
        title=f"Run of {what} " + ("was refused or stopped" if refused else "failed"),
        detail=redacted(fault.text, secrets, foreign=not fault.ours),
        days=run.days,
        run_id=run.run_id,
        same_as=same,
    )
    return [*events, failed]


def proofs(run: Run) -> list[Proof]:
    """What a run shows to be well: the checks that passed, and itself if it succeeded."""
    passed = [Proof("check", check.name, check.at, check.days) for check in run.checks if check.passed]
    return [*passed, Proof("run", run.job, run.at, run.days)] if run.success else passed


def tick_events(ticks: Iterable[Tick], secrets: tuple[str, ...] = ()) -> list[Event]:
    """One event for each tick that failed."""
    events = []
    for tick in ticks:
        if tick.fault is None:
            continue
        key = f"tick:{tick.tick_id}"
        event = database_event(tick.fault, key, tick.name, tick.at, None, secrets) or Event(
            key,
            "tick_failed",
            short(tick.name),
            tick.name,
            tick.at,
            f"{tick.name[0].upper()}{tick.name[1:]} fails",
            redacted(tick.fault.text, secrets, foreign=not tick.fault.ours),
        )
        events.append(event)
    return events


def missed_events(missed: Iterable[tuple[str, date, datetime]]) -> list[Event]:
    """Days whose window closed without a load, as (table, day, when): one cause for all that were noticed together."""
    rows = sorted(missed, key=lambda row: (row[1], row[0]))
    days = Spans.of(day for _, day, _ in rows)
    tables = ", ".join(sorted({table for table, _, _ in rows}))
    return [
        Event(
            key=f"missed:{table}:{day}",
            kind="day_missed",
            subject=short(str(days)),
            thing=tables,
            at=at,
            title=f"The window of {days} closed without a load",
            detail=f"Not loaded in time: {tables}.",
            days=days,
        )
        for table, day, at in rows
    ]


def stale_events(rows: Iterable[Stale]) -> list[Event]:
    """One event for each run whose process is gone; its failure in Dagster, seen earlier or later, is the same."""
    events = []
    for row in rows:
        days = Spans.of([row.day]) if row.day else Spans()
        what = about(row.job, days)
        detail = f"No sign of life since {row.at:%Y-%m-%d %H:%M} UTC. What it had committed stays."
        same = (f"run:{row.run_id}",) if row.run_id else ()
        key = f"stale:{row.run_id or row.row}"
        title = f"Run of {what} stopped without a word"
        events.append(Event(key, "stale_run", what, row.job, row.at, title, detail, days, row.run_id, same))
    return events


def database_event(
    fault: Fault, key: str, thing: str, at: datetime, run_id: str | None, secrets: tuple[str, ...] = ()
) -> Event | None:
    """The event of a database that cannot be reached, whatever failed because of it; None for another error."""
    found = _DATABASE.search(fault.text)
    if not found:
        return None
    side = _SIDES[found[2]]
    kind: Kind = "database_down"
    name = "Moodle's database" if side == "source" else "The warehouse"
    title = f"{name} cannot be reached: {redacted(found[1])}"
    same = (f"stale:{run_id}",) if run_id else ()
    detail = redacted(fault.text[found.start() :].partition(" The database said:")[0], secrets)
    return Event(key, kind, side, thing or side, at, title, detail, run_id=run_id, same_as=same)


def about(thing: str, days: Spans) -> str:
    """A subject: the thing and its days."""
    return short(f"{thing} {days}" if days else thing)


def failing_days(check: Check) -> Spans:
    """The judged days that the description names; all judged days if it names none or breaks off."""
    named = Spans.of(date.fromisoformat(day) for day in _DAY.findall(check.description) if _is_day(day))
    outside = named - check.days
    return check.days if not named or outside or " more" in check.description else named


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
