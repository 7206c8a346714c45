"""The checks of the syncs, each on a warehouse that passes and on one that fails, through Dagster."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import sqlalchemy as sa

from lms_etl import clock
from lms_etl.activity import automation, sync_checks
from lms_etl.activity.assets import user_activity
from lms_etl.activity.sync_checks import Sync, behind_its_window, silent_too_long
from lms_etl.definitions import defs
from lms_etl.warehouse import receipts, registry, tables
from lms_etl_tests.activity.conftest import Etl, fill
from lms_etl_tests.activity.test_checks import evaluated
from lms_etl_tests.activity.test_guard import Clock

ONE_PAIR_EACH = True

NOW = "2026-03-24 12:00"
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
UTC_ZONE = ZoneInfo("UTC")


def ran(etl: Etl, job: str, status: str, ended: str, day: str | None = None, times: int = 1, **columns: Any) -> None:
    """Rows of the registry of runs that ended at a time, in UTC."""
    at = datetime.fromisoformat(ended)
    row = {"job_name": job, "target_date": date.fromisoformat(day) if day else None, "trigger": "schedule"}
    row |= {"status": status, "requested_at": at, "started_at": at, "completed_at": at, **columns}
    with etl.warehouse.writing() as connection:
        connection.execute(sa.insert(tables.etl_job_runs), [row] * times)


def loaded(etl: Etl, *days: str) -> None:
    """Receipts of days of every daily job, loaded at 02:00 of the next day."""
    with etl.warehouse.writing() as connection:
        for day in map(date.fromisoformat, days):
            at = datetime.combine(day + timedelta(days=1), datetime.min.time()).replace(hour=2)
            for job in sync_checks.DAILY:
                receipts.record(connection, job, day, 1, at, 10, None, UTC_ZONE)


def check(etl: Etl, name: str) -> dg.AssetCheckEvaluation:
    return evaluated(etl, name, "user_activity")


def test_the_last_run_of_a_step_that_failed_is_told_until_one_succeeds(etl: Etl) -> None:
    ran(etl, "activity_counts", "SUCCESS", "2026-03-22 02:00", "2026-03-21")
    assert check(etl, "last_sync_succeeded").passed
    ran(etl, "activity_counts", "FAILED", "2026-03-23 02:00:09", "2026-03-22", error="server\ngone", attempt=2)
    found = check(etl, "last_sync_succeeded")
    assert (found.passed, found.severity) == (False, ERROR)
    assert found.description == (
        "activity_counts of 2026-03-22, run 2, attempt 2, failed at 2026-03-23 02:00:09: server gone"
    )
    ran(etl, "activity_counts", "RUNNING", "2026-03-23 02:10", "2026-03-22")
    ran(etl, "activity_counts", "STOPPED", "2026-03-23 02:11", "2026-03-22")
    assert not check(etl, "last_sync_succeeded").passed
    ran(etl, "activity_counts", "SUCCESS", "2026-03-23 02:12", "2026-03-22")
    assert check(etl, "last_sync_succeeded").passed


def test_a_daily_sync_is_in_time_until_the_window_of_the_due_day_has_closed(small_etl: Etl, stand_at: Clock) -> None:
    loaded(small_etl, "2026-03-21", "2026-03-22")
    stand_at("2026-03-24 23:59:59")
    assert check(small_etl, "there_was_a_sync_in_time").passed
    stand_at("2026-03-25 00:00")
    found = check(small_etl, "there_was_a_sync_in_time")
    assert (found.passed, found.severity) == (False, ERROR)
    assert (
        "user_activity: the newest loaded day is 2026-03-22; 2026-03-23 had to be loaded by 2026-03-24 23:59:59 (UTC)"
        in found.description
    )


@pytest.mark.parametrize(
    ("zone", "now", "behind"),
    [
        ("UTC", "2026-03-25 00:00", True),
        ("Asia/Jakarta", "2026-03-24 16:59:59", False),
        ("Asia/Jakarta", "2026-03-24 17:00", True),
    ],
)
def test_whether_a_day_is_behind_is_decided_in_the_sites_zone(zone: str, now: str, behind: bool) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert (behind_its_window("user_activity", date(2026, 3, 22), moment, ZoneInfo(zone)) is not None) == behind


@pytest.mark.parametrize(
    ("tried", "done", "told"),
    [
        (None, None, None),
        ("10:00", "10:00", None),
        ("01:00", "09:59:59", "progress: the last success was at 2026-03-24 09:59:59, 2.0 hours ago; 2 may pass"),
        ("10:00", None, None),
        ("06:00", None, "progress: it never succeeded, and was first tried at 2026-03-24 06:00:00, 6.0 hours ago"),
    ],
)
def test_an_hourly_job_may_be_silent_for_two_hours(tried: str | None, done: str | None, told: str | None) -> None:
    moments = (datetime.fromisoformat(f"2026-03-24 {text}") if text else None for text in (tried, done))
    found = silent_too_long("progress", *moments, datetime(2026, 3, 24, 12, tzinfo=UTC), 2, UTC_ZONE)
    assert found == told if told is None else str(found).startswith(told)


def test_an_hourly_job_is_judged_by_its_last_success_in_the_registry(small_etl: Etl, stand_at: Clock) -> None:
    sync = Sync(user_activity, jobs=("progress",), hourly=("progress",))
    names = {key.name for key in sync_checks.keys_of(sync_checks.sync_checks(sync))}
    assert names == {"last_sync_succeeded", "there_was_a_sync_in_time", "few_runs_fail"}, "it has no daily window"
    ran(small_etl, "progress", "SUCCESS", "2026-03-24 10:00")
    ran(small_etl, "progress", "FAILED", "2026-03-24 11:00")
    stand_at("2026-03-24 12:00")
    assert sync_checks.there_was_a_sync_in_time(small_etl.warehouse, sync)[0] == []
    stand_at("2026-03-24 12:00:01")
    [told] = sync_checks.there_was_a_sync_in_time(small_etl.warehouse, sync)[0]
    assert told.startswith("progress: the last success was at 2026-03-24 10:00:00, 2.0 hours ago; 2 may pass")


@pytest.mark.parametrize(
    ("failed", "succeeded", "passed", "told"),
    [
        (1, 19, True, "1 of 20 runs failed in the last 24 hours."),
        (2, 18, False, "2 of 20 runs failed in the last 24 hours: 10.0%, 5% may"),
        (5, 14, True, "5 of 19 runs failed in the last 24 hours; fewer than 20 are not judged."),
        (0, 0, True, "0 of 0 runs failed in the last 24 hours; fewer than 20 are not judged."),
    ],
)
def test_more_than_five_in_a_hundred_failed_runs_of_a_day_warn(
    small_etl: Etl, stand_at: Clock, failed: int, succeeded: int, passed: bool, told: str
) -> None:
    stand_at(NOW)
    ran(small_etl, "user_counts", "FAILED", "2026-03-23 11:59:59", "2026-03-22", times=50)  # a second too old
    ran(small_etl, "another_system", "FAILED", "2026-03-24 11:00", "2026-03-22", times=50)
    for status, times in (("FAILED", failed), ("SUCCESS", succeeded)):
        if times:
            ran(small_etl, "user_counts", status, "2026-03-23 12:00", "2026-03-22", times=times)
    found = check(small_etl, "few_runs_fail")
    assert (found.passed, found.severity, found.description) == (passed, WARN, told)


def test_a_missed_window_is_told_until_its_day_is_loaded(small_etl: Etl, stand_at: Clock) -> None:
    stand_at(NOW)
    assert check(small_etl, "no_window_was_missed").description == "No watched window has closed."
    loaded(small_etl, "2026-03-19", "2026-03-20", "2026-03-22")
    with small_etl.warehouse.writing() as connection:
        receipts.record_miss(connection, "user_activity", date(2026, 3, 21), registry.utc_now(), "source down")
    found = check(small_etl, "no_window_was_missed")
    assert (found.passed, found.severity) == (False, ERROR)
    assert found.description == ("2026-03-21 was not loaded by 2026-03-22 23:59:59 and still is not (source down)")
    loaded(small_etl, "2026-03-21")
    found = check(small_etl, "no_window_was_missed")
    assert (found.passed, found.description) == (True, "Loaded: 2026-03-19 to 2026-03-22.")


def test_a_trial_of_an_old_day_makes_nobody_late(small_etl: Etl, stand_at: Clock) -> None:
    fill(small_etl.site)
    stand_at("2026-03-30 12:00")
    assert small_etl.run("2026-03-22").success
    for name in ("no_window_was_missed", "there_was_a_sync_in_time"):
        assert check(small_etl, name).passed, name


def test_a_window_that_nobody_recorded_is_missed_all_the_same(small_etl: Etl, stand_at: Clock) -> None:
    stand_at("2026-03-26 00:00")
    loaded(small_etl, "2026-03-22")
    told = check(small_etl, "no_window_was_missed").description
    assert told.split("; ") == [
        "2026-03-23 was not loaded by 2026-03-24 23:59:59 and still is not",
        "2026-03-24 was not loaded by 2026-03-25 23:59:59 and still is not",
    ]


def test_rows_that_drop_against_the_same_weekday_warn_with_both_numbers(small_etl: Etl, stand_at: Clock) -> None:
    """Half of the courses lose their category's number: the views stay, the rows of the report do not."""
    ids = fill(small_etl.site)
    science = small_etl.site.value("course", ids["algebra"], "category")
    for number in range(4):
        small_etl.site.course(f"MORE{number}", science)
    for day in ("2026-03-08", "2026-03-15"):
        assert small_etl.run(day).success
    assert small_etl.run("2026-03-22").success
    assert check(small_etl, "volume_is_as_on_the_same_weekday").passed
    with small_etl.warehouse.writing() as connection:
        rows = tables.user_activity
        connection.execute(sa.delete(rows).where(rows.c.extraction_date == date(2026, 3, 22), rows.c.total_views == 0))
    found = check(small_etl, "volume_is_as_on_the_same_weekday")
    assert (found.passed, found.severity) == (False, WARN)
    assert found.description == "2026-03-22: 1 rows, 6 are usual on a Sunday"


def test_with_the_asset_they_warn_only_since_what_the_run_loads_is_good(small_etl: Etl, stand_at: Clock) -> None:
    fill(small_etl.site)
    stand_at("2026-03-24 02:00")
    loaded(small_etl, "2026-03-19")
    result = small_etl.run("2026-03-23", trigger="schedule")
    assert result.success
    [missed] = [each for each in result.get_asset_check_evaluations() if each.check_name == "no_window_was_missed"]
    assert (missed.passed, missed.severity) == (False, WARN)


def test_the_hourly_job_evaluates_the_sync_checks_and_the_volume_and_loads_nothing(small_etl: Etl) -> None:
    result = small_etl.definitions.resolve_job_def("hourly_checks_job").execute_in_process(instance=small_etl.instance)
    assert result.success
    names = {each.check_name for each in result.get_asset_check_evaluations()}
    sentences = {sentence.__name__ for sentence in sync_checks.SENTENCES}
    assert names == sentences | {"volume_is_as_on_the_same_weekday"}
    assert small_etl.registry("user_activity") == []


def test_the_hourly_checks_run_by_themselves_every_full_hour_in_the_sites_zone() -> None:
    schedule = automation.hourly_checks_schedule
    assert schedule in list(defs.schedules or [])
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 * * * *", "UTC")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert clock.now().tzinfo is not None
