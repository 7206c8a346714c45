"""The nightly job of retention through Dagster: settings decide what goes, and facts never do."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
import sqlalchemy as sa

from lms_etl.retention import delete_dagster_runs, retention_job, retention_schedule
from lms_etl.warehouse import registry, tables
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.warehouse.rows import load, runs, views_of

FUTURE = datetime.now(tz=UTC) + timedelta(days=1)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def retain(warehouse: Warehouse, instance: dg.DagsterInstance, **settings: int) -> list[int]:
    """Runs the job and returns the numbers that it tells."""
    kept = Warehouse(warehouse.settings.model_copy(update=settings))
    result = retention_job.execute_in_process(instance=instance, resources={"warehouse": kept})
    kept.close()
    [told] = [event for event in result.all_events if event.is_successful_output]
    return [value.value for value in told.step_output_data.metadata.values()]


@pytest.mark.parametrize(("days", "deleted"), [(400, 2), (0, 0), (600, 0)])
def test_the_setting_decides_which_runs_go(
    sqlite_warehouse: Warehouse,
    instance: dg.DagsterInstance,
    days: int,
    deleted: int,
) -> None:
    for views in (1, 2, 3):
        load(sqlite_warehouse, {1: views})
    with sqlite_warehouse.writing() as connection:
        long_ago = registry.utc_now() - timedelta(days=500)
        connection.execute(sa.update(tables.etl_job_runs).values(completed_at=long_ago))
    assert retain(sqlite_warehouse, instance, run_retention_days=days) == [deleted, 0, 0]
    assert len(runs(sqlite_warehouse)) == 3 - deleted
    assert views_of(sqlite_warehouse) == {1: 3}


@pytest.mark.parametrize(("days", "deleted"), [(90, 2), (0, 0), (120, 0)])
def test_the_setting_decides_which_calls_of_the_report_api_go(
    sqlite_warehouse: Warehouse, instance: dg.DagsterInstance, days: int, deleted: int
) -> None:
    old = int((datetime.now(tz=UTC) - timedelta(days=100)).timestamp())
    call = {"endpoint": "x", "response_time_ms": 1, "timeaccessed": old, "ip_address": "::1"}
    with sqlite_warehouse.writing() as connection:
        connection.execute(sa.insert(tables.api_calls), [call, call, call | {"timeaccessed": old + 50 * 86_400}])
    assert retain(sqlite_warehouse, instance, api_log_retention_days=days) == [0, 0, deleted]


def test_dagster_keeps_its_runs_unless_it_is_told_otherwise(
    sqlite_warehouse: Warehouse,
    instance: dg.DagsterInstance,
) -> None:
    retain(sqlite_warehouse, instance)
    retain(sqlite_warehouse, instance, dagster_retention_days=30)
    assert len(instance.get_runs()) == 2


def test_old_ended_runs_of_dagster_go_and_live_ones_stay(instance: dg.DagsterInstance) -> None:
    @dg.job
    def work() -> None:
        pass

    ended = [work.execute_in_process(instance=instance).run_id for _ in range(3)]
    live = instance.create_run_for_job(work).run_id
    assert delete_dagster_runs(instance, FUTURE, most=2) == 2
    assert {run.run_id for run in instance.get_runs()} == {ended[2], live}
    assert delete_dagster_runs(instance, FUTURE - timedelta(days=2)) == 0


def test_retention_runs_by_itself_every_night() -> None:
    assert retention_schedule.cron_schedule == "30 3 * * *"
    assert retention_schedule.default_status == dg.DefaultScheduleStatus.RUNNING
