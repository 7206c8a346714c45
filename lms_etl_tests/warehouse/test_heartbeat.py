"""A running row shows a sign of life while its process is quiet, and none after it."""

import time
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from lms_etl.warehouse import heartbeat, registry, tables
from lms_etl.warehouse.heartbeat import Heart
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.warehouse.rows import CALLER, DAY, NEXT_DAY, load, runs

RUNS = tables.etl_job_runs


def beats(warehouse: Warehouse, run: int, since: datetime) -> bool:
    """Whether a beat later than `since` comes within some seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with warehouse.reading() as connection:
            sign = connection.execute(sa.select(RUNS.c.heartbeat_at).where(RUNS.c.id == run)).scalar_one()
        if sign > since:
            return True
        time.sleep(0.01)
    return False


def test_a_quiet_load_beats_on(warehouse: Warehouse) -> None:
    warehouse.heart.every = 0.02
    with warehouse.loading("activity_counts", tables.activity_counts, DAY, CALLER) as opened:
        begun = runs(warehouse)[0]["heartbeat_at"]
        assert beats(warehouse, opened.run, begun)
        assert beats(warehouse, opened.run, registry.utc_now())


def test_only_the_rows_of_this_process_that_still_run_are_touched(warehouse: Warehouse) -> None:
    load(warehouse, {1: 10})
    with warehouse.writing() as connection:
        mine = registry.start(connection, "activity_counts", DAY, CALLER, 1000)
        other = registry.start(connection, "activity_counts", NEXT_DAY, CALLER, 1000)
    ended, _, untouched = (run["heartbeat_at"] for run in runs(warehouse))
    with warehouse.writing() as connection:
        heartbeat.beat(connection, [1, mine])
    by_id = {run["id"]: run["heartbeat_at"] for run in runs(warehouse)}
    assert by_id[mine] > untouched
    assert (by_id[1], by_id[other]) == (ended, untouched)


def test_the_thread_ends_with_its_work_and_begins_again(sqlite_warehouse: Warehouse) -> None:
    heart = Heart(lambda: sqlite_warehouse.engine, every=0.01)
    for _ in range(2):
        with heart.beating(1):
            thread = heart.thread
            assert thread is not None
        thread.join(10)
        assert not thread.is_alive()
        assert heart.thread is None


def test_a_busy_writer_does_not_end_the_beat(sqlite_warehouse: Warehouse) -> None:
    """SQLite has one writer: the beat waits for it, and comes when it is free."""
    with sqlite_warehouse.writing() as connection:
        run = registry.start(connection, "activity_counts", DAY, CALLER, 1000)
    heart = Heart(lambda: sqlite_warehouse.engine, every=0.01)
    with heart.beating(run):
        with sqlite_warehouse.writing() as connection:
            connection.execute(sa.update(RUNS).values(rows_read=1))
            time.sleep(0.1)
            free_again = registry.utc_now() - timedelta(seconds=0.05)
        assert beats(sqlite_warehouse, run, free_again)
    heart.stop()


def test_a_server_that_is_gone_for_a_moment_is_found_again(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite_warehouse.writing() as connection:
        run = registry.start(connection, "activity_counts", DAY, CALLER, 1000)
    calls = []

    def flaky() -> sa.Engine:
        calls.append(1)
        if len(calls) == 1:
            raise sa.exc.OperationalError("update", {}, Exception("gone away"))
        return sqlite_warehouse.engine

    heart = Heart(flaky, every=0.01)
    with heart.beating(run):
        assert beats(sqlite_warehouse, run, registry.utc_now())
    heart.stop()
    assert len(calls) >= 2
