"""Retention: old finished runs go, in batches; receipts, live rows, each job's newest run and all facts stay."""

from datetime import UTC, date, timedelta

import pytest
import sqlalchemy as sa

from lms_etl.warehouse import purge, registry, tables
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.warehouse.rows import DAY, NEXT_DAY, load, runs, stored

RUNS = tables.etl_job_runs
NOW = registry.utc_now()


def ran(warehouse: Warehouse, days_ago: float, job: str = "pipeline", status: str = "SUCCESS", times: int = 1) -> None:
    """Rows of runs that ended so long ago; live ones have not ended."""
    live = status in ("QUEUED", "RUNNING")
    row = {
        "job_name": job,
        "target_date": DAY,
        "trigger": "api",
        "status": status,
        "live_key": f"{job}:{DAY}" if live else None,
        "completed_at": None if live else NOW - timedelta(days=days_ago),
    }
    with warehouse.writing() as connection:
        connection.execute(sa.insert(RUNS), [row] * times)


def test_old_finished_runs_go_and_the_newest_of_each_job_stays(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "BATCH", 3)
    ran(warehouse, 500, times=8)
    ran(warehouse, 401, "courses", "FAILED", times=2)
    ran(warehouse, 399, times=2)
    ran(warehouse, 500, "activity_counts", "RUNNING")
    newest_of_courses = runs(warehouse)[9]["id"]
    assert purge.old_runs(warehouse, NOW - timedelta(days=400)) == 9
    left = runs(warehouse)
    assert [(run["job_name"], run["status"]) for run in left] == [
        ("courses", "FAILED"), ("pipeline", "SUCCESS"), ("pipeline", "SUCCESS"), ("activity_counts", "RUNNING"),
    ]  # fmt: skip
    assert left[0]["id"] == newest_of_courses
    assert purge.old_runs(warehouse, NOW - timedelta(days=400)) == 0


def test_one_purge_deletes_no_more_than_it_may(sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "BATCH", 3)
    ran(sqlite_warehouse, 500, times=10)
    assert purge.old_runs(sqlite_warehouse, NOW, most=6) == 6


def test_a_purge_of_runs_leaves_facts_and_receipts(warehouse: Warehouse) -> None:
    load(warehouse, {1: 10})
    load(warehouse, {1: 10}, NEXT_DAY)
    facts = stored(warehouse)
    assert purge.old_runs(warehouse, registry.utc_now() + timedelta(days=1)) == 1
    assert stored(warehouse) == facts
    assert set(warehouse.finished_days("activity_counts", [DAY, NEXT_DAY])) == {DAY, NEXT_DAY}


def test_facts_go_only_before_the_day_that_is_named_and_stay_loaded(warehouse: Warehouse) -> None:
    load(warehouse, {1: 10, 2: 20})
    load(warehouse, {1: 11}, NEXT_DAY)
    assert purge.facts_before(warehouse, NEXT_DAY) == {
        "activity_counts_etl": 2, "user_counts_etl": 0, "user_activity_etl": 0,
    }  # fmt: skip
    purge.delete_facts_before(warehouse, NEXT_DAY)
    assert [row["extraction_date"] for row in stored(warehouse)] == [NEXT_DAY]
    assert set(warehouse.finished_days("activity_counts", [DAY])) == {DAY}
    assert sum(purge.facts_before(warehouse, date(2026, 3, 24)).values()) == 1


def test_what_the_report_api_noted_goes_by_its_age(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "BATCH", 3)
    with warehouse.writing() as connection:
        for days_ago, times in ((91, 4), (89, 2)):
            moment = NOW - timedelta(days=days_ago)
            seconds = int(moment.replace(tzinfo=UTC).timestamp())
            call = {"endpoint": "x", "response_time_ms": 1, "timeaccessed": seconds, "ip_address": "::1"}
            attempt = {"attempted_at": moment, "ip_address": "::1", "endpoint": "x", "reason": "unknown"}
            connection.execute(sa.insert(tables.api_calls), [call] * times)
            connection.execute(sa.insert(tables.auth_attempts), [attempt] * times)
            connection.execute(sa.insert(tables.company_quotas), [{"companyid": 1, "quota_date": moment.date()}])
    assert purge.old_calls(warehouse, NOW - timedelta(days=90)) == 4 + 4 + 1
    with warehouse.reading() as connection:
        left = [
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (tables.api_calls, tables.auth_attempts, tables.company_quotas)
        ]
    assert left == [2, 2, 1]
