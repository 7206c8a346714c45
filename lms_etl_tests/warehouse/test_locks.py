"""One load of a job and day at a time, and a lock that never outlives its holder."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lms_etl.warehouse import tables
from lms_etl.warehouse.locks import AlreadyRunningError, locked
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.warehouse import doomed
from lms_etl_tests.warehouse.rows import CALLER, DAY, NEXT_DAY, counts, load, runs, views_of, warehouse_at

WAYS = 8


def test_of_eight_loads_of_one_day_exactly_one_runs(warehouse: Warehouse, database_url: str) -> None:
    ready, over = threading.Barrier(WAYS), threading.Barrier(WAYS)

    def attempt(number: int) -> str:
        with warehouse_at(database_url) as own:
            ready.wait(30)
            try:
                with own.loading("activity_counts", tables.activity_counts, DAY, CALLER) as opened:
                    opened.replace(counts({number: number}))
                    over.wait(30)
            except AlreadyRunningError as error:
                over.wait(30)
                return str(error)
        return f"loaded {number}"

    with ThreadPoolExecutor(WAYS) as pool:
        ended = list(pool.map(attempt, range(1, WAYS + 1)))
    [winner] = [text for text in ended if text.startswith("loaded")]
    refused = [text for text in ended if text != winner]
    assert len(refused) == WAYS - 1
    assert all("ETL process is already running: activity_counts of 2026-03-22" in text for text in refused)
    number = int(winner.removeprefix("loaded "))
    assert views_of(warehouse) == {number: number}
    assert [run["status"] for run in runs(warehouse)] == ["SUCCESS"], "who is refused leaves no row"


def test_other_days_and_jobs_are_free(warehouse: Warehouse) -> None:
    with warehouse.loading("activity_counts", tables.activity_counts, DAY, CALLER):
        load(warehouse, {1: 10}, NEXT_DAY)
        for job, table, day in (("user_counts", tables.user_counts, DAY), ("courses", tables.courses, None)):
            with warehouse.loading(job, table, day, CALLER):
                pass
        with (
            pytest.raises(AlreadyRunningError),
            warehouse.loading("activity_counts", tables.activity_counts, DAY, CALLER),
        ):
            pass
    assert [run["status"] for run in runs(warehouse)] == ["SUCCESS"] * 4


def test_a_snapshot_has_one_load_at_a_time_too(warehouse: Warehouse) -> None:
    with (
        warehouse.loading("courses", tables.courses, None, CALLER),
        pytest.raises(AlreadyRunningError, match="already running: courses of all"),
        warehouse.loading("courses", tables.courses, None, CALLER),
    ):
        pass


def test_the_lock_is_free_after_a_load_and_after_a_failed_one(warehouse: Warehouse, database_url: str) -> None:
    load(warehouse, {1: 10})
    with (
        pytest.raises(RuntimeError),
        warehouse.loading("activity_counts", tables.activity_counts, DAY, CALLER),
    ):
        raise RuntimeError("no")
    with warehouse_at(database_url) as another:
        assert load(another, {1: 11}).updated == 1


def test_the_lock_is_free_after_its_holder_was_killed(warehouse: Warehouse, database_url: str) -> None:
    load(warehouse, {1: 10})
    with doomed.start("hold", database_url) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(AlreadyRunningError, match="ETL process is already running"):
                load(warehouse, {1: 11})
        finally:
            holder.kill()
    doomed.run_again(warehouse)
    assert views_of(warehouse) == doomed.NEW
    assert [run["status"] for run in runs(warehouse)] == ["SUCCESS", "FAILED", "SUCCESS"]


def test_a_patient_caller_gets_the_lock_once_it_is_free(warehouse: Warehouse) -> None:
    held, order = threading.Event(), []

    def hold() -> None:
        with warehouse.engine.connect() as connection, locked(connection, "job:day"):
            held.set()
            time.sleep(0.2)
            order.append("first")

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    with warehouse.engine.connect() as connection:
        with pytest.raises(AlreadyRunningError), locked(connection, "job:day", wait=0.06):
            pass
        with locked(connection, "job:day", wait=10):
            order.append("second")
    holder.join()
    assert order == ["first", "second"]


def test_locks_of_two_warehouses_on_one_server_are_apart(
    warehouse: Warehouse, new_database, request: pytest.FixtureRequest
) -> None:
    dialect = {"mysql": "mariadb"}.get(warehouse.engine.dialect.name, warehouse.engine.dialect.name)
    with (
        warehouse_at(new_database(dialect)) as other,
        warehouse.engine.connect() as here,
        other.engine.connect() as there,
        locked(here, "activity_counts:2026-03-22"),
        locked(there, "activity_counts:2026-03-22"),
    ):
        assert here.engine.url.database != there.engine.url.database


def test_a_long_name_is_locked_as_a_whole(warehouse: Warehouse) -> None:
    name = "a_job_with_a_name_much_longer_than_the_64_characters_that_mysql_allows"
    with (
        warehouse.engine.connect() as first,
        warehouse.engine.connect() as second,
        locked(first, f"{name}:2026-03-22"),
        locked(second, f"{name}:2026-03-23"),
        warehouse.engine.connect() as third,
        pytest.raises(AlreadyRunningError),
        locked(third, f"{name}:2026-03-22"),
    ):
        pass
