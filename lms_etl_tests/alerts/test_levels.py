"""Each level that is not kept raises one alert about one subject, mutes no other, and ends when it is kept again."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from lms_etl.alerts import levels
from lms_etl.alerts.causes import Fault, Run, run_events
from lms_etl.alerts.hub import Hub
from lms_etl.alerts.rules import USUAL, Policy
from lms_etl.warehouse import tables
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests import service_rows as rows
from lms_etl_tests.service_rows import MINUTE, NOW, a_call


class Looking:
    """A hub that looks at the levels of a warehouse; `at(minute)` counts from NOW."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.hub = Hub(warehouse, Policy(), ("mail",))

    def at(self, minute: float = 0) -> list[str]:
        """The titles of the messages that this look made."""
        before = len(self.titles())
        now: datetime = NOW + minute * MINUTE
        with self.warehouse.reading() as connection:
            seen = levels.look(connection, self.warehouse.settings, now)
        self.hub.note(seen.events, seen.proofs, now)
        return self.titles()[before:]

    def titles(self) -> list[str]:
        with self.warehouse.reading() as connection:
            query = sa.select(tables.alert_messages.c.title).order_by(tables.alert_messages.c.id)
            return [title.removeprefix("[lms_etl] ") for title in connection.execute(query).scalars()]

    def kinds(self) -> list[str]:
        with self.warehouse.reading() as connection:
            return list(connection.execute(sa.select(tables.alerts.c.kind).order_by(tables.alerts.c.id)).scalars())


def two_companies(warehouse: Warehouse) -> None:
    for number, name in ((1, "acme"), (2, "globex")):
        rows.company(warehouse, number, name)
        rows.sync(warehouse, number, 30)


def failed(warehouse: Warehouse) -> None:
    rows.sync(warehouse, 1, 10, "failed", error="boom")


def late(warehouse: Warehouse) -> None:
    rows.company(warehouse, 3, "initech")
    rows.sync(warehouse, 3, 121)


def errors(warehouse: Warehouse) -> None:
    for minute in reversed(range(40, 60)):
        rows.sync(warehouse, 1, minute, "failed" if minute > 57 else "success")


def some_calls(how_many: int = 20, **more: Any) -> Callable[[Warehouse], None]:
    return lambda warehouse: rows.calls(warehouse, *(a_call(**more) for _ in range(how_many)))


def many_companies(warehouse: Warehouse) -> None:
    rows.calls(warehouse, *(a_call(number=number, name=f"c{number}") for number in range(1, 5)))


def many_addresses(warehouse: Warehouse) -> None:
    rows.calls(warehouse, *(a_call(ip_address=f"192.0.2.{number}") for number in range(5)))


CONDITIONS: dict[str, tuple[Callable[[Warehouse], None], str]] = {
    "progress_failed": (failed, "HIGH: The sync of acme failed"),
    "progress_late": (late, "HIGH: initech was not synced in time"),
    "progress_errors": (errors, "MEDIUM: Many syncs of acme fail"),
    "api_slow": (some_calls(response_time_ms=5001), "MEDIUM: Answers to acme are slow"),
    "api_failing": (some_calls(error_code="dberror"), "HIGH: Calls of acme fail"),
    "cache_cold": (some_calls(cache_hit=0), "MEDIUM: The cache rarely helps acme"),
    "quota_exceeded": (
        lambda warehouse: rows.quota(warehouse, 1, 100, 3), "HIGH: acme has used up its quota of 2026-03-23"
    ),
    "auth_failures": (
        lambda warehouse: rows.attempts(warehouse, "192.0.2.9", 10), "HIGH: Failed authentications from 192.0.2.9"
    ),
    "many_addresses": (many_addresses, "HIGH: Unusual use by powerbi: 5 addresses in an hour"),
    "many_companies": (many_companies, "HIGH: Unusual use by powerbi: 4 companies in an hour"),
    "many_calls": (some_calls(201), "MEDIUM: Unusual use by powerbi: 201 calls in an hour"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CONDITIONS)
def test_each_condition_raises_exactly_one_alert(sqlite_warehouse: Warehouse, kind: str) -> None:
    arrange, title = CONDITIONS[kind]
    two_companies(sqlite_warehouse)
    looking = Looking(sqlite_warehouse)
    assert looking.at() == []
    arrange(sqlite_warehouse)
    assert looking.at(0.5) == [title]
    assert looking.at(1) == []
    assert looking.kinds() == [kind]


def test_every_kind_of_level_is_simulated_or_only_recorded() -> None:
    assert set(levels.KINDS) - set(CONDITIONS) == {"quota_nearly_used"}
    assert USUAL["quota_nearly_used"] == "low"


def test_levels_are_judged_alike_on_every_database(warehouse: Warehouse) -> None:
    two_companies(warehouse)
    for kind in ("progress_failed", "progress_late", "quota_exceeded", "auth_failures"):
        CONDITIONS[kind][0](warehouse)
    rows.calls(warehouse, *(a_call(response_time_ms=6000, cache_hit=0) for _ in range(20)))
    looking = Looking(warehouse)
    looking.at()
    assert sorted(looking.kinds()) == [
        "api_slow", "auth_failures", "cache_cold", "progress_failed", "progress_late", "quota_exceeded",
    ]  # fmt: skip


def test_another_company_is_not_muted_and_recovery_resolves(sqlite_warehouse: Warehouse) -> None:
    two_companies(sqlite_warehouse)
    looking = Looking(sqlite_warehouse)
    failed(sqlite_warehouse)
    assert looking.at() == ["HIGH: The sync of acme failed"]
    rows.sync(sqlite_warehouse, 2, 5, "failed", error="boom")
    assert looking.at(1) == ["HIGH: The sync of globex failed"]
    rows.sync(sqlite_warehouse, 1, 1)
    assert looking.at(2) == ["RECOVERED: The sync of acme failed"]
    assert looking.at(3) == []


def test_a_trouble_that_lasts_is_told_again_after_its_cooldown_only(sqlite_warehouse: Warehouse) -> None:
    two_companies(sqlite_warehouse)
    failed(sqlite_warehouse)
    looking = Looking(sqlite_warehouse)
    told = [title for minute in range(0, 65, 5) for title in looking.at(minute)]
    assert told == ["HIGH: The sync of acme failed", "HIGH, STILL: The sync of acme failed"]


def test_a_quota_is_told_once_a_company_and_day_and_ends_at_midnight(sqlite_warehouse: Warehouse) -> None:
    two_companies(sqlite_warehouse)
    rows.sync(sqlite_warehouse, 1, -24 * 60)
    rows.sync(sqlite_warehouse, 2, -24 * 60)
    looking = Looking(sqlite_warehouse)
    rows.quota(sqlite_warehouse, 1, 100, 1)
    assert looking.at() == ["HIGH: acme has used up its quota of 2026-03-23"]
    assert looking.at(12 * 60) == ["RECOVERED: acme has used up its quota of 2026-03-23"]
    rows.quota(sqlite_warehouse, 1, 100, 1, day=NOW.date() + timedelta(days=1))
    assert looking.at(24 * 60) == ["HIGH: acme has used up its quota of 2026-03-24"]


def test_too_few_calls_neither_raise_nor_end_an_alert_until_a_day_has_passed(sqlite_warehouse: Warehouse) -> None:
    looking = Looking(sqlite_warehouse)
    CONDITIONS["api_slow"][0](sqlite_warehouse)
    assert looking.at() == ["MEDIUM: Answers to acme are slow"]
    rows.calls(sqlite_warehouse, a_call(-70))
    assert looking.at(75) == []
    assert looking.at(25 * 60) == ["RECOVERED: Answers to acme are slow"]


def test_a_source_that_is_away_is_told_as_that_and_not_once_a_company(sqlite_warehouse: Warehouse) -> None:
    two_companies(sqlite_warehouse)
    looking = Looking(sqlite_warehouse)
    for number in (1, 2):
        rows.sync(sqlite_warehouse, number, 0, "failed", error="Failed to connect")
    assert looking.at(1) == []
    away = "Failed to connect to database: the server does not answer (MOODLE_DATABASE_URL=mysql://db/moodle)"
    run = Run("1", "progress_job", success=False, at=NOW + 2 * MINUTE, faults=(Fault(f"company 1: {away}", ours=True),))
    looking.hub.note(run_events(run), [], NOW + 2 * MINUTE)
    assert looking.at(3) == []
    assert looking.kinds() == ["database_down"]


def test_a_run_that_failed_by_its_companies_tells_nothing_that_they_do_not(sqlite_warehouse: Warehouse) -> None:
    two_companies(sqlite_warehouse)
    failed(sqlite_warehouse)
    looking = Looking(sqlite_warehouse)
    run = Run("1", "progress_job", success=False, at=NOW, faults=(Fault("company 1: boom (1 company)", ours=True),))
    looking.hub.note(run_events(run), [], NOW)
    assert looking.at() == ["HIGH: The sync of acme failed"]
    assert looking.kinds() == ["progress_failed"]
    other = Run("2", "progress_job", success=False, at=NOW, faults=(Fault("no companies table", ours=True),))
    assert [event.kind for event in run_events(other)] == ["run_failed"]
