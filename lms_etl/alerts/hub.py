"""The hub: counts each event once, tells a cause once, notes when it is over. The warehouse is all it remembers.

Events, the alert they belong to, and the messages to be sent are written in one transaction. Whoever comes back after a
crash looks at the same events again and finds them either all counted or not at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from lms_etl.alerts import messages, outbox
from lms_etl.alerts.rules import EXPLAINS, SEVERITIES, Alert, Event, Policy, Proof, message_now, tables_of, unmended
from lms_etl.alerts.spans import Spans
from lms_etl.warehouse import receipts
from lms_etl.warehouse.tables import alert_events, alerts, etl_days
from lms_etl.warehouse.warehouse import Warehouse

OPEN_AT_ONCE = 500
"""Open alerts that are looked at; more than this are one trouble anyway, and a tick has to end."""

Row = dict[str, Any]


@dataclass
class Noted:
    """What one look at the world came to."""

    events: int = 0
    messages: int = 0
    resolved: int = 0
    open: int = 0


@dataclass(frozen=True)
class Hub:
    """Alerts of a warehouse under a policy, told to the named channels; without a channel nobody is told."""

    warehouse: Warehouse
    policy: Policy
    channels: Sequence[str] = ()
    ui_url: str = ""
    reported_table: str = field(default=receipts.FINISHING_STEP)

    def note(self, events: Iterable[Event], proofs: Sequence[Proof], now: datetime) -> Noted:
        """Counts new events, makes the messages that are due, and ends the alerts that are mended; all or nothing."""
        asked = sorted(events, key=lambda event: event.at)
        with self.warehouse.reading() as connection:
            seen = _seen(connection, [key for event in asked for key in (event.key, *event.same_as)])
            fresh = [event for event in asked if event.key not in seen]
            quiet = not fresh and not self._due(connection, proofs, now)
            if quiet:
                return Noted(open=_how_many_open(connection))
        noted = Noted()
        with self.warehouse.writing() as connection:
            for event in asked:
                noted.events += self._count(connection, event, now)
            for row in _open_rows(connection):
                noted.messages += self._tell(connection, row, now)
            for row in _open_rows(connection):
                self._mend(connection, row, proofs, _loads(connection, [row]), now, noted)
            noted.open = _how_many_open(connection)
        return noted

    def _due(self, connection: sa.Connection, proofs: Sequence[Proof], now: datetime) -> bool:
        """Whether an open alert has to be told or has been mended, even a part of it."""
        rows = _open_rows(connection)
        loads = _loads(connection, rows)
        for row in rows:
            alert = _alert(connection, row)
            told = self.channels and message_now(alert, now, self.policy)
            if told or unmended(alert, proofs, loads) != alert.days:
                return True
        return False

    def _count(self, connection: sa.Connection, event: Event, now: datetime) -> int:
        """1 if the event is new, else 0."""
        seen = _seen(connection, [event.key, *event.same_as])
        if event.key in seen:
            return 0
        same = next((seen[key] for key in event.same_as if key in seen), None)
        explained = _explained(connection, event) if same is None else None
        same = same or explained
        where = alerts.c.open_key == _open_key(event) if same is None else alerts.c.id == same
        row = connection.execute(sa.select(alerts).where(where)).mappings().first()
        if row is None:
            number = self._open(connection, event)
        else:
            number = int(row["id"])
            if row["state"] == "open" and explained is None:
                self._add(connection, dict(row), event, same is not None)
        connection.execute(sa.insert(alert_events), {"event_key": event.key, "alert_id": number, "seen_at": now})
        return 1

    def _open(self, connection: sa.Connection, event: Event) -> int:
        before = _newest(connection, event.kind, event.subject)
        untold = before["swallowed"] if before and before["told"] == 0 else 0
        values = {
            "kind": event.kind,
            "subject": event.subject,
            "open_key": _open_key(event),
            "thing": event.thing,
            "days": event.days.written(),
            "severity": self.policy.severity(event.kind),
            "state": "open",
            "title": event.title,
            "detail": event.detail,
            "run_id": event.run_id,
            "count": 1,
            "swallowed": untold + 1 if event.told_at is None else 0,
            "told": 0 if event.told_at is None else 1,
            "last_told_at": event.told_at,
            "first_seen_at": event.at,
            "last_seen_at": event.at,
        }
        added = connection.execute(sa.insert(alerts), values)
        return int(added.inserted_primary_key[0])  # type: ignore[index]

    def _add(self, connection: sa.Connection, row: Row, event: Event, seen_elsewhere: bool) -> None:
        """Counts the event in an open alert; its words count unless another view of the trouble has words already."""
        values: Row = {
            "count": row["count"] + 1,
            "swallowed": row["swallowed"] + 1,
            "last_seen_at": max(row["last_seen_at"], event.at),
        }
        if not seen_elsewhere:
            severity = self.policy.severity(event.kind)
            things = sorted({*row["thing"].split(", "), *event.thing.split(", ")})
            values |= {
                "severity": max(row["severity"], severity, key=SEVERITIES.index),
                "days": (Spans.read(row["days"]) | event.days).written(),
                "thing": row["thing"] if event.kind == "database_down" else ", ".join(things),
                "title": event.title,
                "detail": event.detail,
                "run_id": event.run_id,
            }
        connection.execute(sa.update(alerts).where(alerts.c.id == row["id"]).values(values))

    def _tell(self, connection: sa.Connection, row: Row, now: datetime) -> int:
        """1 if the alert has a message to be sent now."""
        message = message_now(_alert(connection, row), now, self.policy) if self.channels else None
        if message is None:
            return 0
        self._message(connection, row, message, now)
        values = {"told": row["told"] + 1, "swallowed": 0, "last_told_at": now}
        connection.execute(sa.update(alerts).where(alerts.c.id == row["id"]).values(values))
        return 1

    def _mend(
        self, connection: sa.Connection, row: Row, proofs: Sequence[Proof], loads: "Loads", now: datetime, noted: Noted
    ) -> None:
        alert = _alert(connection, row)
        left = unmended(alert, proofs, loads)
        values: Row = {"days": left.written()} if left is not None else {}
        if left is None:
            values = {"state": "resolved", "open_key": None, "resolved_at": now}
            noted.resolved += 1
            if row["told"] and self.channels:
                self._message(connection, {**row, "resolved_at": now}, "recovered", now)
                noted.messages += 1
        if left != alert.days:
            connection.execute(sa.update(alerts).where(alerts.c.id == row["id"]).values(values))

    def _message(self, connection: sa.Connection, row: Row, message: str, now: datetime) -> None:
        facts = {name: row[name] for name in messages.Told.__dataclass_fields__ if name != "alert_id"}
        told = messages.Told(alert_id=row["id"], **facts)
        text = messages.body(message, told, self._complete_through(connection), self.ui_url)
        number = row["told"] + (0 if message == "recovered" else 1)
        key = f"{row['id']}:{number}:{message}"
        outbox.put(connection, key, row, message, messages.headline(message, told), text, self.channels, now)

    def _complete_through(self, connection: sa.Connection) -> date | None:
        return receipts.complete_through(connection, self.reported_table)


Loads = Mapping[str, Mapping[date, datetime]]


def _alert(connection: sa.Connection, row: Row) -> Alert:
    told_before = row["last_told_at"]
    if not row["told"]:
        before = sa.select(sa.func.max(alerts.c.last_told_at))
        of_this = before.where(alerts.c.kind == row["kind"], alerts.c.subject == row["subject"])
        told_before = connection.execute(of_this).scalar()
    copied = {name: row[name] for name in ("kind", "thing", "severity", "last_seen_at", "told", "swallowed")}
    return Alert(days=Spans.read(row["days"]), told_before=told_before, **copied)


def _explained(connection: sa.Connection, event: Event) -> int | None:
    """The newest open alert that has told what the event only restates; none if the event has an alert of its own."""
    if not event.explained_by:
        return None
    fresh = (alerts.c.kind == "day_missed") | (alerts.c.last_seen_at >= event.at - EXPLAINS)
    own = alerts.c.open_key == _open_key(event)
    others = sa.and_(alerts.c.state == "open", alerts.c.kind.in_(event.explained_by), fresh)
    query = sa.select(alerts.c.id, alerts.c.open_key).where(sa.or_(own, others)).order_by(alerts.c.id.desc())
    found = connection.execute(query).all()
    return None if not found or any(key == _open_key(event) for _, key in found) else int(found[0][0])


def _open_rows(connection: sa.Connection) -> list[Row]:
    query = sa.select(alerts).where(alerts.c.state == "open").order_by(alerts.c.id).limit(OPEN_AT_ONCE)
    return [dict(row) for row in connection.execute(query).mappings()]


def _how_many_open(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.count()).where(alerts.c.state == "open")).scalar_one()


def _newest(connection: sa.Connection, kind: str, subject: str) -> Row | None:
    query = sa.select(alerts).where(alerts.c.kind == kind, alerts.c.subject == subject)
    row = connection.execute(query.order_by(alerts.c.id.desc()).limit(1)).mappings().first()
    return dict(row) if row else None


def _seen(connection: sa.Connection, keys: list[str]) -> dict[str, int]:
    """Of the keys, those that were counted, with the alert that did."""
    if not keys:
        return {}
    query = sa.select(alert_events.c.event_key, alert_events.c.alert_id)
    return dict(connection.execute(query.where(alert_events.c.event_key.in_(keys))).all())


def _loads(connection: sa.Connection, rows: list[Row]) -> Loads:
    """When the days were loaded last that can mend the alerts; for a database that was away the newest load of all."""
    if not rows:
        return {}
    days, newest = etl_days.c, sa.func.max(etl_days.c.last_completed_at)
    late = days.last_completed_at > min(row["last_seen_at"] for row in rows)
    loads: dict[str, dict[date, datetime]] = {}
    found: list[Any] = []
    if any(row["kind"] == "database_down" for row in rows):
        day, at = connection.execute(sa.select(sa.func.max(days.target_date), newest).where(late)).one()
        loads["any table"] = {day: at} if at else {}
    alerted = [_alert(connection, row) for row in rows]
    wanted = [alert for alert in alerted if tables_of(alert)]
    if wanted:
        spans = [alert.days.spans for alert in wanted]
        period = days.target_date.between(min(span[0][0] for span in spans), max(span[-1][1] for span in spans))
        of_tables = days.job_name.in_(set().union(*map(tables_of, wanted)))
        found += connection.execute(
            sa.select(days.job_name, days.target_date, days.last_completed_at).where(of_tables, period, late)
        )
    for table, day, at in found:
        loads.setdefault(table, {})[day] = at
    return loads


def _open_key(event: Event) -> str:
    return f"{event.kind}:{event.subject}"
