"""A request for a sync becomes one run in Dagster with what was asked for, and its row ends with the run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from lms_etl.activity import requests
from lms_etl.definitions import defs
from lms_etl.progress.requests import progress_request_sensor
from lms_etl.run_tags import RUN_KEY_TAG
from lms_etl.warehouse import progress_queue, tables
from lms_etl.warehouse.locks import AlreadyRunningError
from lms_etl.warehouse.progress_queue import Wanted
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.instances import on_disk
from lms_etl_tests.progress.conftest import Progress
from lms_etl_tests.warehouse.rows import lay_tables, warehouse_at

RUNS = tables.etl_job_runs


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


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with on_disk(tmp_path) as made:
        yield made


def ask(warehouse: Warehouse, *wanted: Any) -> int:
    with warehouse.writing() as connection:
        return progress_queue.request(connection, Wanted(*wanted), "ui", "asked for by ana")


def tick(warehouse: Warehouse, instance: dg.DagsterInstance) -> dg.RunRequest | dg.SkipReason:
    with dg.build_sensor_context(instance=instance, resources={"warehouse": warehouse}) as context:
        told: dg.RunRequest | dg.SkipReason = progress_request_sensor(context)
    return told


def launch(asked: Any, warehouse: Warehouse, instance: dg.DagsterInstance, moodle: Any = None) -> bool:
    """What the daemon does with a run that a sensor asks for."""
    own = dg.Definitions(
        assets=defs.assets,
        asset_checks=defs.asset_checks,
        jobs=defs.jobs,
        resources={"moodle": moodle, "warehouse": warehouse},
        executor=defs.executor,
    )
    tags = {**asked.tags, RUN_KEY_TAG: asked.run_key}
    job = own.resolve_job_def("progress_job")
    done = job.execute_in_process(run_config=asked.run_config, tags=tags, instance=instance, raise_on_error=False)
    return bool(done.success)


def states(warehouse: Warehouse) -> list[str]:
    with warehouse.reading() as connection:
        return list(connection.execute(sa.select(RUNS.c.status).order_by(RUNS.c.id)).scalars())


@pytest.mark.parametrize("wanted", [("changes",), ("changes", 3, 48), ("full", None), ("reconcile", 2)])
def test_what_a_row_asks_for_is_read_as_it_was_written(wanted: tuple[Any, ...]) -> None:
    assert Wanted.read(Wanted(*wanted).key) == Wanted(*wanted)


@pytest.mark.parametrize("key", ["course_progress:nonsense:all:-", "pipeline:2026-03-22", "course_progress:full:x:-"])
def test_another_key_asks_for_nothing(key: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Wanted.read(key)


def test_the_same_is_queued_once_on_every_database(warehouse: Warehouse) -> None:
    ask(warehouse, "full", 1)
    ask(warehouse, "full", 2)
    with pytest.raises(AlreadyRunningError):
        ask(warehouse, "full", 1)
    with warehouse.reading() as connection:
        assert [row["live_key"] for row in progress_queue.live(connection)] == [
            "course_progress:full:1:-", "course_progress:full:2:-",
        ]  # fmt: skip


def test_requests_run_one_at_a_time_and_end_with_their_runs(small: Progress, instance: dg.DagsterInstance) -> None:
    small.site.enrol(small.site.user("ana"), small.site.course("ALG"))
    ask(small.warehouse, "full", 1)
    ask(small.warehouse, "changes", 4711, 48)
    asked = tick(small.warehouse, instance)
    assert isinstance(asked, dg.RunRequest)
    config = {"kind": "full", "companies": [1], "hours_back": 0}
    assert asked.run_config == {"ops": {"course_progress": {"config": config}}}
    assert launch(asked, small.warehouse, instance, small.moodle)
    assert small.log() == [(1, "full", "success")]
    waits = tick(small.warehouse, instance)
    assert isinstance(waits, dg.SkipReason)
    assert "1 wait for request 1" in str(waits.skip_message)
    requests.tick(instance, small.warehouse)
    assert states(small.warehouse) == ["SUCCESS", "QUEUED"]
    asked = tick(small.warehouse, instance)
    assert isinstance(asked, dg.RunRequest)
    assert asked.run_config["ops"]["course_progress"]["config"]["hours_back"] == 48
    assert not launch(asked, small.warehouse, instance, small.moodle)
    tick(small.warehouse, instance)
    requests.tick(instance, small.warehouse)
    assert states(small.warehouse) == ["SUCCESS", "FAILED"]
    with small.warehouse.reading() as connection:
        assert "4711" in progress_queue.latest(connection, 1)[0]["error"]
    assert isinstance(tick(small.warehouse, instance), dg.SkipReason)


def test_a_request_that_nobody_can_read_is_refused(sqlite_warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
    row = {"job_name": "course_progress", "trigger": "api", "status": "QUEUED", "live_key": "course_progress:all"}
    with sqlite_warehouse.writing() as connection:
        connection.execute(sa.insert(RUNS), row)
    assert isinstance(tick(sqlite_warehouse, instance), dg.SkipReason)
    assert states(sqlite_warehouse) == ["FAILED"]
