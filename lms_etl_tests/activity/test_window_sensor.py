"""The window sensor: its decision over a table of cases, and its ticks on real databases and a real instance."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import sqlalchemy as sa

from lms_etl.activity import window_sensor
from lms_etl.activity.window import Rules, Seen, catch_up, first_stretch, judge
from lms_etl.databases import DatabaseProblem
from lms_etl.run_tags import FIRST_TAG, LAST_TAG
from lms_etl.warehouse import queue
from lms_etl_tests.activity.conftest import Etl, fill
from lms_etl_tests.activity.test_guard import Clock, last_runs, receipts

ONE_PAIR_EACH = True

DAY = date(2026, 3, 22)
UTC_ZONE = ZoneInfo("UTC")
RULES = Rules(attempts=3, pause=10, grace=30)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def failed(*times: str) -> dict[str, Any]:
    return {"failed": tuple(utc(f"2026-03-23 {time}") for time in times)}


CASES = [
    ("a met day is settled", {"settled": "met"}, "2026-03-23 03:00", "settled", "is met"),
    ("a missed day is settled", {"settled": "missed"}, "2026-03-30 03:00", "settled", "is missed"),
    ("the schedule's turn comes first", {}, "2026-03-23 00:00", "wait", "the sensor does at 02:30"),
    ("until half an hour after it", {}, "2026-03-23 02:29:59", "wait", "due and not loaded"),
    ("then the sensor starts the day", {}, "2026-03-23 02:30", "start", "no run of 2026-03-22 had started by 02:30"),
    ("also in the last second", {}, "2026-03-23 23:59:59", "start", "had started by 02:30"),
    ("a live run is left alone", {"live": "run 1"}, "2026-03-23 05:00", "wait", "is being loaded by run 1"),
    ("a failed run has its pause", failed("02:00"), "2026-03-23 02:09:59", "wait", "2 of 3 starts at 2026-03-23 02:10"),
    ("then it is tried again", failed("02:00"), "2026-03-23 02:10", "start", "attempt 2 of 3"),
    ("the next is longer", failed("02:00", "02:12"), "2026-03-23 02:31", "wait", "3 of 3 starts at 2026-03-23 02:32"),
    ("and ends too", failed("02:00", "02:12"), "2026-03-23 02:32", "start", "attempt 3 of 3"),
    ("no retry beside a live run", {**failed("02:00"), "live": "run 2"}, "2026-03-23 03:00", "wait", "run 2"),
    ("attempts are bounded", failed("02:00", "02:12", "02:40"), "2026-03-23 20:00", "wait", "etl pipeline 2026-03-22"),
    ("a closed window is missed", {}, "2026-03-24 00:00", "miss", "2026-03-23 23:59:59, nothing started it"),
    ("with its tries", {**failed("02:00"), "error": "down"}, "2026-03-24 00:00", "miss", "2026-03-23 02:00:00: down"),
    ("a live run may end", {"live": "run 3"}, "2026-03-24 00:29:59", "wait", "run 3"),
    ("but not for ever", {"live": "run 3"}, "2026-03-24 00:30", "miss", "ETL time window expired"),
    ("a day long past is missed", {}, "2026-05-01 00:00", "miss", "ETL time window expired: 2026-03-22"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("known", "now", "action", "told"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_what_the_sensor_does_about_a_day(known: dict[str, Any], now: str, action: str, told: str) -> None:
    step = judge(Seen(DAY, **known), UTC_ZONE, utc(now), RULES)
    assert (step.action, told in step.told) == (action, True), step


@pytest.mark.parametrize(
    ("zone", "day", "waits", "starts"),
    [
        ("Asia/Jakarta", DAY, "2026-03-22 19:29:59", "2026-03-22 19:30"),
        ("America/New_York", date(2026, 3, 7), "2026-03-08 07:29:59", "2026-03-08 07:30"),  # there is no 02:30
        ("America/New_York", date(2026, 10, 31), "2026-11-01 07:29:59", "2026-11-01 07:30"),
    ],
)
def test_the_sensors_turn_comes_by_the_sites_clock_also_when_it_changes(
    zone: str, day: date, waits: str, starts: str
) -> None:
    assert judge(Seen(day), ZoneInfo(zone), utc(waits), RULES).action == "wait"
    assert judge(Seen(day), ZoneInfo(zone), utc(starts), RULES).action == "start"


def days(*numbers: int) -> list[date]:
    return [date(2026, 3, number) for number in numbers]


@pytest.mark.parametrize(
    ("missed", "live", "failures", "now", "action", "told"),
    [
        ([], None, (), "2026-03-23 01:00", "settled", "No missed day"),
        (days(18, 19, 20), None, (), "2026-03-23 01:00", "start", "2026-03-18 to 2026-03-20"),
        (days(18, 20), None, (), "2026-03-23 01:00", "start", "catching up the missed 2026-03-18"),
        (days(18), "run 4", (), "2026-03-23 01:00", "wait", "run 4 is at work"),
        (days(18, 19), None, ("01:00",), "2026-03-23 01:09", "wait", "attempt 2 of 3 at 2026-03-23 01:10"),
        (days(18, 19), None, ("01:00",), "2026-03-23 01:10", "start", "2026-03-18 to 2026-03-19"),
        (days(18, 19), None, ("01:00", "01:11", "01:40"), "2026-03-25 01:10", "wait", "etl backfill --from 2026-03-18"),
    ],
)  # fmt: skip
def test_what_the_sensor_does_about_missed_days(
    missed: list[date], live: str | None, failures: tuple[str, ...], now: str, action: str, told: str
) -> None:
    ended = [utc(f"2026-03-23 {time}") for time in failures]
    step = catch_up(missed, live, ended, UTC_ZONE, utc(now), RULES)
    assert (step.action, told in step.told) == (action, True), step


def test_the_first_stretch_ends_at_the_first_gap() -> None:
    assert first_stretch(days(1, 2, 3, 5, 6)) == (date(2026, 3, 1), date(2026, 3, 3))
    assert first_stretch([]) is None


class Ticks:
    """Ticks of the sensor, one after the other, each with the cursor of the one before."""

    def __init__(self, etl: Etl, **settings: Any) -> None:
        self.etl, self.cursor = etl, None
        etl.warehouse.settings = etl.warehouse.settings.model_copy(update=settings)

    def __call__(self) -> dg.SensorResult:
        context = dg.build_sensor_context(
            instance=self.etl.instance,
            cursor=self.cursor,
            resources={"warehouse": self.etl.warehouse},
            definitions=self.etl.definitions,
        )
        data = window_sensor.window_sensor.evaluate_tick(context)
        self.cursor = data.cursor
        return data

    def run(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """The run that Dagster makes of a request."""
        job = self.etl.definitions.resolve_job_def("user_activity_job")
        return job.execute_in_process(
            instance=self.etl.instance,
            raise_on_error=False,
            run_config=request.run_config,
            tags={**request.tags, "dagster/run_key": request.run_key},
            **({"partition_key": request.partition_key} if request.partition_key else {}),
        )


def outage(_day: object) -> None:
    raise DatabaseProblem("Failed to connect to database: the server does not answer (MOODLE_DATABASE_URL=…)")


def test_a_new_installation_reports_no_missed_day_and_starts_yesterday(small_etl: Etl, stand_at: Clock) -> None:
    stand_at("2026-03-23 01:00")
    tick = Ticks(small_etl)
    skipped = tick()
    assert not skipped.run_requests
    assert (
        "2026-03-22 is due and not loaded; unless a run starts before, the sensor does at 02:30" in skipped.skip_message
    )
    assert receipts(small_etl) == {}
    stand_at("2026-03-23 02:31")
    [request] = tick().run_requests
    assert (request.partition_key, request.run_key) == ("2026-03-22", "2026-03-22/1/not-started")


def test_a_day_that_was_tried_long_ago_does_not_begin_the_watch(small_etl: Etl, stand_at: Clock) -> None:
    fill(small_etl.site)
    stand_at("2026-03-23 01:00")
    assert small_etl.run("2026-01-05").success
    tick = Ticks(small_etl)
    tick()
    assert [receipt.state for receipt in receipts(small_etl).values()] == ["late"]
    assert json.loads(tick.cursor) == {"settled_through": "2026-03-21"}


def test_before_the_first_day_of_the_site_is_over_there_is_nothing_to_do(small_etl: Etl, stand_at: Clock) -> None:
    stand_at("2026-03-22 12:00")
    tick = Ticks(small_etl, start_date=DAY)
    assert not tick().run_requests
    stand_at("2026-03-23 02:31")
    assert [request.partition_key for request in tick().run_requests] == ["2026-03-22"]


def test_a_failed_day_is_retried_with_a_new_key_until_its_attempts_are_used(
    etl: Etl, stand_at: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster stamps the end of a run with its own clock: the day is the real yesterday, and there is no pause."""
    fill(etl.site)
    tick = Ticks(etl, window_pause=0, window_attempts=3)
    today = datetime.now(tz=UTC).date()
    day = today - timedelta(days=1)
    stand_at(f"{today} 23:59:59")
    keys: list[str] = []
    with monkeypatch.context() as down:
        down.setattr(etl.moodle, "activity_counts", outage)
        for _ in range(3):
            [request] = tick().run_requests
            keys.append(request.run_key)
            assert not tick.run(request).success
        told = tick().skip_message
    assert keys == [f"{day}/1/not-started", f"{day}/2/failed", f"{day}/3/failed"]
    assert "No more attempts (LMS_ETL_WINDOW_ATTEMPTS=3)" in told
    assert "Failed to connect to database" in told


def test_a_retry_that_succeeds_settles_the_day(small_etl: Etl, stand_at: Clock) -> None:
    fill(small_etl.site)
    stand_at("2026-03-23 02:31")
    tick = Ticks(small_etl)
    [request] = tick().run_requests
    assert tick.run(request).success
    assert receipts(small_etl)["2026-03-22"].state == "met"
    assert last_runs(small_etl)[-1].reason == "no run of 2026-03-22 had started by 02:30"
    skipped = tick()
    assert "Every day up to 2026-03-22 is settled. Next look in 2 minutes." in skipped.skip_message
    assert json.loads(tick.cursor) == {"settled_through": "2026-03-22"}


def test_a_day_is_not_started_beside_a_live_run_of_the_registry(small_etl: Etl, stand_at: Clock) -> None:
    stand_at("2026-03-23 03:00")
    with small_etl.warehouse.writing() as connection:
        queue.request(connection, "pipeline", DAY, "api")
    told = Ticks(small_etl)().skip_message
    assert "2026-03-22 is being loaded by registry run 1 (pipeline, QUEUED)" in told
    stand_at("2026-03-23 03:11")
    assert len(Ticks(small_etl)().run_requests) == 1, "a row without a sign of life for ten minutes belongs to nobody"


@pytest.mark.parametrize(
    "tags", [{"dagster/partition": "2026-03-22"}, {FIRST_TAG: "2026-03-20", LAST_TAG: "2026-03-24"}]
)
def test_a_day_is_not_started_beside_a_live_run_in_dagster(
    small_etl: Etl, stand_at: Clock, tags: dict[str, str]
) -> None:
    stand_at("2026-03-23 03:00")
    job = small_etl.definitions.resolve_job_def("user_activity_job")
    run = small_etl.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
    assert f"2026-03-22 is being loaded by run {run.run_id[:8]}" in Ticks(small_etl)().skip_message


def test_a_closed_window_is_recorded_as_missed_exactly_once(etl: Etl, stand_at: Clock) -> None:
    stand_at("2026-03-23 12:00")
    tick = Ticks(etl, catch_up=False)
    tick()
    stand_at("2026-03-24 00:00:01")
    tick()
    before = tick.cursor
    tick.cursor = json.dumps({"settled_through": "2026-03-21"})
    tick()
    assert tick.cursor == before
    reason = "ETL time window expired: 2026-03-22 was not loaded by 2026-03-23 23:59:59, nothing started it"
    receipt = receipts(etl)["2026-03-22"]
    assert (receipt.state, receipt.reason, receipt.run_id) == ("missed", reason, None)
    assert receipt.missed_at == datetime(2026, 3, 24, 0, 0, 1)  # noqa: DTZ001
    [row] = last_runs(etl)
    assert (row.status, row.trigger, row.error, row.late, row.live_key) == ("MISSED", "sensor", reason, 1, None)


def test_after_an_outage_of_days_each_is_recorded_and_one_run_loads_exactly_them_in_order(
    etl: Etl, stand_at: Clock
) -> None:
    fill(etl.site)
    stand_at("2026-03-20 02:00")
    assert etl.run("2026-03-19", trigger="schedule").success
    tick = Ticks(etl)
    assert not tick().run_requests
    stand_at("2026-03-24 01:00")  # the windows of the 20th to the 22nd have closed, that of the 23rd is open
    [request] = tick().run_requests
    assert {day: receipt.state for day, receipt in receipts(etl).items()} == {
        "2026-03-19": "met", "2026-03-20": "missed", "2026-03-21": "missed", "2026-03-22": "missed",
    }  # fmt: skip
    assert json.loads(tick.cursor) == {"settled_through": "2026-03-22"}
    assert (request.tags[FIRST_TAG], request.tags[LAST_TAG]) == ("2026-03-20", "2026-03-22")
    assert tick.run(request).success
    assert etl.registry("user_activity") == [
        ("2026-03-19", "SUCCESS"), ("2026-03-20", "MISSED"), ("2026-03-21", "MISSED"), ("2026-03-22", "MISSED"),
        ("2026-03-20", "SUCCESS"), ("2026-03-21", "SUCCESS"), ("2026-03-22", "SUCCESS"),
    ]  # fmt: skip
    assert {(row.trigger, row.late) for row in last_runs(etl)[-3:]} == {("backfill", 1)}
    assert {receipt.state for day, receipt in receipts(etl).items() if day > "2026-03-19"} == {"late"}
    assert not tick().run_requests


def test_a_catch_up_stops_at_the_day_that_fails_and_goes_on_from_there(
    small_etl: Etl, stand_at: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(small_etl.site)
    stand_at("2026-03-24 01:00")
    tick = Ticks(small_etl)
    tick.cursor = json.dumps({"settled_through": "2026-03-19"})
    [request] = tick().run_requests
    read = small_etl.moodle.activity_counts
    with monkeypatch.context() as down:
        down.setattr(
            small_etl.moodle, "activity_counts", lambda day: outage(day) if day.key > "2026-03-20" else read(day)
        )
        assert not tick.run(request).success
    states = {day: receipt.state for day, receipt in receipts(small_etl).items()}
    assert states == dict.fromkeys(["2026-03-20", "2026-03-21", "2026-03-22"], "missed"), "the report comes last"
    loaded = receipts(small_etl, "activity_counts")
    assert list(loaded) == ["2026-03-20"]


def test_missed_days_wait_for_a_person_where_catching_up_is_off(small_etl: Etl, stand_at: Clock) -> None:
    stand_at("2026-03-24 01:00")
    tick = Ticks(small_etl, catch_up=False)
    tick.cursor = json.dumps({"settled_through": "2026-03-20"})
    assert not tick().run_requests
    assert [receipt.state for receipt in receipts(small_etl).values()] == ["missed", "missed"]


def test_a_lost_cursor_goes_on_after_the_last_watched_day(small_etl: Etl, stand_at: Clock) -> None:
    stand_at("2026-03-20 12:00")
    fill(small_etl.site)
    assert small_etl.run("2026-03-19").success
    stand_at("2026-03-23 12:00")
    tick = Ticks(small_etl, catch_up=False)
    tick()
    assert json.loads(tick.cursor) == {"settled_through": "2026-03-21"}
    assert [receipt.state for receipt in receipts(small_etl).values()] == ["met", "missed", "missed"]


def test_a_long_outage_is_worked_off_in_ticks_of_bounded_length(
    small_etl: Etl, stand_at: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window_sensor, "DAYS_PER_TICK", 3)
    stand_at("2026-03-24 01:00")
    tick = Ticks(small_etl, catch_up=False)
    tick.cursor = json.dumps({"settled_through": "2026-03-15"})
    settled = []
    for _ in range(4):
        tick()
        settled.append(json.loads(tick.cursor)["settled_through"])
    assert settled == ["2026-03-18", "2026-03-21", "2026-03-22", "2026-03-22"]


def test_a_missed_row_reads_as_failed_with_its_error_under_the_documented_names(etl: Etl, stand_at: Clock) -> None:
    stand_at("2026-03-24 01:00")
    tick = Ticks(etl, catch_up=False)
    tick.cursor = json.dumps({"settled_through": "2026-03-21"})
    tick()
    with etl.warehouse.reading() as connection:
        query = sa.text("select batch_name, status, error_details from log_scheduler")
        [(name, status, error)] = connection.execute(query)
    assert (name, status) == ("user_activity", 3)
    assert error.startswith("ETL time window expired")
