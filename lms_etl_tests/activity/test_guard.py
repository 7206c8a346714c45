"""Who may load a day when, through Dagster: the window's guard, finished days, and what late and forced days tell."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import sqlalchemy as sa

from lms_etl import clock
from lms_etl.day_guards import require_open_window
from lms_etl.days import last_complete_day, local_day
from lms_etl.run_tags import REASON_TAG, caller_of
from lms_etl.warehouse import registry, tables
from lms_etl_tests.activity.conftest import Etl, fill

ONE_PAIR_EACH = True

DAY, NEXT = "2026-03-22", "2026-03-23"
Clock = Callable[[str], datetime]


def receipts(etl: Etl, job: str = "user_activity") -> dict[str, Any]:
    """The receipts of a job by day."""
    with etl.warehouse.reading() as connection:
        rows = connection.execute(sa.select(tables.etl_days).where(tables.etl_days.c.job_name == job))
        return {str(row.target_date): row for row in rows}


def last_runs(etl: Etl, job: str = "user_activity") -> list[Any]:
    """The rows of the registry of a job, oldest first."""
    with etl.warehouse.reading() as connection:
        runs = tables.etl_job_runs
        return list(connection.execute(sa.select(runs).where(runs.c.job_name == job).order_by(runs.c.id)))


def refused(result: dg.ExecuteInProcessResult, step: str = "activity_counts") -> str:
    assert not result.success
    return result.failure_data_for_node(step).user_failure_data.description


@pytest.mark.parametrize("trigger", ["schedule", "sensor", "api", "cli", None])
@pytest.mark.parametrize(
    ("now", "accepted"),
    [("2026-03-23 00:00:00", True), ("2026-03-23 23:59:59", True), ("2026-03-24 00:00:00", False)],
)
def test_an_ordinary_run_is_accepted_in_the_window_only(
    small_etl: Etl, stand_at: Clock, trigger: str | None, now: str, accepted: bool
) -> None:
    fill(small_etl.site)
    stand_at(now)
    result = small_etl.run(DAY, job="activity_counts_job", trigger=trigger)
    if accepted:
        assert result.success
        assert receipts(small_etl, "activity_counts")[DAY].state == "met"
    else:
        assert refused(result).startswith(f"ETL time window expired: {DAY} could be loaded until 2026-03-23 23:59:59")
        assert small_etl.registry("activity_counts") == []


@pytest.mark.parametrize(("job", "step"), [("user_counts_job", "user_counts"), ("main_etl_job", "user_activity")])
def test_each_daily_step_has_the_guard(small_etl: Etl, stand_at: Clock, job: str, step: str) -> None:
    fill(small_etl.site)
    stand_at("2026-03-24 00:00")
    assert refused(small_etl.run(DAY, job=job, trigger=None), step).startswith("ETL time window expired")


@pytest.mark.parametrize("force", [False, True])
def test_a_day_that_is_not_over_is_refused_with_and_without_force(small_etl: Etl, stand_at: Clock, force: bool) -> None:
    stand_at("2026-03-22 23:59:59")
    told = refused(small_etl.run(DAY, job="activity_counts_job", force=force))
    assert f"{DAY} is not over at the site" in told


def test_force_loads_a_closed_day_and_marks_it_late_and_forced(etl: Etl, stand_at: Clock) -> None:
    fill(etl.site)
    stand_at("2026-03-25 10:00:30")
    assert etl.run(DAY, force=True, trigger="cli").success
    receipt, [run] = receipts(etl)[DAY], last_runs(etl)
    assert (receipt.state, receipt.margin_minutes, receipt.reason) == ("late", -2041, "loaded late by force")
    assert (run.late, run.forced, run.reason) == (1, 1, "loaded late by force")


@pytest.mark.parametrize(
    "how", [{"trigger": "backfill"}, {"last": "2026-03-24"}], ids=["a backfill of one day", "a range in the UI"]
)
def test_a_backfill_of_closed_days_is_late_and_of_the_open_one_met(
    small_etl: Etl, stand_at: Clock, how: dict[str, str]
) -> None:
    fill(small_etl.site)
    stand_at("2026-03-25 02:00")
    assert small_etl.run(DAY, **{"trigger": None, **how}).success
    states = {day: receipt.state for day, receipt in receipts(small_etl).items()}
    assert states == {DAY: "late", NEXT: "late", "2026-03-24": "met"} if "last" in how else {DAY: "late"}
    assert {(run.late, run.forced) for run in last_runs(small_etl) if str(run.target_date) == DAY} == {(1, 0)}
    assert {run.late for run in last_runs(small_etl) if str(run.target_date) == "2026-03-24"} <= {0}


def test_a_run_that_started_in_the_window_may_end_after_it_and_its_day_is_late(
    small_etl: Etl, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(small_etl.site)
    day = last_complete_day(ZoneInfo("UTC")).isoformat()
    tomorrow = clock.now() + timedelta(days=1)
    monkeypatch.setattr(clock, "now", lambda: tomorrow)
    assert small_etl.run(day, trigger="schedule").success  # Dagster itself says that it starts today
    assert receipts(small_etl)[day].state == "late"


def test_a_run_that_dagster_has_no_start_of_counts_from_now(stand_at: Clock) -> None:
    zone = ZoneInfo("UTC")
    run = SimpleNamespace(run_id="lost", root_run_id=None, tags={})
    context = SimpleNamespace(run=run, instance=SimpleNamespace(get_run_record_by_id=lambda _id: None))
    day = local_day(date(2026, 3, 22), zone)
    stand_at("2026-03-23 23:59:59")
    require_open_window(context, [day], zone)
    stand_at("2026-03-24 00:00:00")
    with pytest.raises(dg.Failure, match="ETL time window expired") as told:
        require_open_window(context, [day], zone)
    assert told.value.allow_retries is False


def test_loading_a_day_again_later_does_not_change_its_state(etl: Etl, stand_at: Clock) -> None:
    fill(etl.site)
    stand_at("2026-03-23 02:00:09")
    assert etl.run(DAY, trigger="schedule").success
    stand_at("2026-04-01 12:00")
    assert etl.run(DAY, force=True).success
    receipt = receipts(etl)[DAY]
    assert (receipt.state, receipt.margin_minutes, receipt.reason) == ("met", 1319, None)
    assert receipt.first_completed_at == datetime(2026, 3, 23, 2, 0, 9)  # noqa: DTZ001
    assert receipt.last_completed_at == datetime(2026, 4, 1, 12)  # noqa: DTZ001
    metadata = etl.materialized("user_activity")[DAY]
    assert (metadata["window_state"], metadata["window_margin_minutes"]) == ("met", 1319)


def test_every_daily_materialization_tells_state_and_margin(small_etl: Etl, stand_at: Clock) -> None:
    fill(small_etl.site)
    stand_at("2026-03-24 02:00")
    assert small_etl.run(DAY, NEXT).success
    for asset in ("activity_counts", "user_counts", "user_activity"):
        told = {
            day: (metadata["window_state"], metadata["window_margin_minutes"])
            for day, metadata in small_etl.materialized(asset).items()
        }
        assert told == {DAY: ("late", -121), NEXT: ("met", 1319)}, asset


@pytest.mark.parametrize("trigger", ["schedule", "sensor"])
def test_a_second_automatic_run_of_a_finished_day_is_skipped_with_its_reason(
    etl: Etl, stand_at: Clock, trigger: str
) -> None:
    fill(etl.site)
    stand_at("2026-03-23 02:00:09")
    assert etl.run(DAY, trigger="schedule").success
    before = etl.report()
    stand_at("2026-03-23 04:00")
    assert etl.run(DAY, trigger=trigger).success
    assert etl.report().equals(before)
    for step in ("activity_counts", "user_counts", "user_activity"):
        first, second = last_runs(etl, step)
        assert (second.status, second.trigger, second.live_key, second.error) == ("SKIPPED", trigger, None, None)
        assert second.reason == f"{DAY} was loaded at 2026-03-23 02:00:09 UTC by run {first.id}"
    assert etl.materialized("user_activity")[DAY]["skipped"] == f"loaded before by run {first.id}"


@pytest.mark.parametrize("trigger", ["cli", "api", None])
def test_a_person_may_load_a_finished_day_again_in_its_window(
    small_etl: Etl, stand_at: Clock, trigger: str | None
) -> None:
    fill(small_etl.site)
    stand_at("2026-03-23 02:00")
    for _ in range(2):
        assert small_etl.run(DAY, trigger=trigger).success
    assert small_etl.registry("user_activity") == [(DAY, "SUCCESS")] * 2


def test_a_day_whose_report_is_not_loaded_is_loaded_as_a_whole_again(small_etl: Etl, stand_at: Clock) -> None:
    """A check may have stopped the report because the counts were wrong."""
    fill(small_etl.site)
    stand_at("2026-03-23 02:00")
    assert small_etl.run(DAY, job="activity_counts_job", trigger="schedule").success
    assert small_etl.run(DAY, trigger="sensor").success
    assert small_etl.registry("activity_counts") == [(DAY, "SUCCESS")] * 2


def test_the_first_run_ever_extracts(small_etl: Etl, stand_at: Clock) -> None:
    fill(small_etl.site)
    stand_at("2026-03-23 02:00")
    assert small_etl.run(DAY, trigger="schedule").success
    assert small_etl.registry("user_activity") == [(DAY, "SUCCESS")]
    assert len(small_etl.report(DAY)) == 2


def test_the_reason_of_a_run_is_kept_in_the_registry() -> None:
    run = SimpleNamespace(run_id="1", root_run_id=None, tags={REASON_TAG: "attempt 2 of 3"})
    assert caller_of(SimpleNamespace(run=run)) == registry.Caller("ui", "1", "1", reason="attempt 2 of 3")
