"""The request sensor: what it decides, and what it does to the rows of the registry through a real context."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from lms_etl.activity import requests
from lms_etl.activity.requests import Row, next_requests, request_sensor, verdict
from lms_etl.activity.umbrellas import REQUEST_TAG, under_umbrella
from lms_etl.run_tags import RUN_KEY_TAG
from lms_etl.warehouse import orders, queue, registry, tables, umbrella
from lms_etl.warehouse.registry import Caller
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.activity.conftest import Etl, fill
from lms_etl_tests.warehouse.rows import runs

ONE_PAIR_EACH = True

DAY, NEXT_DAY = date(2026, 3, 22), date(2026, 3, 23)
STALE = 300
RUNS = tables.etl_job_runs


@pytest.mark.parametrize(
    ("status", "run", "silent", "free", "expected"),
    [
        ("QUEUED", None, 9999, True, None),
        ("QUEUED", "QUEUED", 9999, True, None),
        ("QUEUED", "STARTED", 9999, True, None),
        ("QUEUED", "FAILURE", 0, True, "FAILED"),
        ("QUEUED", "CANCELED", 0, True, "STOPPED"),
        ("QUEUED", "gone", 0, True, "FAILED"),
        ("RUNNING", "STARTED", 10, True, None),
        ("RUNNING", "STARTED", 301, True, "FAILED"),
        ("RUNNING", "STARTED", 301, False, None),
        ("RUNNING", None, 301, True, "FAILED"),
        ("RUNNING", None, 299, True, None),
        ("RUNNING", "gone", 10, True, None),
        ("RUNNING", "gone", 301, True, "FAILED"),
        ("RUNNING", "SUCCESS", 0, True, "SUCCESS"),
        ("RUNNING", "FAILURE", 0, True, "FAILED"),
        ("RUNNING", "CANCELED", 0, True, "STOPPED"),
        ("RUNNING", "FAILURE", 301, False, None),
    ],
)
def test_a_live_row_is_ended_when_its_run_is_over_or_nobody_is_behind_it(
    status: str, run: str | None, silent: float, free: bool, expected: str | None
) -> None:
    row = Row(1, "pipeline", DAY, status, "run-1", silent, run)
    ended = verdict(row, lambda: free, STALE)
    assert (ended and ended[0]) == expected


def test_locks_are_looked_at_only_where_it_matters() -> None:
    def free() -> bool:
        raise AssertionError("a healthy row costs no lock")

    for row in (Row(1, "pipeline", DAY, "RUNNING", "run-1", 20, "STARTED"), Row(2, "pipeline", DAY, "QUEUED")):
        assert verdict(row, free, STALE) is None


def request(number: int, day: date = DAY, job: str = "pipeline", forced: bool = False) -> Row:
    return Row(number, job, day, "QUEUED", forced=forced)


@pytest.mark.parametrize(
    ("waiting", "live", "slots", "launched", "refused", "waits"),
    [
        ([], [], 10, [], [], []),
        ([request(1), request(2, NEXT_DAY)], [], 10, [1, 2], [], []),
        ([request(1), request(2, job="main_etl")], [], 10, [1], [], ["waits for request 1 (pipeline) of the same day"]),
        ([request(3)], [Row(1, "user_counts", DAY, "RUNNING")], 10, [], [], ["waits for run 1 (user_counts)"]),
        ([request(3)], [Row(1, "courses", None, "RUNNING")], 10, [3], [], []),
        ([request(1), request(2, NEXT_DAY)], [], 1, [1], [], ["request 2 (pipeline of 2026-03-23) waits for its turn"]),
        ([request(1), request(2, NEXT_DAY)], [], 0, [], [], ["its turn", "its turn"]),
        ([request(1, date(2026, 4, 1)), request(2)], [], 1, [2], [1], []),
        ([request(1, date(2026, 4, 1), forced=True)], [], 1, [1], [], []),
    ],
)
def test_requests_are_launched_in_order_one_of_a_day_at_a_time(
    waiting: list[Row], live: list[Row], slots: int, launched: list[int], refused: list[int], waits: list[str]
) -> None:
    def april_is_closed(day: date, forced: bool) -> str | None:
        return "ETL time window expired" if day.month == 4 and not forced else None

    starts, refusals, reasons = next_requests(waiting, live, april_is_closed, slots)
    assert [row.id for row in starts] == launched
    assert [(row.id, why) for row, why in refusals] == [(number, "ETL time window expired") for number in refused]
    assert len(reasons) == len(waits)
    assert all(part in reason for part, reason in zip(waits, reasons, strict=True))


def ask(warehouse: Warehouse, job: str = "pipeline", day: date = DAY, force: bool = True) -> int:
    """A request by force, since the window of DAY is long closed."""
    with warehouse.writing() as connection:
        return queue.request(connection, job, day, "api", force=force)


def look(etl: Etl) -> dg.SensorResult:
    """One tick of the sensor."""
    context = dg.build_sensor_context(instance=etl.instance, resources={"warehouse": etl.warehouse})
    return request_sensor(context)


def launch(etl: Etl, asked: dg.RunRequest) -> dg.ExecuteInProcessResult:
    """What the daemon does with a request of the sensor, with the warehouse as the code location gives it to a run."""

    @dg.resource
    def warehouse(context: dg.InitResourceContext) -> Iterator[Warehouse]:
        with closing(Warehouse(etl.warehouse.settings)) as own, under_umbrella(own, context.run, context.instance):
            yield own

    definitions = etl.definitions
    resources = {"moodle": etl.moodle, "warehouse": warehouse}
    own = dg.Definitions(
        definitions.assets,
        jobs=definitions.jobs,
        resources=resources,
        asset_checks=definitions.asset_checks,
        executor=definitions.executor,
    )
    return own.resolve_job_def(asked.job_name).execute_in_process(
        instance=etl.instance,
        raise_on_error=False,
        partition_key=asked.partition_key,
        tags={**asked.tags, RUN_KEY_TAG: asked.run_key},
    )


def told(etl: Etl) -> list[tuple[int, str, str]]:
    return [(run["id"], run["job_name"], run["status"]) for run in runs(etl.warehouse)]


def test_a_request_becomes_a_run_that_writes_into_its_row(etl: Etl) -> None:
    fill(etl.site)
    number = ask(etl.warehouse)
    [asked] = look(etl).run_requests
    assert (asked.job_name, asked.partition_key) == ("user_activity_job", "2026-03-22")
    assert asked.tags[REQUEST_TAG] == str(number)
    result = launch(etl, asked)
    assert result.success
    whole, *steps = runs(etl.warehouse)
    assert (whole["id"], whole["status"], whole["trigger"]) == (number, "SUCCESS", "api")
    assert (whole["progress_offset"], whole["numrow"], whole["dagster_run_id"]) == (4, 4, result.run_id)
    assert whole["completed_at"] - whole["started_at"] == pytest.approx(
        timedelta(seconds=float(whole["duration_seconds"])), abs=timedelta(milliseconds=5)
    )
    assert {step["job_name"] for step in steps} == {"courses", "activity_counts", "user_counts", "user_activity"}
    assert {step["status"] for step in steps} == {"SUCCESS"}
    assert "No request waits; 0 live" in look(etl).skip_reason.skip_message


def test_a_request_for_one_count_is_one_row(small_etl: Etl) -> None:
    fill(small_etl.site)
    number = ask(small_etl.warehouse, "activity_counts")
    assert launch(small_etl, look(small_etl).run_requests[0]).success
    assert told(small_etl) == [(number, "activity_counts", "SUCCESS")]


def test_a_second_request_for_the_same_day_gets_a_run_of_its_own(small_etl: Etl) -> None:
    fill(small_etl.site)
    keys = []
    for _ in range(2):
        ask(small_etl.warehouse, "user_counts")
        [asked] = look(small_etl).run_requests
        keys.append(asked.run_key)
        assert launch(small_etl, asked).success
    assert len(set(keys)) == 2
    assert [status for *_, status in told(small_etl)] == ["SUCCESS", "SUCCESS"]
    assert [run["attempt"] for run in runs(small_etl.warehouse)] == [1, 2]


def test_a_failed_run_ends_its_request_with_the_plain_error(small_etl: Etl) -> None:
    fill(small_etl.site)
    for job in queue.COUNTS:
        small_etl.run("2026-03-22", job=f"{job}_job")
    number = ask(small_etl.warehouse, "main_etl")
    with small_etl.warehouse.writing() as connection:
        connection.execute(sa.delete(tables.etl_days))
    assert not launch(small_etl, look(small_etl).run_requests[0]).success
    [run] = [run for run in runs(small_etl.warehouse) if run["id"] == number]
    assert run["status"] == "FAILED"
    assert run["error"].startswith("Waiting for ActivityCounts and UserCounts ETL to complete")


def test_a_run_that_competes_with_another_fails_with_the_documented_message(small_etl: Etl) -> None:
    fill(small_etl.site)
    asked = dg.RunRequest("k", job_name="user_activity_job", partition_key="2026-03-22", tags={})
    with umbrella.held(small_etl.warehouse, "pipeline", DAY, Caller("cli")):
        result = launch(small_etl, asked)
    assert not result.success
    failure = result.failure_data_for_node("courses").user_failure_data.description
    assert failure.startswith("ETL process is already running: pipeline of 2026-03-22")
    assert len(told(small_etl)) == 1


def test_a_stopped_run_ends_with_one_plain_message_and_nothing_loaded(small_etl: Etl) -> None:
    fill(small_etl.site)
    number = ask(small_etl.warehouse)
    [asked] = look(small_etl).run_requests
    frozen = small_etl.moodle.courses

    def stopped_meanwhile() -> Any:
        with small_etl.warehouse.writing() as connection:
            assert queue.stop(connection, number) == "RUNNING"
        return frozen()

    small_etl.moodle.courses = stopped_meanwhile  # type: ignore[method-assign]
    try:
        result = launch(small_etl, asked)
    finally:
        del small_etl.moodle.courses
    assert not result.success
    errors = {
        event.step_failure_data.user_failure_data.description for event in result.all_events if event.is_step_failure
    }
    assert errors == {"Stopped on request. What was loaded before stays; nothing is half-loaded."}
    whole = runs(small_etl.warehouse)[0]
    assert (whole["status"], whole["error"], whole["reason"]) == ("STOPPED", None, "stopped on request")
    assert small_etl.report().empty


def test_a_run_that_takes_too_long_fails_cleanly_with_the_setting_to_change(small_etl: Etl) -> None:
    fill(small_etl.site)
    ask(small_etl.warehouse)
    [asked] = look(small_etl).run_requests
    small_etl.warehouse.settings = small_etl.warehouse.settings.model_copy(update={"max_runtime": 0})
    assert not launch(small_etl, asked).success
    [whole] = runs(small_etl.warehouse)
    assert whole["status"] == "FAILED"
    assert "The run took longer than 0 s (ETL_MAX_RUNTIME)" in whole["error"]
    jobs = small_etl.definitions.jobs or []
    assert {job.tags["dagster/max_runtime"] for job in jobs if job.name in queue.JOBS.values()} == {"1800"}


def test_a_stop_between_two_days_of_a_range_keeps_the_first_and_starts_no_other(
    small_etl: Etl, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(small_etl.site)
    monkeypatch.setattr(orders, "LOOK_EVERY_SECONDS", 0)
    finish = registry.succeed

    def stopped_at_the_end_of_a_day(connection: sa.Connection, run: int, *arguments: Any) -> Any:
        queue.stop(connection, run)
        return finish(connection, run, *arguments)

    monkeypatch.setattr(registry, "succeed", stopped_at_the_end_of_a_day)
    result = small_etl.run("2026-03-22", "2026-03-26", job="activity_counts_job")
    assert not result.success
    failure = result.failure_data_for_node("activity_counts").user_failure_data.description
    assert failure.startswith("Stopped on request.")
    assert small_etl.registry("activity_counts") == [("2026-03-22", "SUCCESS")]
    assert list(small_etl.materialized("activity_counts")) == ["2026-03-22"]


def test_a_day_that_is_not_over_is_refused_and_the_others_go_on(small_etl: Etl) -> None:
    never = ask(small_etl.warehouse, day=date(2999, 1, 1))
    early = ask(small_etl.warehouse, day=date(2020, 1, 1))
    good = ask(small_etl.warehouse)
    [asked] = look(small_etl).run_requests
    assert asked.tags[REQUEST_TAG] == str(good)
    by_id = {run["id"]: run for run in runs(small_etl.warehouse)}
    assert (by_id[never]["status"], by_id[early]["status"]) == ("FAILED", "FAILED")
    assert "2999-01-01 is not over at the site" in by_id[never]["error"]
    assert "before the first day" in by_id[early]["error"]


def test_a_request_whose_run_vanished_or_was_cancelled_is_ended(small_etl: Etl) -> None:
    first, second = ask(small_etl.warehouse), ask(small_etl.warehouse, day=NEXT_DAY)
    asked = look(small_etl).run_requests
    job = small_etl.definitions.resolve_job_def("user_activity_job")
    made = [small_etl.instance.create_run_for_job(job, tags={**each.tags, RUN_KEY_TAG: each.run_key}) for each in asked]
    assert "No request waits; 2 live" in look(small_etl).skip_reason.skip_message
    small_etl.instance.delete_run(made[0].run_id)
    small_etl.instance.report_run_canceled(made[1])
    look(small_etl)
    by_id = {run["id"]: run for run in runs(small_etl.warehouse)}
    assert (by_id[first]["status"], by_id[first]["error"]) == ("FAILED", requests.VANISHED)
    assert by_id[second]["status"] == "STOPPED"


def test_the_row_of_a_killed_worker_is_failed_when_it_is_stale_and_the_day_runs_again(etl: Etl) -> None:
    fill(etl.site)
    with umbrella.held(etl.warehouse, "pipeline", DAY, Caller("schedule", "gone")) as row:
        pass
    with etl.warehouse.writing() as connection:
        part = registry.start(connection, "courses", None, Caller("schedule", "gone"), 1000)
    look(etl)
    assert [status for *_, status in told(etl)] == ["RUNNING", "RUNNING"]
    long_ago = registry.utc_now() - timedelta(seconds=400)
    with etl.warehouse.writing() as connection:
        connection.execute(sa.update(RUNS).values(heartbeat_at=long_ago))
    assert f"run {row.run} ended FAILED" in look(etl).skip_reason.skip_message
    assert [(run["id"], run["status"]) for run in runs(etl.warehouse)] == [(row.run, "FAILED"), (part, "FAILED")]
    assert "Stale: no sign of life for 400 s" in runs(etl.warehouse)[0]["error"]
    number = ask(etl.warehouse)
    assert launch(etl, look(etl).run_requests[0]).success
    assert (number, "pipeline", "SUCCESS") in told(etl)


def test_a_run_executed_again_in_the_ui_gets_a_row_of_its_own(small_etl: Etl) -> None:
    fill(small_etl.site)
    ask(small_etl.warehouse)
    [asked] = look(small_etl).run_requests
    first = launch(small_etl, asked)
    again = small_etl.instance.get_run_by_id(first.run_id)
    with closing(Warehouse(small_etl.warehouse.settings)) as own:
        retry = again._replace(run_id="retry", parent_run_id=first.run_id, root_run_id=first.run_id)
        with under_umbrella(own, retry, small_etl.instance):
            assert own.orders.refused is None
            assert own.umbrella is not None
            assert own.umbrella.dagster_run_id == "retry"


def test_a_warehouse_without_tables_is_told_as_a_skip(small_etl: Etl, sqlite_url: str) -> None:
    with closing(
        Warehouse(small_etl.warehouse.settings.model_copy(update={"warehouse_database_url": sqlite_url}))
    ) as new:
        context = dg.build_sensor_context(instance=small_etl.instance, resources={"warehouse": new})
        assert "Run `lms-etl migrate`" in request_sensor(context).skip_message
