"""Asking for runs over HTTP: what is queued, what is refused and how, stopping, and clearing a day."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from lms_etl import clock
from lms_etl.warehouse import orders, queue, registry, tables, umbrella
from lms_etl.warehouse.locks import locked
from lms_etl.warehouse.registry import Caller
from lms_etl_tests.api.conftest import Api
from lms_etl_tests.warehouse.rows import DAY, NEXT_DAY, counts, people, runs, stored

TRIGGERS = {
    "run_pipeline": "pipeline",
    "run_activity_counts": "activity_counts",
    "run_user_counts": "user_counts",
    "run_main_etl": "main_etl",
}
OTHER_DAY = date(2026, 4, 2)
DATE = str(OTHER_DAY)


@pytest.fixture(autouse=True)
def while_the_window_is_open(stand_at: Callable[[str], datetime]) -> None:
    """The day after OTHER_DAY, at noon."""
    stand_at("2026-04-03 12:00")


def load_counts(api: Api, day: date) -> None:
    """Both counts of a day, as main_etl needs them."""
    for job, table, rows in (
        ("activity_counts", tables.activity_counts, counts({11: 5, 12: 6})),
        ("user_counts", tables.user_counts, people({11: 3})),
    ):
        with api.warehouse.loading(job, table, day, Caller("cli")) as load:
            load.replace(rows)


@pytest.mark.parametrize("path", TRIGGERS)
def test_a_trigger_queues_its_job_and_answers_at_once(api: Api, path: str) -> None:
    load_counts(api, OTHER_DAY)
    answer = api.post(path, json={"date": str(OTHER_DAY), "reason": "month's end"})
    assert answer.status_code == 202, answer.text
    told = answer.json()
    number = told["data"]["id"]
    assert told == {
        "status": True,
        "message": f"Queued {TRIGGERS[path]} of {OTHER_DAY} as run {number}",
        "data": {
            "id": number,
            "job": TRIGGERS[path],
            "date": str(OTHER_DAY),
            "status": "queued",
            "url": f"/api/user_activity_etl/runs/{number}",
        },
        "request_date": str(OTHER_DAY),
        "current_date": str(clock.now().date()),
    }
    assert answer.headers["location"] == told["data"]["url"]
    newest = runs(api.warehouse)[-1]
    assert (newest["id"], newest["job_name"], newest["status"], newest["trigger"], newest["reason"]) == (
        number,
        TRIGGERS[path],
        "QUEUED",
        "api",
        "month's end",
    )
    run = api.get(f"runs/{number}").json()["data"]
    assert (run["status"], run["state"], run["progress"]["percent"]) == ("queued", "QUEUED", 0)


@pytest.mark.parametrize(
    "body",
    [
        {"json": {}},
        {"content": b""},
        {"json": {"date": None}},
        {"data": {}},
    ],
)
def test_a_date_left_out_is_yesterday_at_the_site(make_api: Callable[..., Api], sqlite_url: str, body: Any) -> None:
    api = make_api(sqlite_url, timezone="Pacific/Kiritimati")
    now = clock.now().astimezone(ZoneInfo("Pacific/Kiritimati")).date()
    told = api.post("run_pipeline", **body).json()
    assert (told["request_date"], told["current_date"]) == (str(now - timedelta(days=1)), str(now))


def test_a_date_may_be_a_form_field(small_api: Api) -> None:
    for path, body in (
        ("run_pipeline", {"data": {"date": DATE}}),
        ("run_user_counts", {"files": {"date": (None, DATE)}}),
    ):
        answer = small_api.post(path, **body)
        assert (answer.status_code, answer.json().get("request_date")) == (202, DATE), answer.text


BAD_BODIES: list[tuple[dict[str, Any], str]] = [
    *(
        ({"json": {"date": value}}, "date")
        for value in ("2024-02-30", "2024-13-01", "20260322", "2026-03-22T00:00", "", "x", 5, [], {}, "' or 1=1 --")
    ),
    ({"data": {"date": "2024-02-30"}}, "date"),
    ({"content": b"{"}, "body"),
    ({"content": b"[]"}, "body"),
    ({"content": b"null"}, "body"),
    ({"content": b"\xff\xfe"}, "body"),
    ({"content": b"[" * 9000}, "body"),
    ({"json": {"day": "2026-03-22"}}, "day"),
    ({"json": {"force": "yes"}}, "force"),
    ({"json": {"reason": "zero\x00byte"}}, "reason"),
    ({"content": b'{"reason": "\\ud800"}'}, "reason"),
    ({"json": {"reason": "x" * 501}}, "reason"),
]


@pytest.mark.parametrize(("body", "parameter"), BAD_BODIES, ids=lambda value: str(value)[:40])
def test_a_body_that_cannot_be_used_is_400_and_queues_nothing(
    small_api: Api, body: dict[str, Any], parameter: str
) -> None:
    before = len(runs(small_api.warehouse))
    for path in (*TRIGGERS, "clear", "clean_data"):
        answer = small_api.post(path, **body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_parameter"), path
        assert answer.json()["error"]["detail"][0]["parameter"] == parameter
    assert len(runs(small_api.warehouse)) == before


def test_a_body_of_a_megabyte_is_refused_before_it_is_read(small_api: Api) -> None:
    answer = small_api.post("run_pipeline", content=b" " * 1_000_000)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_a_day_that_is_not_over_or_before_the_first_one_is_422(small_api: Api) -> None:
    tomorrow = datetime.now(tz=UTC).date() + timedelta(days=1)
    for day, part in ((tomorrow, "is not over at the site"), (date(2024, 12, 31), "LMS_ETL_START_DATE")):
        answer = small_api.post("run_pipeline", json={"date": str(day)})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "day_not_runnable")
        assert part in answer.json()["error"]["detail"]


def test_twenty_calls_at_once_queue_one_run(api: Api) -> None:
    together = Barrier(20)

    def call(_number: int) -> Any:
        together.wait(20)
        return api.post("run_pipeline", json={"date": str(OTHER_DAY)})

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(call, range(20)))
    assert sorted(answer.status_code for answer in answers) == [202] + 19 * [409]
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["message"] == "ETL process is already running"
            assert answer.json()["error"] == {"code": "already_running", "detail": f"pipeline of {OTHER_DAY}"}
    queued = [run for run in runs(api.warehouse) if run["job_name"] == "pipeline"]
    assert [run["status"] for run in queued] == ["QUEUED"]


def test_a_run_that_is_under_way_elsewhere_is_409(small_api: Api) -> None:
    with umbrella.held(small_api.warehouse, "pipeline", OTHER_DAY, Caller("schedule")) as row:
        assert small_api.post("run_pipeline", json={"date": str(OTHER_DAY)}).status_code == 409
        row.close("SUCCESS")
    assert small_api.post("run_pipeline", json={"date": str(OTHER_DAY)}).status_code == 202


def test_the_report_waits_for_both_counts(api: Api) -> None:
    answer = api.post("run_main_etl", json={"date": str(OTHER_DAY)})
    assert answer.status_code == 409
    assert answer.json()["message"] == "Waiting for ActivityCounts and UserCounts ETL to complete"
    assert answer.json()["error"]["code"] == "waiting_for_counts"
    assert f"activity_counts of {OTHER_DAY}" in answer.json()["error"]["detail"]
    load_counts(api, OTHER_DAY)
    assert api.post("run_main_etl", json={"date": str(OTHER_DAY)}).status_code == 202


def test_a_closed_window_is_409_and_force_passes_it(
    make_api: Callable[..., Api], sqlite_url: str, stand_at: Callable[[str], datetime]
) -> None:
    api = make_api(sqlite_url, timezone="Asia/Jakarta")
    stand_at("2026-04-03 17:00")  # midnight in Jakarta
    answer = api.post("run_pipeline", json={"date": DATE})
    assert (answer.status_code, answer.json()["message"]) == (409, "ETL time window expired")
    assert answer.json()["error"]["code"] == "time_window_expired"
    assert "2026-04-03 23:59:59" in answer.json()["error"]["detail"]
    assert api.post("run_pipeline", json={"date": DATE, "force": True}).status_code == 202
    assert runs(api.warehouse)[-1]["forced"] == 1


def test_a_queued_run_is_stopped_and_stopping_again_changes_nothing(api: Api) -> None:
    number = api.post("run_pipeline", json={"date": str(OTHER_DAY)}).json()["data"]["id"]
    answer = api.post(f"runs/{number}/stop")
    assert (answer.status_code, answer.json()["data"]["state"]) == (200, "STOPPED")
    assert answer.json()["data"]["reason"] == "stopped by admin"
    again = api.post(f"runs/{number}/stop")
    assert (again.status_code, again.json()["message"]) == (200, "The run is stopped")
    assert api.post("run_pipeline", json={"date": str(OTHER_DAY)}).status_code == 202


def test_a_running_run_is_asked_to_stop_and_rolls_back(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "LOOK_EVERY_SECONDS", 0)
    numbers: list[int] = []

    def run() -> None:
        caller = Caller("api", "run-1")
        with api.warehouse.loading("activity_counts", tables.activity_counts, OTHER_DAY, caller) as load:
            numbers.append(load.run)
            answer = api.post(f"runs/{load.run}/stop")
            assert (answer.status_code, answer.json()["data"]["state"]) == (200, "RUNNING")
            assert "asked to stop" in answer.json()["message"]
            load.replace(counts({11: 5}))

    with pytest.raises(queue.StoppedError):
        run()
    assert api.get(f"runs/{numbers[0]}").json()["data"]["state"] == "STOPPED"
    assert stored(api.warehouse) == []


def test_a_request_that_waits_too_long_for_sqlites_one_writer_is_503(
    small_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_api.warehouse.engine.dispose()
    monkeypatch.setattr("lms_etl.api.served.SQLITE_PATIENCE_SECONDS", 0.2)
    with small_api.warehouse.writing():
        answer = small_api.post("run_pipeline", json={"date": str(OTHER_DAY)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
    assert int(answer.headers["retry-after"]) > 0
    assert small_api.post("run_pipeline", json={"date": str(OTHER_DAY)}).status_code == 202


@pytest.mark.parametrize("number", ["4711", str(2**53 - 1)])
def test_a_run_that_is_not_there_is_404(small_api: Api, number: str) -> None:
    for answer in (small_api.get(f"runs/{number}"), small_api.post(f"runs/{number}/stop")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_run")


@pytest.mark.parametrize("number", ["0", "-1", "x", "1_0", " 1", "99999999999999999999", "1.0"])
def test_what_is_no_number_of_a_run_is_400(small_api: Api, number: str) -> None:
    assert small_api.get(f"runs/{number}").status_code == 400


def test_clear_removes_the_report_of_the_day_and_nothing_else(api: Api) -> None:
    load_counts(api, DAY)
    answer = api.post("clear", json={"date": str(DAY)})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["affected_rows"], answer.json()["tables"]) == (5, {"user_activity_etl": 5})
    left = [row["extraction_date"] for row in stored(api.warehouse, tables.user_activity)]
    assert left == 5 * [NEXT_DAY]
    assert len(stored(api.warehouse)) == 2
    newest = runs(api.warehouse)[-1]
    assert (newest["job_name"], newest["rows_deleted"], newest["reason"]) == ("user_activity", 5, "cleared by admin")


def test_clean_data_removes_all_three_and_the_report_waits_again(api: Api) -> None:
    load_counts(api, DAY)
    load_counts(api, NEXT_DAY)
    answer = api.post("clean_data", data={"date": str(DAY)})
    assert answer.json()["tables"] == {"activity_counts_etl": 2, "user_counts_etl": 1, "user_activity_etl": 5}
    assert answer.json()["affected_rows"] == 8
    for table in (tables.activity_counts, tables.user_counts, tables.user_activity):
        assert {row["extraction_date"] for row in stored(api.warehouse, table)} == {NEXT_DAY}
    assert (
        api.post("run_main_etl", json={"date": str(DAY), "force": True}).json()["error"]["code"] == "waiting_for_counts"
    )
    assert api.post("run_main_etl", json={"date": str(NEXT_DAY), "force": True}).status_code == 202


def test_clearing_twice_affects_nothing_the_second_time(small_api: Api) -> None:
    assert [small_api.post("clear", json={"date": str(DAY)}).json()["affected_rows"] for _ in range(2)] == [5, 0]


def test_a_day_must_be_named_to_be_cleared(small_api: Api) -> None:
    for path in ("clear", "clean_data"):
        assert small_api.post(path).status_code == 400
    assert len(stored(small_api.warehouse, tables.user_activity)) == 10


def test_a_day_with_a_live_run_is_not_cleared(api: Api) -> None:
    number = api.post("run_pipeline", json={"date": str(DAY), "force": True}).json()["data"]["id"]
    answer = api.post("clear", json={"date": str(DAY)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "already_running")
    assert api.post("clear", json={"date": str(NEXT_DAY)}).status_code == 200
    api.post(f"runs/{number}/stop")
    with api.warehouse.engine.connect() as other, locked(other, registry.live_key("user_counts", DAY)):
        assert api.post("clean_data", json={"date": str(DAY)}).status_code == 409
        assert len(stored(api.warehouse, tables.user_activity)) == 5
    assert api.post("clean_data", json={"date": str(DAY)}).status_code == 200


def test_a_clear_that_fails_half_way_removes_nothing(api: Api) -> None:
    load_counts(api, DAY)
    with api.warehouse.engine.begin() as connection:
        connection.execute(sa.text("drop view bi_days"))
        connection.execute(sa.text("drop table etl_days"))
    assert api.post("clean_data", json={"date": str(DAY)}).status_code in (500, 503)
    assert len(stored(api.warehouse)) == 2
    assert len(stored(api.warehouse, tables.user_activity)) == 10


def test_a_cleared_day_ends_the_snapshot_of_a_pull(api: Api) -> None:
    page = api.get(f"export?from={DAY}&to={NEXT_DAY}&limit=2").json()
    api.post("clear", json={"date": str(NEXT_DAY)})
    answer = api.get(f"export?cursor={page['next_cursor']}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "snapshot_changed")
    assert api.get("status").json()["data"]["complete_through"] == str(DAY)
