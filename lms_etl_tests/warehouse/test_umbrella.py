"""The row of a whole run: one at a time whoever asks, taken back from the dead, ended with its duration."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from lms_etl.warehouse import queue, registry, tables, umbrella
from lms_etl.warehouse.locks import AlreadyRunningError
from lms_etl.warehouse.registry import Caller
from lms_etl.warehouse.umbrella import held
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.warehouse import doomed
from lms_etl_tests.warehouse.rows import CALLER, DAY, NEXT_DAY, counts, lay_tables, load, runs, views_of, warehouse_at

WAYS = 20


def ask(warehouse: Warehouse, job: str = "pipeline", **more: bool) -> int:
    """A request as API and `--queue` make it."""
    with warehouse.writing() as connection:
        return queue.request(connection, job, DAY, "api", **more)


@pytest.mark.parametrize("job", ["pipeline", "activity_counts"])
def test_of_twenty_parallel_triggers_one_starts_and_nineteen_get_the_documented_error(
    warehouse: Warehouse, database_url: str, job: str
) -> None:
    ready, over = threading.Barrier(WAYS), threading.Barrier(WAYS)

    def trigger(number: int) -> str:
        """By turns the command line, which runs at once, and the API, which queues."""
        with warehouse_at(database_url) as own:
            ready.wait(60)
            try:
                if number % 2:
                    with held(own, job, DAY, Caller("cli")):
                        over.wait(60)
                        return "started"
                ask(own, job)
                over.wait(60)
            except AlreadyRunningError as error:
                over.wait(60)
                return str(error)
        return "started"

    with ThreadPoolExecutor(WAYS) as pool:
        ended = list(pool.map(trigger, range(WAYS)))
    refused = [text for text in ended if text != "started"]
    assert len(refused) == WAYS - 1
    assert all(text.startswith(f"ETL process is already running: {job} of 2026-03-22") for text in refused)
    assert [run["job_name"] for run in runs(warehouse)] == [job], "who is refused leaves no row"


def test_a_run_of_a_request_writes_into_its_row_and_ends_it(warehouse: Warehouse) -> None:
    number = ask(warehouse)
    with held(warehouse, "pipeline", DAY, Caller("api", "run-1", "run-1"), number) as row:
        [running] = runs(warehouse)
        row.step_done()
        row.step_done()
        [halfway] = runs(warehouse)
        row.close("SUCCESS")
    [ended] = runs(warehouse)
    assert (running["id"], running["status"], running["dagster_run_id"]) == (number, "RUNNING", "run-1")
    assert (running["progress_offset"], running["numrow"]) == (0, 4)
    assert (halfway["progress_offset"], halfway["numrow"]) == (2, 4)
    assert (ended["status"], ended["live_key"]) == ("SUCCESS", None)
    took = ended["completed_at"] - ended["started_at"]
    assert abs(took - timedelta(seconds=float(ended["duration_seconds"]))) < timedelta(milliseconds=5)
    ask(warehouse)


@pytest.mark.parametrize("status", ["FAILED", "SKIPPED", "STOPPED"])
def test_a_row_ends_once(warehouse: Warehouse, status: str) -> None:
    with held(warehouse, "main_etl", DAY, CALLER) as row:
        if status == "STOPPED":
            with warehouse.writing() as connection:
                assert queue.stop(connection, row.run, "enough") == "RUNNING"
        row.close("SUCCESS" if status == "SKIPPED" else "FAILED", "no room" if status == "FAILED" else None)
        row.close("SUCCESS")
    [ended] = runs(warehouse)
    assert ended["status"] == status
    assert ended["error"] == ("no room" if status == "FAILED" else None)
    assert ended["reason"] == {"SKIPPED": "every step was loaded before", "STOPPED": "enough"}.get(status)


def test_a_count_is_one_row_its_load_writes_into_the_row_of_its_run(warehouse: Warehouse) -> None:
    number = ask(warehouse, "activity_counts")
    with held(warehouse, "activity_counts", DAY, Caller("api", "run-1"), number) as row:
        warehouse.umbrella = row
        load(warehouse, {1: 10, 2: 20})
        row.close("SUCCESS")
    [run] = runs(warehouse)
    assert (run["id"], run["status"], run["trigger"], run["numrow"]) == (number, "SUCCESS", "api", 2)
    assert views_of(warehouse) == {1: 10, 2: 20}


def test_a_load_of_a_pipeline_takes_over_the_request_for_the_same_count(warehouse: Warehouse) -> None:
    number = ask(warehouse, "activity_counts")
    load(warehouse, {1: 10})
    [run] = runs(warehouse)
    assert (run["id"], run["status"], run["trigger"]) == (number, "SUCCESS", "api")


def test_a_load_does_not_bury_the_row_of_a_run_that_is_about_to_load(warehouse: Warehouse, database_url: str) -> None:
    with (
        held(warehouse, "activity_counts", DAY, CALLER) as row,
        warehouse_at(database_url) as other,
        pytest.raises(AlreadyRunningError, match="already running: activity_counts of 2026-03-22"),
    ):
        load(other, {1: 10})
    assert [(run["id"], run["status"]) for run in runs(warehouse)] == [(row.run, "RUNNING")]


def test_a_queued_row_refuses_the_command_line_and_says_how_to_take_it_back(warehouse: Warehouse) -> None:
    number = ask(warehouse)
    with (
        pytest.raises(AlreadyRunningError, match=f"queued as run {number}.*stop {number}"),
        held(warehouse, "pipeline", DAY, CALLER),
    ):
        pass
    with held(warehouse, "pipeline", NEXT_DAY, CALLER), held(warehouse, "main_etl", DAY, CALLER):
        pass


def test_a_load_of_another_run_refuses_the_count_of_its_day(warehouse: Warehouse, database_url: str) -> None:
    with (
        warehouse.loading("activity_counts", tables.activity_counts, DAY, CALLER),
        warehouse_at(database_url) as other,
        pytest.raises(AlreadyRunningError, match="ETL process is already running: activity_counts"),
        held(other, "activity_counts", DAY, CALLER),
    ):
        pass


def test_a_request_that_was_stopped_meanwhile_does_not_run(warehouse: Warehouse) -> None:
    number = ask(warehouse)
    with warehouse.writing() as connection:
        assert queue.stop(connection, number) == "STOPPED"
    with (
        pytest.raises(queue.StoppedError, match=f"Request {number} is STOPPED"),
        held(warehouse, "pipeline", DAY, CALLER, number),
    ):
        pass


def test_the_row_of_a_killed_process_is_failed_and_the_job_runs_again_at_once(
    warehouse: Warehouse, database_url: str
) -> None:
    with doomed.start("umbrella", database_url) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(AlreadyRunningError), held(warehouse, "pipeline", DAY, CALLER):
                pass
        finally:
            holder.kill()
    doomed.soon(lambda: again(warehouse))
    assert [(run["status"], run["error"]) for run in runs(warehouse)] == [("FAILED", registry.DIED), ("SKIPPED", None)]


def again(warehouse: Warehouse) -> None:
    with held(warehouse, "pipeline", DAY, CALLER) as row:
        row.close("SUCCESS")


def stop_between_batches(warehouse: Warehouse, number: Callable[[], int]) -> Callable[..., None]:
    """Progress as the warehouse reports it, after somebody has asked to stop."""
    report = warehouse._report_progress

    def reported(*arguments: object) -> None:
        with warehouse.writing() as connection:
            queue.stop(connection, number())
        report(*arguments)

    return reported


@pytest.mark.parametrize("asked_by", ["load", "umbrella"])
@pytest.mark.parametrize("database_url", ["mariadb", "postgresql"], indirect=True)
def test_a_stop_in_the_middle_of_a_load_leaves_the_old_day(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, asked_by: str
) -> None:
    """SQLite has one writer: there a request to stop waits for the load that writes, and is seen by the next one."""
    load(warehouse, {1: 10})
    with held(warehouse, "pipeline", DAY, CALLER) as row:
        warehouse.umbrella = row
        opened = warehouse.loading("activity_counts", tables.activity_counts, DAY, Caller("cli", "run-1"), 500)
        monkeypatch.setattr(
            warehouse,
            "_report_progress",
            stop_between_batches(warehouse, lambda: row.run if asked_by == "umbrella" else row.run + 1),
        )
        with pytest.raises(queue.StoppedError, match="nothing is half-loaded"), opened as opened_load:
            opened_load.replace(counts(dict.fromkeys(range(1, 1201), 3)))
        row.close("FAILED", "ended by its load")
    assert views_of(warehouse) == {1: 10}
    whole, part = sorted(runs(warehouse)[1:], key=lambda run: run["id"])
    assert (whole["status"], whole["error"]) == ("STOPPED" if asked_by == "umbrella" else "FAILED", whole["error"])
    assert (part["status"], part["live_key"]) == ("STOPPED", None)
    assert "Stopped on request" in part["reason"]


def test_a_stop_before_a_load_starts_nothing(warehouse: Warehouse) -> None:
    with held(warehouse, "pipeline", DAY, CALLER) as row:
        warehouse.umbrella = row
        with warehouse.writing() as connection:
            queue.stop(connection, row.run)
        with pytest.raises(queue.StoppedError):
            load(warehouse, {1: 10})
    assert [run["job_name"] for run in runs(warehouse)] == ["pipeline"]
    assert views_of(warehouse) == {}


def test_a_run_that_lasts_too_long_fails_with_the_setting_to_change(sqlite_warehouse: Warehouse) -> None:
    sqlite_warehouse.orders.limit = 0.0
    with pytest.raises(Exception, match=r"took longer than 0 s \(ETL_MAX_RUNTIME\)"):
        load(sqlite_warehouse, {1: 10})


def test_stopping_what_has_ended_changes_nothing_and_an_unknown_run_is_named(warehouse: Warehouse) -> None:
    load(warehouse, {1: 10})
    before = runs(warehouse)
    with warehouse.writing() as connection:
        assert queue.stop(connection, before[0]["id"]) == "SUCCESS"
        with pytest.raises(queue.UnknownRun, match="no run 4711"):
            queue.stop(connection, 4711)
    assert runs(warehouse) == before


def test_the_report_is_not_queued_before_both_counts_are_loaded(warehouse: Warehouse) -> None:
    load(warehouse, {1: 10})
    with pytest.raises(
        queue.WaitingForCounts, match="Waiting for ActivityCounts and UserCounts ETL to complete: user_counts of 2026"
    ):
        ask(warehouse, "main_etl")
    with warehouse.loading("user_counts", tables.user_counts, DAY, CALLER):
        pass
    ask(warehouse, "main_etl")
    assert runs(warehouse)[-1]["status"] == "QUEUED"


def test_the_states_of_the_scheduler_are_4_then_2_then_1_or_3(warehouse: Warehouse) -> None:
    for ending, code in (("SUCCESS", 1), ("FAILED", 3)):
        number = ask(warehouse)
        seen = [state(warehouse, number)]
        with held(warehouse, "pipeline", DAY, CALLER, number) as row:
            seen.append(state(warehouse, number))
            row.done = 4
            row.close(ending, "no room" if ending == "FAILED" else None)
        seen.append(state(warehouse, number))
        assert [(status, begun, ended) for status, begun, ended, _ in seen] == [
            (4, False, False), (2, True, False), (code, True, True),
        ]  # fmt: skip
        assert seen[-1][3] == ("no room" if ending == "FAILED" else None)


def state(warehouse: Warehouse, number: int) -> tuple[int, bool, bool, str | None]:
    """Code of log_scheduler, whether it has a start and an end, and its error."""
    query = sa.text("select status, start_date, end_date, error_details from log_scheduler where id = :id")
    with warehouse.reading() as connection:
        status, begun, ended, error = connection.execute(query, {"id": number}).one()
    return status, begun is not None, ended is not None, error


def test_a_lock_whose_connection_broke_does_not_fail_the_run(postgres_url: str) -> None:
    others = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> "
    with warehouse_at(postgres_url) as warehouse:
        lay_tables(warehouse)
        with held(warehouse, "pipeline", DAY, CALLER) as row:
            with warehouse_at(postgres_url) as other, other.reading() as connection:
                connection.execute(sa.text(others + "pg_backend_pid()"))
            warehouse.engine.dispose()
            row.done = 4
            row.close("SUCCESS")
        assert [run["status"] for run in runs(warehouse)] == ["SUCCESS"]


def test_every_job_that_can_be_requested_knows_its_steps() -> None:
    assert set(umbrella.STEPS) == set(queue.JOBS)
