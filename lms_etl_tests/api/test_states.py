"""What the API says about runs: each documented word, whoever started them, with real durations."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lms_etl.warehouse import queue, registry, tables, umbrella
from lms_etl.warehouse.registry import Caller
from lms_etl_tests.api.conftest import Api
from lms_etl_tests.warehouse.rows import DAY, NEXT_DAY, counts

DATA = {"isRunning", "lastRun", "lastStatus", "currentStatus", "steps", "complete_through", "as_of"}


def status(api: Api) -> dict[str, Any]:
    told: dict[str, Any] = api.get("status").json()["data"]
    return told


def forget(api: Api) -> None:
    """A registry as on the first day."""
    with api.warehouse.writing() as connection:
        connection.execute(tables.etl_job_runs.delete())
        connection.execute(tables.etl_days.delete())


def test_before_anything_ran_nothing_is_started(api: Api) -> None:
    forget(api)
    told = status(api)
    assert set(told) == DATA
    assert (told["isRunning"], told["lastRun"], told["lastStatus"], told["currentStatus"]) == (
        False,
        None,
        "not_started",
        "not_started",
    )
    assert {step["status"] for step in told["steps"].values()} == {"not_started"}
    assert told["complete_through"] is None


def test_queued_running_completed_and_failed_are_each_told(api: Api) -> None:
    forget(api)
    number = api.post("run_pipeline", json={"date": str(DAY), "force": True}).json()["data"]["id"]
    told = status(api)
    assert (told["isRunning"], told["currentStatus"], told["lastStatus"]) == (False, "queued", "not_started")
    with umbrella.held(api.warehouse, "pipeline", DAY, Caller("sensor"), request=number) as row:
        told = status(api)
        assert (told["isRunning"], told["currentStatus"]) == (True, "running")
        assert told["steps"]["pipeline"]["status"] == "running"
        row.step_done()
        progress = api.get(f"runs/{number}").json()["data"]["progress"]
        assert progress == {"offset": 1, "numrow": 4, "percent": 25}
        row.close("SUCCESS")
    told = status(api)
    assert (told["isRunning"], told["currentStatus"], told["lastStatus"]) == (False, "completed", "completed")
    assert api.get(f"runs/{number}").json()["data"]["progress"]["percent"] == 100
    with umbrella.held(api.warehouse, "main_etl", DAY, Caller("cli")) as row:
        row.close("FAILED", "the disk is full")
    told = status(api)
    assert (told["currentStatus"], told["lastStatus"]) == ("failed", "failed")
    assert (told["steps"]["main_etl"]["error"], told["steps"]["main_etl"]["trigger"]) == ("the disk is full", "cli")
    assert told["steps"]["pipeline"]["status"] == "completed"


@pytest.mark.parametrize("trigger", ["cli", "schedule", "backfill", "api"])
def test_status_tells_of_runs_whoever_started_them(small_api: Api, trigger: str) -> None:
    with small_api.warehouse.loading("activity_counts", tables.activity_counts, DAY, Caller(trigger)) as load:
        assert status(small_api)["isRunning"]
        load.replace(counts({11: 5}))
    step = status(small_api)["steps"]["activity_counts"]
    assert (step["status"], step["trigger"], step["date"], step["numrow"]) == ("completed", trigger, str(DAY), 1)


def test_a_duration_is_end_minus_start(api: Api) -> None:
    with api.warehouse.writing() as connection:
        number = queue.request(connection, "pipeline", DAY, "api")
        began = registry.utc_now() - timedelta(seconds=90)
        change = tables.etl_job_runs.update().where(tables.etl_job_runs.c.id == number)
        connection.execute(change.values(status="RUNNING", started_at=began))
        queue.close(connection, number, "SUCCESS", at=began + timedelta(seconds=75.5))
    run = api.get(f"runs/{number}").json()["data"]
    assert run["duration_seconds"] == 75.5
    moments = [datetime.strptime(run[name], "%Y-%m-%d %H:%M:%S") for name in ("started_at", "completed_at")]  # noqa: DTZ007
    assert (moments[1] - moments[0]).total_seconds() in (75, 76)


def test_scheduler_data_has_the_documented_columns_and_codes(api: Api) -> None:
    forget(api)
    first = api.post("run_pipeline", json={"date": str(DAY), "force": True}).json()["data"]["id"]
    second = api.post("run_activity_counts", json={"date": str(NEXT_DAY), "force": True}).json()["data"]["id"]
    with umbrella.held(api.warehouse, "pipeline", DAY, Caller("sensor"), request=first) as row:
        told = api.get("scheduler_data").json()
        assert [(each["id"], each["status"]) for each in told["data"]] == [(second, 4), (first, 2)]
        row.close("FAILED", "no")
    today = datetime.now(tz=UTC).date()
    told = api.get("scheduler_data?limit=1000").json()
    assert told["data"][1]["status"] == 3
    assert told["data"][1]["error_details"] == "no"
    assert (told["data"][1]["offset"], told["data"][1]["numrow"]) == (0, 4)
    assert told["data"][1]["target_date"] == str(DAY)
    assert (told["current_date"], told["yesterday"]) == (str(today), str(today - timedelta(days=1)))
    assert api.get("scheduler").json()["data"] == api.get("scheduler_data").json()["data"]
    assert len(api.get("scheduler?limit=1").json()["data"]) == 1


def test_logs_walk_back_through_all_runs(api: Api) -> None:
    seen: list[int] = []
    offset = 0
    while True:
        page = api.get(f"logs?limit=2&offset={offset}").json()
        seen += [run["id"] for run in page["data"]]
        assert page["pagination"]["count"] == len(page["data"])
        if not page["pagination"]["has_more"]:
            break
        offset += 2
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == page["pagination"]["total_count"] == 3


def test_a_run_tells_of_the_loads_it_is_made_of(small_api: Api) -> None:
    caller = Caller("api", "dagster-run-1", "dagster-run-1")
    with umbrella.held(small_api.warehouse, "pipeline", DAY, caller) as row:
        with small_api.warehouse.loading("activity_counts", tables.activity_counts, DAY, caller) as load:
            load.replace(counts({11: 5}))
        row.close("SUCCESS")
    run = small_api.get(f"runs/{row.run}").json()["data"]
    assert [(step["job"], step["status"], step["rows"]["inserted"]) for step in run["steps"]] == [
        ("activity_counts", "completed", 1)
    ]
