"""The sensor that looks for trouble every half minute, writes it down, and sends what is to be told."""

import json
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from lms_etl import databases
from lms_etl.alerts import causes, channels, levels, observed, outbox, watched
from lms_etl.alerts.hub import Hub, Noted
from lms_etl.alerts.outage import Outage
from lms_etl.alerts.redaction import secrets_of
from lms_etl.alerts.rules import Event, Policy, Proof
from lms_etl.settings import Settings
from lms_etl.warehouse import registry
from lms_etl.warehouse.warehouse import SETTING, Warehouse

INTERVAL_SECONDS = 30
LOOK_BACK = timedelta(days=1)
"""How far the first look goes back, and the one after a cursor was reset; what was counted is not counted again."""

OVERLAP = timedelta(minutes=10)
"""How far each look goes back behind the one before, for ticks that had not ended and rows that were not committed."""

LETTERS_AT_ONCE = 20


@dataclass(frozen=True)
class Cursor:
    """How far was looked: the number of the last settled event, and when, by the clocks of Dagster and the warehouse.

    `outage` while the warehouse is away.
    """

    event: int | None = None
    at: float | None = None
    noted: str | None = None
    outage: Outage | None = None

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """The cursor of the last tick; an unreadable one counts as none."""
        try:
            known: dict[str, Any] = json.loads(text or "{}")
            outage = known.get("outage")
            return cls(known.get("event"), known.get("at"), known.get("noted"), Outage(**outage) if outage else None)
        except (ValueError, TypeError, AttributeError):
            return cls()

    def written(self) -> str:
        outage = self.outage.written() if self.outage else None
        return json.dumps({"event": self.event, "at": self.at, "noted": self.noted, "outage": outage})


@dataclass(frozen=True)
class Seen:
    """What one look came to: events, proofs, and where to look on."""

    events: list[Event]
    proofs: list[Proof]
    cursor: Cursor
    runs: int
    ticks: int


@dg.sensor(
    name="alert_sensor", minimum_interval_seconds=INTERVAL_SECONDS, default_status=dg.DefaultSensorStatus.RUNNING
)
def alert_sensor(context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]) -> dg.SkipReason:
    """Tells people of failed runs, failed checks, missed days, broken sensors and dead runs: once for each cause.

    Counts events and writes messages in one transaction of the warehouse, then sends them through ALERT_URLS. While the
    warehouse itself cannot be reached it says so directly.
    """
    return watch(context, warehouse)


def watch(context: dg.SensorEvaluationContext, warehouse: Warehouse) -> dg.SkipReason:
    """One tick of the sensor. The cursor moves last: what was seen before a crash is seen again, and counted once."""
    cursor = Cursor.read(context.cursor)
    try:
        reason, cursor = look(context.instance, warehouse, cursor)
    except databases.DatabaseProblem as problem:
        reason, cursor = without_warehouse(warehouse.settings, cursor, str(problem))
    context.update_cursor(cursor.written())
    return dg.SkipReason(f"{reason} Looks again in {INTERVAL_SECONDS} s.")


def look(instance: dg.DagsterInstance, warehouse: Warehouse, cursor: Cursor) -> tuple[str, Cursor]:
    """One look at the world: counted, told, sent. Returns what to say and where to look on."""
    settings = warehouse.settings
    told_to = channels.parse(settings.alert_urls)
    names = [channel.name for channel in told_to]
    with databases.plain_errors(SETTING, warehouse.url):
        now = registry.utc_now()
        try:
            seen = observe(instance, warehouse, cursor, now)
        except databases.DatabaseProblem:
            warehouse.close()  # a pooled connection outlives the server's restart; a new one says how things are
            seen = observe(instance, warehouse, cursor, now)
        noted = Hub(warehouse, policy_of(settings), names, settings.ui_url).note(seen.events, seen.proofs, now)
        by_name = {channel.name: channel for channel in told_to}
        sent = outbox.send_due(
            warehouse,
            lambda letter: by_name[letter.channel].send(letter),
            names,
            registry.utc_now,
            settings.alert_send_attempts,
            LETTERS_AT_ONCE,
        )
        with warehouse.reading() as connection:
            left = outbox.waiting(connection, names)
    return said(seen, noted, sent, left, bool(names)), seen.cursor


def observe(instance: dg.DagsterInstance, warehouse: Warehouse, cursor: Cursor, now: datetime) -> Seen:
    """Everything that happened since the last look, a little overlapping it."""
    clock = time.time()
    settings = warehouse.settings
    secrets = secrets_of(settings)
    since = clock - LOOK_BACK.total_seconds() if cursor.at is None else cursor.at - OVERLAP.total_seconds()
    ended = observed.ended_runs(instance, cursor.event, since, clock)
    ticks = observed.ended_ticks(instance, since)
    before = datetime.fromisoformat(cursor.noted) - OVERLAP if cursor.noted else now - LOOK_BACK
    with warehouse.reading() as connection:
        missed = causes.missed_events(watched.missed_days(connection, before))
        service = levels.look(connection, settings, now)
        silence = timedelta(minutes=settings.alert_stale_minutes)
        stale = causes.stale_events(watched.stale_runs(connection, before, now, silence))
        runs = [
            replace(run, days=watched.not_loaded(connection, run.job, run.days, run.started_at))
            if not run.success and run.days and run.started_at
            else run
            for run in ended.runs
        ]
    events = [event for run in runs for event in causes.run_events(run, secrets)]
    events += [*causes.tick_events(ticks, secrets), *missed, *stale, *service.events]
    proofs = [proof for run in runs for proof in causes.proofs(run)]
    proofs += [Proof("tick", tick.name, tick.at) for tick in ticks if tick.fault is None]
    proofs += service.proofs
    if cursor.outage:
        events.append(cursor.outage.event())
        proofs.append(Proof("tick", "warehouse", now))
    reached = Cursor(ended.cursor, clock, now.isoformat())
    return Seen(events, proofs, reached, len(ended.runs), len(ticks))


def without_warehouse(settings: Settings, cursor: Cursor, problem: str) -> tuple[str, Cursor]:
    """Says directly that nothing can be written down, once to each channel; what else happened is looked at later."""
    outage = cursor.outage or Outage.begun(registry.utc_now(), problem, secrets_of(settings))
    outage = outage.told_through(channels.parse(settings.alert_urls), policy_of(settings))
    told = f"told {', '.join(outage.told)}" if outage.told else "nobody could be told"
    return f"Nothing can be recorded since {outage.since} UTC; {told}. {outage.problem}", replace(cursor, outage=outage)


def policy_of(settings: Settings) -> Policy:
    """The rules as the settings have them."""
    cooldown = timedelta(minutes=settings.alert_cooldown_minutes)
    return Policy(settings.alert_threshold, cooldown, settings.alert_severities)


def said(seen: Seen, noted: Noted, sent: outbox.Sent, left: tuple[int, datetime | None], anybody: bool) -> str:
    """What the sensor's page shows: seen, counted, told, and what it waits for."""
    words = [
        f"Saw {seen.runs} ended runs and {seen.ticks} ticks: {noted.events} new events, {noted.messages} messages, "
        f"{noted.resolved} recovered; {noted.open} alerts are open."
    ]
    if not anybody:
        words.append("ALERT_URLS is not set: alerts are recorded, nobody is told.")
    if sent.accepted or sent.failed:
        words.append(f"Sent {sent.accepted}, {sent.failed} failed.")
    if left[0]:
        words.append(f"{left[0]} wait, the next from {left[1]:%H:%M:%S} UTC.")
    if sent.given_up:
        words.append(f"{sent.given_up} given up after the last attempt: see `lms-etl alerts list`.")
    return " ".join(words)
