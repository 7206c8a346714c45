"""The outbox: messages that were decided, and their way through each channel, with pauses that grow.

An attempt is claimed in the database before it is made and marked after the channel accepted it. A process that dies
between the two leaves a message of which nobody knows whether it arrived: it is sent again once the claim is old, with
the same Idempotency-Key. So a message may arrive twice in that one case, and is never lost.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from lms_etl.warehouse.tables import alert_deliveries as deliveries
from lms_etl.warehouse.tables import alert_messages
from lms_etl.warehouse.warehouse import Warehouse

CLAIM = timedelta(minutes=5)
"""How long an attempt counts as under way: longer than any channel takes to answer or fail."""

LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True)
class Letter:
    """One message for one channel. `key` stays the same however often it is sent."""

    delivery: int
    alert: int
    channel: str
    key: str
    kind: str
    severity: str
    title: str
    body: str
    attempts: int


@dataclass
class Sent:
    """What became of the letters that were due."""

    accepted: int = 0
    failed: int = 0
    given_up: int = 0


Send = Callable[[Letter], str | None]
"""Hands a letter to its channel; returns None if that accepted it, else why not."""


def put(
    connection: sa.Connection,
    key: str,
    alert: dict[str, Any],
    kind: str,
    title: str,
    body: str,
    channels: Sequence[str],
    now: datetime,
) -> None:
    """Writes a message and one delivery for each channel; belongs into the transaction that decides to tell."""
    values = {"message_key": key, "alert_id": alert["id"], "kind": kind, "severity": alert["severity"]}
    added = connection.execute(sa.insert(alert_messages), {**values, "title": title, "body": body, "created_at": now})
    message = int(added.inserted_primary_key[0])  # type: ignore[index]
    same = {"message_id": message, "alert_id": alert["id"], "state": "waiting", "next_at": now}
    connection.execute(sa.insert(deliveries), [{**same, "channel": channel} for channel in channels])


def send_due(
    warehouse: Warehouse, send: Send, channels: Sequence[str], clock: Callable[[], datetime], attempts: int, limit: int
) -> Sent:
    """Sends up to `limit` letters that are due; a channel that fails once is left alone until the next call."""
    sent = Sent()
    down: set[str] = set()
    for letter in _due(warehouse, channels, clock(), limit):
        if letter.channel in down or not _claim(warehouse, letter, clock()):
            continue
        problem = send(letter)
        if problem is None:
            _mark(warehouse, letter, {"state": "sent", "sent_at": clock(), "last_error": None})
            sent.accepted += 1
            continue
        down.add(letter.channel)
        last = letter.attempts + 1 >= attempts
        sent.given_up += last
        sent.failed += 1
        values = {"sending_at": None, "last_error": problem, "next_at": clock() + pause(letter.attempts + 1)}
        _mark(warehouse, letter, {**values, "state": "given_up" if last else "waiting"})
    return sent


def pause(attempts: int) -> timedelta:
    """How long a letter rests after its failed attempt number `attempts`: a minute, then twice as long each time."""
    return min(timedelta(minutes=2 ** min(attempts - 1, 10)), LONGEST_PAUSE)


def waiting(connection: sa.Connection, channels: Sequence[str]) -> tuple[int, datetime | None]:
    """How many letters wait for these channels, and when the first of them is tried."""
    query = sa.select(sa.func.count(), sa.func.min(deliveries.c.next_at))
    row = connection.execute(query.where(deliveries.c.state == "waiting", deliveries.c.channel.in_(channels))).one()
    return int(row[0]), row[1]


def _due(warehouse: Warehouse, channels: Sequence[str], now: datetime, limit: int) -> list[Letter]:
    """Letters of these channels, oldest first; none whose alert has an older one waiting for the same channel."""
    older = deliveries.alias()
    columns = ("message_key", "kind", "severity", "title", "body")
    query = (
        sa.select(
            deliveries.c.id, deliveries.c.alert_id, deliveries.c.channel, *(alert_messages.c[each] for each in columns)
        )
        .add_columns(deliveries.c.attempts)
        .join(alert_messages, alert_messages.c.id == deliveries.c.message_id)
        .where(
            deliveries.c.state == "waiting",
            deliveries.c.channel.in_(channels),
            deliveries.c.next_at <= now,
            sa.or_(deliveries.c.sending_at.is_(None), deliveries.c.sending_at < now - CLAIM),
            ~sa.exists().where(
                older.c.state == "waiting",
                older.c.alert_id == deliveries.c.alert_id,
                older.c.channel == deliveries.c.channel,
                older.c.id < deliveries.c.id,
                sa.or_(older.c.next_at > now, older.c.sending_at >= now - CLAIM),
            ),
        )
        .order_by(deliveries.c.id)
        .limit(limit)
    )
    with warehouse.reading() as connection:
        return [Letter(*row) for row in connection.execute(query)]


def _claim(warehouse: Warehouse, letter: Letter, now: datetime) -> bool:
    """Whether this process may send it: only one can turn the row."""
    free = sa.or_(deliveries.c.sending_at.is_(None), deliveries.c.sending_at < now - CLAIM)
    claim = sa.update(deliveries).where(deliveries.c.id == letter.delivery, deliveries.c.state == "waiting", free)
    with warehouse.engine.begin() as connection:
        claimed = connection.execute(claim.values(sending_at=now, attempts=letter.attempts + 1))
        return claimed.rowcount == 1


def _mark(warehouse: Warehouse, letter: Letter, values: dict[str, Any]) -> None:
    with warehouse.engine.begin() as connection:
        connection.execute(sa.update(deliveries).where(deliveries.c.id == letter.delivery).values(values))
