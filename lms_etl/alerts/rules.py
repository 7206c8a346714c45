"""The rules of alerts: how bad each kind is, when it is told again, what mends it. No Dagster, database or clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from lms_etl.alerts.spans import Spans

Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")

LevelKind = Literal[
    "progress_failed",
    "progress_late",
    "progress_errors",
    "api_slow",
    "api_failing",
    "cache_cold",
    "quota_exceeded",
    "quota_nearly_used",
    "auth_failures",
    "many_addresses",
    "many_companies",
    "many_calls",
]
"""Kinds of a level of service that is not kept."""

Kind = Literal[
    "run_failed",
    "run_refused",
    "check_failed",
    "check_warned",
    "day_missed",
    "tick_failed",
    "stale_run",
    "database_down",
    LevelKind,
]
USUAL: dict[Kind, Severity] = {
    "run_failed": "high",
    "run_refused": "low",
    "check_failed": "high",
    "check_warned": "medium",
    "day_missed": "critical",
    "tick_failed": "high",
    "stale_run": "high",
    "database_down": "critical",
    "progress_failed": "high",
    "progress_late": "high",
    "progress_errors": "medium",
    "api_slow": "medium",
    "api_failing": "high",
    "cache_cold": "medium",
    "quota_exceeded": "high",
    "quota_nearly_used": "low",
    "auth_failures": "high",
    "many_addresses": "high",
    "many_companies": "high",
    "many_calls": "medium",
}
"""Every kind of alert and how bad it is unless ALERT_SEVERITIES says otherwise."""

MENDED_BY_LOADS = ("run_failed", "run_refused", "day_missed", "stale_run")
LONGEST_SILENCE = timedelta(days=1)
LONGEST_SUBJECT = 150

LOADED_LAST = {
    "user_activity_job": "user_activity",
    "main_etl_job": "user_activity",
    "pipeline": "user_activity",
    "main_etl": "user_activity",
    "activity_counts_job": "activity_counts",
    "user_counts_job": "user_counts",
}
"""The table that a job loads last: once its day is there, a failed run of that day is mended, whoever loaded it."""


OF_COMPANIES: tuple[Kind, ...] = ("progress_failed", "progress_late", "progress_errors")
"""What is told of each company's syncs."""

RESTATES: dict[str, tuple[Kind, ...]] = {
    "last_sync_succeeded": ("run_failed", "database_down", "stale_run", "check_failed", *OF_COMPANIES),
    "there_was_a_sync_in_time": (
        "run_failed",
        "database_down",
        "stale_run",
        "check_failed",
        "day_missed",
        *OF_COMPANIES,
    ),
    "few_runs_fail": ("run_failed", "database_down", "stale_run", *OF_COMPANIES),
    "no_window_was_missed": ("day_missed",),
}
"""Checks of the syncs themselves, which look at what other alerts have told already, and the kinds of those."""

EXPLAINS = timedelta(days=1)
"""How long after its newest event an open alert explains such a check; one of a missed day does while it is open."""


@dataclass(frozen=True)
class Event:
    """Something that went wrong, seen once. `key` is the same whenever it is looked at again.

    `thing` is what has to go well for the alert to end: a job, `asset.check`, `sensor x`, or tables joined by commas.
    `same_as` are keys of events that are the same trouble seen from elsewhere. While an alert of a kind in
    `explained_by` is open, it only restates that one. `at` is UTC without an offset; `told_at` is set when people were
    told directly, while the warehouse was away.
    """

    key: str
    kind: Kind
    subject: str
    thing: str
    at: datetime
    title: str
    detail: str = ""
    days: Spans = field(default_factory=Spans)
    run_id: str | None = None
    same_as: tuple[str, ...] = ()
    explained_by: tuple[Kind, ...] = ()
    told_at: datetime | None = None


@dataclass(frozen=True)
class Proof:
    """Something that went well: a run, a check of `days`, a tick."""

    kind: Literal["run", "check", "tick"]
    thing: str
    at: datetime
    days: Spans = field(default_factory=Spans)


@dataclass(frozen=True)
class Alert:
    """What the rules have to know of a stored alert. `told` counts its messages, `swallowed` the events since the last.

    `told_before` is when the last message about this kind and subject was made, of this alert or of one before it.
    """

    kind: Kind
    thing: str
    severity: Severity
    days: Spans
    last_seen_at: datetime
    told: int
    swallowed: int
    told_before: datetime | None


@dataclass(frozen=True)
class Policy:
    """The settings that the rules follow; `severities` overrides what is usual."""

    threshold: Severity = "medium"
    cooldown: timedelta = timedelta(minutes=60)
    severities: Mapping[str, Severity] = field(default_factory=dict)

    def severity(self, kind: Kind) -> Severity:
        return self.severities.get(kind, USUAL[kind])

    def tells(self, severity: Severity) -> bool:
        """Whether it is bad enough to be told."""
        return SEVERITIES.index(severity) >= SEVERITIES.index(self.threshold)

    def silence(self, told: int) -> timedelta:
        """How long it stays silent after its message number `told`: the cooldown, doubled each time, a day at most."""
        return min(self.cooldown * 2 ** min(max(told - 1, 0), 20), max(LONGEST_SILENCE, self.cooldown))


def message_now(alert: Alert, now: datetime, policy: Policy) -> Literal["raised", "again"] | None:
    """The message that an open alert needs now, if any.

    The first one waits only while an earlier alert about the same subject is in its cooldown: an alert that stays
    open is told for certain. A further one needs a new event, and the silence after the last message to be over.
    """
    if not policy.tells(alert.severity):
        return None
    rested = alert.told_before is None or now - alert.told_before >= policy.silence(alert.told)
    if alert.told == 0:
        return "raised" if rested else None
    return "again" if alert.swallowed and rested else None


def unmended(alert: Alert, proofs: Iterable[Proof], loads: Mapping[str, Mapping[date, datetime]]) -> Spans | None:
    """What is left of the alert's days; None when it is over.

    `loads` has, for each table, the moment each day was loaded last. Only what happened after the last failure counts.
    """
    since = alert.last_seen_at
    later = [proof for proof in proofs if proof.at > since]
    loaded = {table: Spans.of(day for day, at in days.items() if at > since) for table, days in loads.items()}
    if alert.kind == "database_down":
        answered = any(proof.kind == "run" or proof.thing == alert.thing for proof in later)
        return None if answered or any(loaded.values()) else alert.days
    left = alert.days
    for proof in later:
        if proof.thing == alert.thing:
            if not alert.days:
                return None
            left -= proof.days
    if alert.kind in MENDED_BY_LOADS and left:
        left = _not_loaded(left, alert.thing, loaded)
    return left if left or not alert.days else None


def tables_of(alert: Alert) -> set[str]:
    """The tables whose loads can mend an alert; none for what only a check or a tick can."""
    if alert.kind not in MENDED_BY_LOADS or not alert.days:
        return set()
    return {LOADED_LAST.get(name, name) for name in alert.thing.split(", ")}


def _not_loaded(days: Spans, thing: str, loaded: Mapping[str, Spans]) -> Spans:
    """The days of which one of the tables is still to be loaded."""
    left = Spans()
    for name in thing.split(", "):
        left |= days - loaded.get(LOADED_LAST.get(name, name), Spans())
    return left


def short(subject: str) -> str:
    """A subject that fits its column."""
    return subject if len(subject) <= LONGEST_SUBJECT else subject[: LONGEST_SUBJECT - 1] + "…"
