"""The hub on each kind of warehouse: one message for each cause, counted once, silent in its cooldown, and its end."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from lms_etl.alerts.hub import Hub
from lms_etl.alerts.rules import RESTATES, Event, Policy, Proof
from lms_etl.alerts.spans import Spans
from lms_etl.databases import DatabaseProblem
from lms_etl.warehouse import receipts
from lms_etl.warehouse.tables import alert_deliveries, alert_messages, alerts
from lms_etl.warehouse.warehouse import Warehouse

START = datetime(2026, 3, 23, 2, tzinfo=UTC).replace(tzinfo=None)
DAY = Spans.of([date(2026, 3, 22)])
JOB = "user_activity_job"

UTC_ZONE = ZoneInfo("UTC")


def failure(key: str, minute: float = 0, subject: str = f"{JOB} 2026-03-22", **more: Any) -> Event:
    """A failed run; the minute counts from START."""
    values = {"kind": "run_failed", "thing": JOB, "title": f"Run of {subject} failed", "days": DAY}
    return Event(key=key, subject=subject, at=START + timedelta(minutes=minute), **{**values, **more})


class Telling:
    """A hub with a clock: `at(minute, events, proofs)` looks once."""

    def __init__(self, warehouse: Warehouse, channels: tuple[str, ...] = ("mail",), **policy: Any) -> None:
        self.warehouse = warehouse
        self.hub = Hub(warehouse, Policy(**policy), channels)

    def at(self, minute: float, *events: Event, good: float | None = None) -> list[str]:
        """The headlines of the messages that this look made; `good` is the minute of a successful run of the job."""
        before = len(self.messages())
        proofs = [] if good is None else [Proof("run", JOB, START + timedelta(minutes=good), DAY)]
        self.hub.note(events, proofs, START + timedelta(minutes=minute))
        return [row["title"] for row in self.messages()[before:]]

    def messages(self) -> list[dict[str, Any]]:
        return self.rows(alert_messages)

    def rows(self, table: sa.Table = alerts) -> list[dict[str, Any]]:
        with self.warehouse.reading() as connection:
            return [dict(row) for row in connection.execute(sa.select(table).order_by(table.c.id)).mappings()]


RAISED = f"[lms_etl] HIGH: Run of {JOB} 2026-03-22 failed"
AGAIN = f"[lms_etl] HIGH, STILL: Run of {JOB} 2026-03-22 failed"
RECOVERED = f"[lms_etl] RECOVERED: Run of {JOB} 2026-03-22 failed"


def test_a_cause_is_told_once_and_its_repetitions_in_the_cooldown_are_counted(warehouse: Warehouse) -> None:
    telling = Telling(warehouse)
    assert telling.at(0, failure("run:1")) == [RAISED]
    assert telling.at(10, failure("run:2", 10), failure("run:3", 9)) == []
    assert telling.at(59, failure("run:4", 59)) == []
    [row] = telling.rows()
    assert (row["count"], row["swallowed"], row["told"], row["state"]) == (4, 3, 1, "open")
    assert telling.at(61, failure("run:5", 61)) == [AGAIN]
    assert "Since the last message: 4 more" in telling.messages()[-1]["body"]
    assert telling.at(100, good=100) == [RECOVERED]


def test_an_event_that_is_seen_again_counts_once(warehouse: Warehouse) -> None:
    telling = Telling(warehouse)
    assert telling.at(0, failure("run:1")) == [RAISED]
    assert telling.at(1, failure("run:1")) == []
    assert telling.at(600, failure("run:1")) == []
    assert [row["count"] for row in telling.rows()] == [1]


def test_the_recovery_note_says_how_many_events_it_swallowed(warehouse: Warehouse) -> None:
    telling = Telling(warehouse)
    telling.at(0, failure("run:1"))
    telling.at(5, failure("run:2", 5), failure("run:3", 6))
    assert telling.at(20, good=15) == [RECOVERED]
    assert "Since the last message: 2 more, which were not told" in telling.messages()[-1]["body"]
    assert [(row["state"], row["open_key"], row["resolved_at"]) for row in telling.rows()] == [
        ("resolved", None, START + timedelta(minutes=20))
    ]
    assert telling.at(21, good=15) == []


def test_what_went_well_before_the_failure_mends_nothing(warehouse: Warehouse) -> None:
    telling = Telling(warehouse)
    assert telling.at(10, failure("run:1", 10), good=5) == [RAISED]
    assert telling.rows()[0]["state"] == "open"


def test_a_failure_and_its_repair_between_two_looks_are_both_told(warehouse: Warehouse) -> None:
    assert Telling(warehouse).at(30, failure("run:1", 1), good=20) == [RAISED, RECOVERED]


def test_the_cooldown_of_one_subject_does_not_mute_another(warehouse: Warehouse) -> None:
    telling = Telling(warehouse)
    assert telling.at(0, failure("run:1", subject="company A")) == ["[lms_etl] HIGH: Run of company A failed"]
    assert telling.at(1, failure("run:2", 1, subject="company B")) == ["[lms_etl] HIGH: Run of company B failed"]
    assert telling.at(2, failure("run:3", 2, subject="company A")) == []


def test_an_alert_that_returns_in_the_cooldown_waits_and_is_told_if_it_stays(warehouse: Warehouse) -> None:
    telling = Telling(warehouse)
    assert telling.at(0, failure("run:1")) == [RAISED]
    assert telling.at(10, good=9) == [RECOVERED]
    assert telling.at(20, failure("run:2", 20)) == []
    assert telling.at(59) == []
    assert telling.at(60) == [RAISED]


def test_no_recovery_is_told_of_an_alert_that_was_never_told(warehouse: Warehouse) -> None:
    telling = Telling(warehouse)
    telling.at(0, failure("run:1"))
    telling.at(10, good=9)
    assert telling.at(20, failure("run:2", 20), failure("run:3", 21)) == []
    assert telling.at(30, good=29) == []
    assert [row["state"] for row in telling.rows()] == ["resolved", "resolved"]
    assert telling.at(90, failure("run:4", 90)) == [RAISED]
    assert "Not told of before: 2" in telling.messages()[-1]["body"]


def test_below_the_threshold_an_alert_is_recorded_and_not_told(warehouse: Warehouse) -> None:
    telling = Telling(warehouse, threshold="critical")
    assert telling.at(0, failure("run:1")) == []
    assert telling.at(5, good=4) == []
    assert [(row["severity"], row["state"], row["count"]) for row in telling.rows()] == [("high", "resolved", 1)]
    raised = Telling(warehouse, threshold="critical", severities={"run_failed": "critical"})
    assert len(raised.at(10, failure("run:2", 10, subject="other"))) == 1


def test_without_a_channel_alerts_are_recorded_and_told_once_there_is_one(warehouse: Warehouse) -> None:
    assert Telling(warehouse, channels=()).at(0, failure("run:1")) == []
    assert Telling(warehouse).at(300) == [RAISED]


def test_the_same_trouble_seen_from_elsewhere_is_one_alert(warehouse: Warehouse) -> None:
    telling = Telling(warehouse)
    stale = failure("stale:R", kind="stale_run", subject="activity_counts 2026-03-22", title="Run stopped")
    assert telling.at(0, stale) == ["[lms_etl] HIGH: Run stopped"]
    assert telling.at(5, failure("run:R", 5, same_as=("stale:R",))) == []
    assert [(row["kind"], row["count"]) for row in telling.rows()] == [("stale_run", 2)]
    assert telling.at(6, failure("other:R", 6, same_as=("run:R",))) == []


def test_a_load_of_the_day_mends_the_failed_run_whoever_loaded_it(warehouse: Warehouse) -> None:
    telling = Telling(warehouse)
    two = Spans.between(date(2026, 3, 21), date(2026, 3, 22))
    telling.at(0, failure("run:1", days=two))
    for number, day in enumerate((21, 22), start=1):
        with warehouse.engine.begin() as connection:
            at = START + timedelta(minutes=number)
            receipts.record(connection, "user_activity", date(2026, 3, day), number, at, 1, None, UTC_ZONE)
        told = telling.at(number + 0.5)
        assert told == ([] if day == 21 else [RECOVERED])
    assert "Numbers are complete through 2026-03-22." in telling.messages()[-1]["body"]


def test_each_message_has_one_delivery_for_each_channel(warehouse: Warehouse) -> None:
    telling = Telling(warehouse, channels=("mail", "hook"))
    telling.at(0, failure("run:1"))
    rows = telling.rows(alert_deliveries)
    assert [(row["channel"], row["state"], row["attempts"]) for row in rows] == [
        ("mail", "waiting", 0),
        ("hook", "waiting", 0),
    ]


def test_nothing_is_counted_if_the_messages_cannot_be_written(warehouse: Warehouse) -> None:
    telling = Telling(warehouse, channels=("mail", "mail"))
    with pytest.raises(DatabaseProblem):
        telling.at(0, failure("run:1"))
    assert telling.rows() == []
    assert Telling(warehouse).at(1, failure("run:1")) == [RAISED]


def sync_check(key: str, minute: float, name: str = "last_sync_succeeded") -> Event:
    thing = f"user_activity.{name}"
    more = {"kind": "check_failed", "thing": thing, "title": f"Check {thing} failed", "days": Spans()}
    return failure(key, minute, subject=thing, explained_by=RESTATES[name], **more)


SYNC_FAILED = "[lms_etl] HIGH: Check user_activity.last_sync_succeeded failed"


def test_a_check_of_the_syncs_says_nothing_that_an_open_alert_has_told(warehouse: Warehouse) -> None:
    telling = Telling(warehouse)
    assert telling.at(0, failure("run:1")) == [RAISED]
    assert telling.at(10, sync_check("check:1", 10)) == []
    assert telling.at(20, good=5) == [RECOVERED]
    assert "Seen: 1 time" in telling.messages()[-1]["body"]
    assert telling.at(70, sync_check("check:2", 70)) == [SYNC_FAILED]


def test_without_an_alert_that_explains_it_a_check_of_the_syncs_is_told_itself(warehouse: Warehouse) -> None:
    telling = Telling(warehouse)
    assert telling.at(0, sync_check("check:1", 0)) == [SYNC_FAILED]
    assert telling.at(5, failure("run:1", 5)) == [RAISED]
    assert telling.at(10, sync_check("check:2", 10)) == []
    assert [row["count"] for row in telling.rows()] == [2, 1]


def test_an_alert_that_is_forgotten_for_a_day_explains_nothing_any_more(warehouse: Warehouse) -> None:
    telling = Telling(warehouse)
    day = 24 * 60
    telling.at(0, failure("run:1"))
    assert telling.at(day - 60, sync_check("check:1", day - 60)) == []
    assert telling.at(day + 60, sync_check("check:2", day + 60)) == [SYNC_FAILED]


def test_a_missed_day_explains_its_check_as_long_as_it_is_open(warehouse: Warehouse) -> None:
    telling = Telling(warehouse)
    missed = failure("missed:1", kind="day_missed", subject="2026-03-22", thing="user_activity", title="Missed")
    assert telling.at(0, missed) == ["[lms_etl] CRITICAL: Missed"]
    assert telling.at(5000, sync_check("check:1", 5000, "no_window_was_missed")) == []
