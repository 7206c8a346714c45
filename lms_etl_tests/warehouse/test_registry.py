"""The registry: every run leaves a row that tells how it went, under the documented names too."""

import time
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from lms_etl.warehouse import registry, tables
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.warehouse.rows import CALLER, DAY, NEXT_DAY, counts, load, runs

RUNS = tables.etl_job_runs
DOCUMENTED = [
    "id", "batch_name", "offset", "numrow", "status", "limit_size", "start_date", "end_date", "error_details",
    "created_at", "target_date",
]  # fmt: skip


def fail(warehouse: Warehouse, message: str, day: date = DAY) -> None:
    """A run of activity_counts that fails."""
    with (
        pytest.raises(RuntimeError),
        warehouse.loading("activity_counts", tables.activity_counts, day, CALLER),
    ):
        raise RuntimeError(message)


def queue(warehouse: Warehouse, status: str, **columns: Any) -> None:
    """A row that no load has made, such as a request that waits."""
    row = {"job_name": "activity_counts", "target_date": DAY, "trigger": "api", "status": status, **columns}
    with warehouse.engine.begin() as connection:
        connection.execute(sa.insert(RUNS).values(row))


def scheduler(warehouse: Warehouse) -> list[dict[str, Any]]:
    """The rows of log_scheduler, oldest first."""
    with warehouse.reading() as connection:
        rows = connection.execute(sa.text("select * from log_scheduler order by id"))
        return [dict(row) for row in rows.mappings()]


def test_a_run_is_a_row_with_its_caller_its_counters_and_its_times(warehouse: Warehouse) -> None:
    caller = registry.Caller("schedule", "run-2", "run-1")
    before = registry.utc_now()
    with warehouse.loading("activity_counts", tables.activity_counts, DAY, caller) as opened:
        opened.replace(counts({1: 10, 2: 20, 3: 30}), rows_read=60, source_max_id=99)
        opened.counters.rejected = 4
    [run] = runs(warehouse)
    expected = {
        "id": opened.run, "job_name": "activity_counts", "target_date": DAY, "trigger": "schedule", "status": "SUCCESS",
        "live_key": None, "attempt": 1, "progress_offset": 3, "numrow": 3, "rows_read": 60, "rows_inserted": 3,
        "rows_updated": 0, "rows_deleted": 0, "rows_rejected": 4, "source_max_id": 99, "error": None,
        "dagster_run_id": "run-2", "root_run_id": "run-1",
    }  # fmt: skip
    assert {name: run[name] for name in expected} == expected
    assert before <= run["requested_at"] <= run["started_at"] <= run["completed_at"] <= registry.utc_now()


def test_a_duration_is_the_end_minus_the_start(warehouse: Warehouse) -> None:
    with warehouse.loading("activity_counts", tables.activity_counts, DAY, CALLER):
        time.sleep(0.05)
    fail(warehouse, "no")
    for run in runs(warehouse):
        took = run["completed_at"] - run["started_at"]
        assert abs(took - timedelta(seconds=float(run["duration_seconds"]))) < timedelta(milliseconds=5)
    assert Decimal("0.05") <= runs(warehouse)[0]["duration_seconds"] < 5


def test_two_runs_are_two_rows_and_a_failed_one_keeps_its_error(warehouse: Warehouse) -> None:
    fail(warehouse, "first it failed")
    load(warehouse, {1: 10})
    load(warehouse, {1: 10})
    assert [(run["attempt"], run["status"], run["error"]) for run in runs(warehouse)] == [
        (1, "FAILED", "first it failed"), (2, "SUCCESS", None), (3, "SUCCESS", None),
    ]  # fmt: skip


def test_attempts_are_counted_by_job_and_day(warehouse: Warehouse) -> None:
    load(warehouse, {})
    load(warehouse, {}, NEXT_DAY)
    for job, day in (("user_counts", DAY), ("courses", None), ("courses", None)):
        table = tables.courses if day is None else tables.user_counts
        with warehouse.loading(job, table, day, CALLER):
            pass
    assert [(run["job_name"], run["attempt"]) for run in runs(warehouse)] == [
        ("activity_counts", 1), ("activity_counts", 1), ("user_counts", 1), ("courses", 1), ("courses", 2),
    ]  # fmt: skip


def test_a_running_load_is_a_row_that_others_see(warehouse: Warehouse) -> None:
    with warehouse.loading("activity_counts", tables.activity_counts, DAY, CALLER, batch=700):
        [run] = runs(warehouse)
        assert (run["status"], run["live_key"], run["limit_size"]) == ("RUNNING", "activity_counts:2026-03-22", 700)
        assert run["heartbeat_at"] == run["started_at"]
        assert (run["completed_at"], run["duration_seconds"]) == (None, None)


def test_the_row_of_a_run_whose_process_died_is_failed_by_the_next_run(warehouse: Warehouse) -> None:
    with warehouse.engine.begin() as connection:
        dead = registry.start(connection, "activity_counts", DAY, CALLER, 1000)
        other = registry.start(connection, "activity_counts", NEXT_DAY, CALLER, 1000)
    load(warehouse, {1: 10})
    by_id = {run["id"]: run for run in runs(warehouse)}
    assert (by_id[dead]["status"], by_id[dead]["live_key"]) == ("FAILED", None)
    assert by_id[dead]["error"] == "The process that ran it ended without a word."
    assert by_id[dead]["completed_at"] is not None
    assert by_id[other]["status"] == "RUNNING", "another day is none of its business"
    assert max(by_id) not in (dead, other)
    assert by_id[max(by_id)]["attempt"] == 2


def test_a_failed_run_is_not_rewritten_by_the_next(warehouse: Warehouse) -> None:
    fail(warehouse, "its own reason")
    before = runs(warehouse)[0]
    load(warehouse, {})
    assert runs(warehouse)[0] == before


def test_one_live_row_of_a_job_and_day_is_enforced_by_the_database(warehouse: Warehouse) -> None:
    key = registry.live_key("activity_counts", DAY)
    queue(warehouse, "QUEUED", live_key=key)
    with pytest.raises(sa.exc.IntegrityError):
        queue(warehouse, "QUEUED", live_key=key)
    queue(warehouse, "FAILED")
    queue(warehouse, "FAILED")
    assert len(runs(warehouse)) == 3


def test_every_status_has_its_documented_word() -> None:
    assert registry.WORDS == {
        None: "not_started", "QUEUED": "queued", "RUNNING": "running", "SUCCESS": "completed", "SKIPPED": "completed",
        "FAILED": "failed", "MISSED": "failed", "STOPPED": "failed",
    }  # fmt: skip
    named = set(str(RUNS.c.status.comment).split())
    assert set(registry.WORDS) - {None} == named


def test_log_scheduler_shows_every_status_as_its_documented_code(warehouse: Warehouse) -> None:
    for status in ("QUEUED", "RUNNING", "SUCCESS", "SKIPPED", "FAILED", "MISSED"):
        queue(warehouse, status)
    assert [row["status"] for row in scheduler(warehouse)] == [4, 2, 1, 1, 3, 3]


def test_log_scheduler_shows_runs_under_the_documented_names(warehouse: Warehouse) -> None:
    assert [column["name"] for column in sa.inspect(warehouse.engine).get_columns("log_scheduler")] == DOCUMENTED
    with warehouse.loading("activity_counts", tables.activity_counts, DAY, CALLER, batch=600) as opened:
        [running] = scheduler(warehouse)
        opened.replace(counts({1: 10, 2: 20}))
    fail(warehouse, "no room")
    done, failed = scheduler(warehouse)
    assert (running["status"], running["end_date"]) == (2, None)
    assert {name: done[name] for name in ("batch_name", "offset", "numrow", "status", "limit_size")} == {
        "batch_name": "activity_counts", "offset": 2, "numrow": 2, "status": 1, "limit_size": 600,
    }  # fmt: skip
    assert str(done["start_date"]) <= str(done["end_date"])
    assert (failed["status"], failed["error_details"]) == (3, "no room")
    assert str(done["target_date"]) == "2026-03-22"


def test_finished_days_are_those_with_a_success_and_name_the_newest_run(warehouse: Warehouse) -> None:
    days = [DAY + timedelta(days=number) for number in range(5)]
    load(warehouse, {1: 1}, days[0])
    load(warehouse, {1: 1}, days[0])
    fail(warehouse, "no", days[1])
    load(warehouse, {1: 1}, days[2])
    fail(warehouse, "no", days[2])
    queue(warehouse, "QUEUED", target_date=days[3])
    with warehouse.loading("user_counts", tables.user_counts, days[4], CALLER):
        pass
    ids = [run["id"] for run in runs(warehouse)]
    assert warehouse.finished_days("activity_counts", days) == {days[0]: ids[1], days[2]: ids[3]}
    assert warehouse.finished_days("activity_counts", [days[2]]) == {days[2]: ids[3]}
    assert warehouse.finished_days("activity_counts", [days[0], days[3]]) == {days[0]: ids[1]}
    assert warehouse.finished_days("activity_counts", []) == {}


def test_finished_days_of_a_lineage_are_those_that_its_runs_loaded(warehouse: Warehouse) -> None:
    for day, caller in ((DAY, registry.Caller("ui", "b", "a")), (NEXT_DAY, registry.Caller("ui", "c", "c"))):
        with warehouse.loading("activity_counts", tables.activity_counts, day, caller) as opened:
            pass
        assert list(warehouse.finished_days("activity_counts", [DAY, NEXT_DAY], caller.root_run_id)) == [day]
    assert list(warehouse.finished_days("activity_counts", [DAY, NEXT_DAY])) == [DAY, NEXT_DAY]
    assert opened.run == runs(warehouse)[-1]["id"]


def test_latest_is_newest_first_and_limited(warehouse: Warehouse) -> None:
    for number in range(3):
        load(warehouse, {1: number})
    with warehouse.reading() as connection:
        assert [run["attempt"] for run in registry.latest(connection, 2)] == [3, 2]


def test_times_are_utc_whatever_the_zone_of_the_machine(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = registry.utc_now()
    monkeypatch.setenv("TZ", "Asia/Jakarta")
    time.tzset()
    try:
        load(sqlite_warehouse, {1: 1})
    finally:
        monkeypatch.undo()
        time.tzset()
    assert abs(runs(sqlite_warehouse)[0]["started_at"] - before) < timedelta(minutes=1)
