"""The queue from the command line: queue, stop, compete, and catch up on missed days."""

import re
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

from lms_etl.settings import Settings
from lms_etl.warehouse import schema, umbrella
from lms_etl.warehouse.registry import Caller
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.test_cli import DAY, Shell, said, shell  # noqa: F401
from lms_etl_tests.warehouse.rows import load, runs, views_of


def warehouse_of(shell: Shell) -> Warehouse:  # noqa: F811
    """The warehouse of a shell, with its tables."""
    opened = Warehouse(Settings(warehouse_database_url=shell.environ["WAREHOUSE_DATABASE_URL"]))
    schema.migrate(opened)
    return opened


def test_a_request_is_queued_shown_refused_twice_and_taken_back(shell: Shell) -> None:  # noqa: F811
    with closing(warehouse_of(shell)) as warehouse:
        queued = shell("user_activity_etl", "pipeline", DAY, "--queue", "--force")
        assert queued.returncode == 0
        [number] = re.findall(r"Queued as run (\d+): pipeline of 2026-03-22\.", said(queued))
        assert "The Dagster daemon starts it; it must run" in said(queued)
        assert f"stop {number}` takes it back" in said(queued)
        status = said(shell("user_activity_etl", "status"))
        assert re.search(r"pipeline queued 2026-03-22 cli .* main_etl not_started", status), status

        for again in (("--queue",), ()):
            refused = shell("user_activity_etl", "pipeline", DAY, "--force", *again)
            assert refused.returncode == 1
            assert len(refused.stderr.strip().splitlines()) == 1
            assert "ETL process is already running: pipeline of 2026-03-22" in said(refused)
        waiting = shell("user_activity_etl", "main_etl", DAY, "--queue", "--force")
        assert waiting.returncode == 1
        assert "Waiting for ActivityCounts and UserCounts ETL to complete" in said(waiting)

        assert f"Run {number} is stopped" in said(shell("user_activity_etl", "stop"))
        assert [(run["id"], run["status"]) for run in runs(warehouse)] == [(int(number), "STOPPED")]
        nothing = shell("user_activity_etl", "stop")
        assert (nothing.returncode, said(nothing).strip()) == (1, "Error: No run is queued or running.")
        assert shell("user_activity_etl", "stop", "yesterday").returncode == 2
        assert "no run 4711" in said(shell("user_activity_etl", "stop", "4711"))


def test_a_day_that_is_running_elsewhere_is_refused_in_one_line_and_runs_afterwards(shell: Shell) -> None:  # noqa: F811
    with closing(warehouse_of(shell)) as warehouse:
        with umbrella.held(warehouse, "pipeline", date.fromisoformat(DAY), Caller("schedule")):
            refused = shell("user_activity_etl", "pipeline", DAY, "--force")
        assert refused.returncode == 1
        assert refused.stdout == ""
        assert refused.stderr.startswith("Error: ETL process is already running: pipeline of 2026-03-22")
        assert len(refused.stderr.strip().splitlines()) == 1
        result = shell("user_activity_etl", "pipeline", DAY, "--force")
        assert result.returncode == 0, said(result)
        told = [(run["job_name"], run["trigger"], run["status"]) for run in runs(warehouse)]
        assert told[:2] == [("pipeline", "schedule", "FAILED"), ("pipeline", "cli", "SUCCESS")]
        assert {status for *_, status in told[2:]} == {"SUCCESS"}


def test_after_three_missed_days_one_run_loads_exactly_those_in_order(shell: Shell) -> None:  # noqa: F811
    today = datetime.now(tz=UTC).date()
    missed = [str(today - timedelta(days=back)) for back in (3, 2, 1)]
    shell.environ["LMS_ETL_START_DATE"] = str(today - timedelta(days=6))
    with closing(warehouse_of(shell)) as warehouse:
        assert shell("backfill", "--to", str(today - timedelta(days=4))).returncode == 0
        before = len(runs(warehouse))
        result = shell("backfill")
        assert result.returncode == 0, said(result)
        new = runs(warehouse)[before:]
        assert len({run["dagster_run_id"] for run in new}) == 1
        for job in ("activity_counts", "user_counts", "user_activity"):
            assert [str(run["target_date"]) for run in new if run["job_name"] == job] == missed
        assert "Nothing to load: no day of the 31" in said(shell("backfill"))
        assert len(runs(warehouse)) == before + len(new)


def test_facts_are_counted_first_and_deleted_only_when_told_so_twice(shell: Shell) -> None:  # noqa: F811
    with closing(warehouse_of(shell)) as warehouse:
        load(warehouse, {1: 10, 2: 20})
        counted = shell("purge", "--before", "2026-03-23")
        assert counted.returncode == 0
        assert "activity_counts_etl: 2 rows before 2026-03-23" in said(counted)
        assert "Nothing was deleted. Add --yes" in said(counted)
        assert views_of(warehouse) == {1: 10, 2: 20}
        assert "Deleted." in said(shell("purge", "--before", "2026-03-23", "--yes"))
        assert views_of(warehouse) == {}
