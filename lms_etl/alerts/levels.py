"""Levels of service that are not kept: judgements about syncs, calls, quotas and attempts as events of the hub.

A trouble that lasts is one event an hour, so that the cooldown decides how often it is told. It ends with the first
look that judges its subject well, or when nothing was heard of the subject for a day.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast, get_args

import sqlalchemy as sa

from lms_etl.alerts.redaction import redacted
from lms_etl.alerts.rules import Event, LevelKind, Proof, short
from lms_etl.service_levels import (
    Judgement,
    Levels,
    judge_addresses,
    judge_calls,
    judge_quotas,
    judge_syncs,
    judge_users,
)
from lms_etl.settings import Settings
from lms_etl.warehouse import call_log, sync_log
from lms_etl.warehouse.tables import alerts

KINDS: tuple[LevelKind, ...] = get_args(LevelKind)
SEEN_ANEW = ("quota_exceeded", "quota_nearly_used", "auth_failures", "many_addresses", "many_companies", "many_calls")
"""Kinds whose subjects are all looked at each time: one that is not found is well."""

FORGOTTEN = timedelta(days=1)
"""After this long without enough calls to judge, an alert about them ends."""

SETTLED = timedelta(minutes=2)
"""How long a failed sync is not told: by then the run it is part of has told whether the source was away."""

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Look:
    """What one look at the levels came to."""

    events: list[Event] = field(default_factory=list)
    proofs: list[Proof] = field(default_factory=list)


def levels_of(settings: Settings) -> Levels:
    """The thresholds as the settings have them."""
    return Levels(
        hours_without_sync=settings.max_hours_without_sync,
        error_rate=settings.max_error_rate,
        error_rate_runs=settings.error_rate_min_runs,
        slow_seconds=settings.api_slow_seconds,
        success_rate=settings.api_min_success_rate,
        cache_hit_rate=settings.api_min_cache_hit_rate,
        min_calls=settings.api_min_calls,
        failures_per_address=settings.api_failures_per_address,
        addresses_per_user=settings.api_addresses_per_user,
        companies_per_user=settings.api_companies_per_user,
        calls_per_user=settings.api_calls_per_user,
    )


def judged(connection: sa.Connection, settings: Settings, now: datetime) -> list[Judgement]:
    """Everything that is judged, as it is now (UTC without an offset). Five statements, however many subjects."""
    levels = levels_of(settings)
    hour_ago = int((now - HOUR).replace(tzinfo=UTC).timestamp())
    today = now.replace(tzinfo=UTC).astimezone(settings.zone).date()
    return [
        *judge_syncs(sync_log.of_companies(connection, now, settings.error_rate_hours), now, levels),
        *judge_calls(call_log.by_company(connection, hour_ago), levels),
        *judge_quotas(call_log.quotas(connection, today)),
        *judge_addresses(call_log.failures_by_address(connection, now - HOUR), levels),
        *judge_users(call_log.by_user(connection, hour_ago), levels),
    ]


def look(connection: sa.Connection, settings: Settings, now: datetime) -> Look:
    """The events of what is bad now, and the proofs that end open alerts."""
    judgements = judged(connection, settings, now)
    still_open = sa.select(alerts.c.kind, alerts.c.thing, alerts.c.last_seen_at).where(
        alerts.c.state == "open", alerts.c.kind.in_(KINDS)
    )
    open_alerts = [(kind, thing, at) for kind, thing, at in connection.execute(still_open)]
    return Look(events_of(judgements, now), proofs_of(judgements, open_alerts, now))


def events_of(judgements: Iterable[Judgement], now: datetime) -> list[Event]:
    """One event for each bad judgement and hour."""
    return [
        Event(
            key=f"{each.kind}:{each.key}:{now:%Y%m%d%H}",
            kind=cast("LevelKind", each.kind),
            subject=short(each.subject),
            thing=thing_of(each),
            at=now,
            title=each.title,
            detail=redacted(each.detail) if each.kind == "progress_failed" else each.detail,
            # A source that is away fails the syncs of every company: that is told once, as what it is.
            explained_by=("database_down",) if each.kind in ("progress_failed", "progress_late") else (),
        )
        for each in judgements
        if each.verdict == "bad" and (each.since is None or now - each.since >= SETTLED)
    ]


def proofs_of(
    judgements: Iterable[Judgement], open_alerts: Iterable[tuple[str, str, datetime]], now: datetime
) -> list[Proof]:
    """Proofs for the open alerts, as (kind, thing, last seen), whose subjects are well now."""
    verdicts = {thing_of(each): each.verdict for each in judgements}
    proofs = []
    for kind, thing, last_seen in open_alerts:
        usual = "well" if kind in SEEN_ANEW else "unknown"
        verdict = verdicts.get(thing, usual)
        if verdict == "well" or (verdict == "unknown" and now - last_seen > FORGOTTEN):
            proofs.append(Proof("check", thing, now))
    return proofs


def thing_of(judgement: Judgement) -> str:
    """What has to be well: the kind and its subject."""
    return f"{judgement.kind} {judgement.key}"
