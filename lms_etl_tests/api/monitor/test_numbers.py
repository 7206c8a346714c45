"""The numbers of each tab come from the recorded rows, the same on every database, in few statements."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, timedelta

import pytest
import sqlalchemy as sa

from lms_etl.api.monitor import auto_sync, performance, security
from lms_etl.api.monitor.auto_sync import RowCounts
from lms_etl.warehouse import sync_log, tables
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests import service_rows as rows
from lms_etl_tests.service_rows import NOW, a_call, put
from lms_etl_tests.warehouse.rows import lay_tables, warehouse_at

MOMENT = NOW.replace(tzinfo=UTC)


@pytest.fixture
def warehouse(database_url: str) -> Iterator[Warehouse]:
    """A warehouse with its tables, once on each dialect."""
    with warehouse_at(database_url) as opened:
        lay_tables(opened)
        yield opened


@pytest.fixture
def sqlite_warehouse(sqlite_url: str) -> Iterator[Warehouse]:
    """A warehouse with its tables in SQLite, for what does not depend on the dialect."""
    with warehouse_at(sqlite_url) as opened:
        lay_tables(opened)
        yield opened


@contextmanager
def statements(warehouse: Warehouse) -> Iterator[list[str]]:
    """What is sent to the database meanwhile."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    sa.event.listen(warehouse.engine, "before_cursor_execute", note)
    yield sent
    sa.event.remove(warehouse.engine, "before_cursor_execute", note)


def progress(number: int, user: int, deleted: int = 0) -> dict[str, object]:
    return {
        "userid": user, "companyid": number, "courseid": 2, "firstname": "A", "lastname": "B", "email": "a@example.org",
        "coursename": "Safety", "percentage": 50, "change_number": 1, "is_deleted": deleted,
    }  # fmt: skip


def test_auto_sync_shows_what_the_syncs_recorded(warehouse: Warehouse) -> None:
    for number, name in ((1, "acme"), (2, "globex"), (3, "initech"), (4, "umbrella")):
        rows.company(warehouse, number, name, live=int(number != 4))
    put(
        warehouse,
        tables.company_settings,
        {"companyid": 3, "setting_name": "enabled", "setting_value": 0, "timecreated": 0, "timemodified": 0},
    )
    rows.sync(warehouse, 1, 24 * 60 + 30)
    rows.sync(warehouse, 1, 90, rows_created=3, rows_updated=4, rows_deleted=1)
    rows.sync(warehouse, 1, 30, rows_created=1)
    rows.sync(warehouse, 2, 80)
    rows.sync(warehouse, 2, 20, "failed", error="boom")
    rows.sync(warehouse, 2, 10, "running")
    rows.sync(warehouse, 1, 5, kind="clear")
    put(warehouse, tables.course_progress, progress(1, 1), progress(1, 2), progress(1, 3, deleted=1), progress(2, 1))
    shown = auto_sync.shown(warehouse, RowCounts(), MOMENT)
    lines = [(line.syncs.name, line.state, line.rows, line.changed, line.syncs.failed) for line in shown["companies"]]
    assert lines == [
        ("acme", "synced", 2, 9, 0), ("globex", "running", 1, 0, 1), ("initech", "switched off", 0, 0, 0),
    ]  # fmt: skip
    assert (shown["enabled"], shown["in_time"], shown["status"], shown["score"]) == (2, 1, "Failing", 80)
    assert shown["last"] == NOW - timedelta(minutes=10)
    assert (shown["due"], shown["due_at"]) == ("due", NOW + timedelta(minutes=30))
    assert [(day.day, good, total) for day, good, total, _ in shown["week"]][-2:] == [(22, 1, 1), (23, 3, 4)]
    assert shown["success"] == 4 / 5
    assert [each.title for each in shown["problems"]] == ["The sync of globex failed"]


def test_performance_shows_what_the_calls_recorded(warehouse: Warehouse) -> None:
    rows.calls(
        warehouse,
        *(a_call(5, response_time_ms=100, record_count=10) for _ in range(6)),
        a_call(65, response_time_ms=1000, cache_hit=0, record_count=5),
        a_call(65, response_time_ms=300, error_code="dberror", cache_hit=None, record_count=0),
        a_call(65, error_code="ratelimitexceeded", response_time_ms=1, cache_hit=None, record_count=0),
        a_call(23 * 60 + 20, 2, "globex", response_time_ms=50),
        a_call(24 * 60 + 20, 2, "globex"),
        a_call(5, None, None, username=None, error_code="invalidtoken", cache_hit=None, record_count=0),
        a_call(5, None, None, error_code="nocompanyassociation", cache_hit=None, record_count=0),
    )
    rows.company(warehouse, 1, "acme")
    rows.quota(warehouse, 1, 8, 1, 8)
    shown = performance.shown(warehouse, MOMENT)
    total = shown["total"]
    assert (total.calls, total.answered, total.refused, total.failed, total.records) == (12, 8, 2, 2, 165)
    assert shown["mean"] == pytest.approx((6 * 100 + 1000 + 300 + 50 + 120) / 10)
    assert (shown["success"], shown["hit_rate"]) == (8 / 10, 7 / 8)
    by_hour = {f"{label:%d %H:%M}": each.calls for label, each, _ in shown["hours"]}
    assert len(by_hour) == 24
    assert {hour: calls for hour, calls in by_hour.items() if calls} == {"22 13:00": 1, "23 11:00": 3, "23 12:00": 8}
    told = [(each["company"].name, each["company"].calls, each["quota"] and each["quota"].used)
            for each in shown["consumers"]]  # fmt: skip
    assert told == [("acme", 9, 8), ("globex", 1, None)]


def test_security_shows_tokens_quotas_attempts_and_errors(warehouse: Warehouse) -> None:
    users = ({"username": "ana", "role": "admin"}, {"username": "ben", "role": "reader", "disabled_at": NOW})
    for user in users:
        put(warehouse, tables.api_users, user)
    day = timedelta(days=1)
    for number, (name, expires, revoked) in enumerate(
        (
            ("ana", None, None),
            ("ana", NOW + day, None),
            ("ana", NOW - day, None),
            ("ana", None, NOW),
            ("ben", None, None),
        )
    ):
        token = {"username": name, "prefix": f"lms_{number}", "token_hash": str(number)}
        put(warehouse, tables.api_tokens, {**token, "expires_at": expires, "revoked_at": revoked})
    for number, name in ((1, "acme"), (2, "globex"), (3, "initech")):
        rows.company(warehouse, number, name)
    rows.quota(warehouse, 1, 100, 7)
    rows.quota(warehouse, 2, 80)
    rows.quota(warehouse, 3, 79)
    rows.quota(warehouse, 3, 100, 1, day=NOW.date() - 2 * day)
    rows.quota(warehouse, 2, 100, 1, day=NOW.date() - 7 * day)
    rows.attempts(warehouse, "192.0.2.9", 10)
    rows.attempts(warehouse, "192.0.2.8", 3, minutes_ago=90)
    rows.attempts(warehouse, "192.0.2.7", 3, minutes_ago=25 * 60)
    rows.calls(warehouse, a_call(3), a_call(2, error_code="dberror", error_message="boom"), a_call(1, error_code="x"))
    shown = security.shown(warehouse, MOMENT)
    assert (shown["active"], shown["endless"]) == (2, 1)
    assert [(each.name, each.day, each.state) for each in shown["quotas"]] == [
        ("acme", "2026-03-23", "exceeded"), ("globex", "2026-03-23", "warning"), ("initech", "2026-03-21", "exceeded"),
    ]  # fmt: skip
    assert (shown["exceeded_today"], shown["exceeded"]) == (1, 2)
    assert (shown["failures"], shown["addresses"]) == (13, 2)
    assert [each.title for each in shown["suspicious"]] == ["Failed authentications from 192.0.2.9"]
    assert [(each["error_code"], each["at"]) for each in shown["errors"]] == [
        ("x", NOW - timedelta(minutes=1)), ("dberror", NOW - timedelta(minutes=2)),
    ]  # fmt: skip


def test_the_number_of_statements_does_not_grow_with_the_companies(sqlite_warehouse: Warehouse) -> None:
    counted = []
    for companies in (range(1, 3), range(3, 60)):
        for number in companies:
            rows.company(sqlite_warehouse, number, f"c{number}")
            rows.sync(sqlite_warehouse, number, 30)
            rows.calls(sqlite_warehouse, a_call(number=number, name=f"c{number}"))
            rows.quota(sqlite_warehouse, number, 100, 1)
        row_counts = RowCounts()
        with statements(sqlite_warehouse) as sent:
            auto_sync.shown(sqlite_warehouse, row_counts, MOMENT)
            performance.shown(sqlite_warehouse, MOMENT)
            security.shown(sqlite_warehouse, MOMENT)
        counted.append(len(sent))
    assert counted[0] == counted[1] < 30


def test_rows_are_counted_anew_only_for_companies_that_have_changed(sqlite_warehouse: Warehouse) -> None:
    for number in (1, 2):
        rows.company(sqlite_warehouse, number, f"c{number}")
        put(sqlite_warehouse, tables.course_progress, progress(number, 1))
    row_counts = RowCounts()
    with sqlite_warehouse.reading() as connection:
        assert row_counts.now(connection) == {1: 1, 2: 1}
    put(sqlite_warehouse, tables.course_progress, progress(2, 2))
    with sqlite_warehouse.writing() as connection:
        connection.execute(sa.update(tables.companies).where(tables.companies.c.companyid == 2).values(change_number=1))
    with statements(sqlite_warehouse) as sent, sqlite_warehouse.reading() as connection:
        assert row_counts.now(connection) == {1: 1, 2: 2}
        assert row_counts.now(connection) == {1: 1, 2: 2}
    assert sum("local_alx_api_reporting" in statement for statement in sent) == 1


def test_an_old_success_is_known_from_the_company_itself(sqlite_warehouse: Warehouse) -> None:
    month_ago = NOW - timedelta(days=29)
    rows.company(sqlite_warehouse, 1, "acme", synced_through=rows.seconds(month_ago))
    with sqlite_warehouse.reading() as connection:
        [company] = sync_log.of_companies(connection, NOW, 24)
    assert (company.last_success, company.newest) == (month_ago, None)
