"""The job of course progress as Dagster runs it: schedules, checks, and a run in which a company fails."""

from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from lms_etl.definitions import defs
from lms_etl.progress import automation
from lms_etl.sources import moodle_progress
from lms_etl.warehouse.tables import course_progress, progress_syncs
from lms_etl_tests.progress.conftest import Progress


@pytest.fixture
def site(small: Progress) -> Progress:
    """A whole site as company 1, with two users in one course."""
    course = small.site.course("ALG")
    for name in ("ana", "ben"):
        small.site.enrol(small.site.user(name), course)
    return small


def run(progress: Progress, **config: Any) -> dg.ExecuteInProcessResult:
    """Runs the job on the databases of the test."""
    own = dg.Definitions(
        assets=defs.assets,
        asset_checks=defs.asset_checks,
        jobs=defs.jobs,
        resources={"moodle": progress.moodle, "warehouse": progress.warehouse},
        executor=defs.executor,
    )
    return own.resolve_job_def("progress_job").execute_in_process(
        raise_on_error=False, run_config={"ops": {"course_progress": {"config": config}}}
    )


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    [done] = [
        event for event in result.get_asset_materialization_events() if event.asset_key.path == ["course_progress"]
    ]
    return {name: value.value for name, value in done.materialization.metadata.items()}


def test_the_sync_runs_by_itself_every_full_hour_and_the_comparison_every_night() -> None:
    hourly, nightly = automation.schedules
    assert (hourly.cron_schedule, nightly.cron_schedule) == ("0 * * * *", "30 3 * * *")
    assert {each.default_status for each in automation.schedules} == {dg.DefaultScheduleStatus.RUNNING}
    requests = nightly.evaluate_tick(dg.build_schedule_context()).run_requests
    assert requests[0].run_config == {"ops": {"course_progress": {"config": {"kind": "reconcile"}}}}


def test_a_run_tells_its_counters_and_passes_its_checks(site: Progress) -> None:
    result = run(site)
    assert result.success
    told = metadata(result)
    assert (told["companies_synced"], told["rows_created"], told["rows_updated"]) == (1, 2, 0)
    assert "| 1 | full | 2 | 2 | 0 | 0 |" in told["companies"]
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert checks == {
        "source_and_warehouse_agree": True,
        "each_user_stands_once_in_a_course": True,
        "percentages_are_possible": True,
    }
    [sync] = site.rows(sa.select(progress_syncs))
    assert (sync["trigger"], sync["dagster_run_id"]) == ("ui", result.run_id)
    assert metadata(run(site, kind="reconcile"))["rows_updated"] == 0


def test_a_company_that_fails_fails_the_run_after_the_others_were_synced(
    site: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = site.site.course("BOT")
    for name in ("A", "B"):
        user = site.site.user(name)
        site.site.enrol(user, course)
        site.set(site.site.company(name, members=[user], courses=[course]), "enabled", 1)
    counted = moodle_progress.CompanyReader.enrolled_pairs
    monkeypatch.setattr(
        moodle_progress.CompanyReader,
        "enrolled_pairs",
        lambda reader: 7 if reader.company.companyid == 1 else counted(reader),
    )
    result = run(site)
    assert not result.success
    [failure] = [
        event.step_failure_data.error
        for event in result.all_events
        if event.step_key == "course_progress" and event.is_step_failure
    ]
    assert "Company 1: Moodle has 7 rows, 1 would be live" in failure.message
    assert "1 other companies were synced" in failure.message
    assert (len(site.live(1)), len(site.live(2))) == (0, 1)


def test_a_kind_that_is_not_known_is_refused(site: Progress) -> None:
    result = run(site, kind="everything")
    assert not result.success


def test_rows_that_cannot_be_are_named_with_company_user_and_course(site: Progress) -> None:
    assert run(site).success
    user = site.stored(1)[0]["userid"]
    with site.warehouse.writing() as connection:
        of_user = course_progress.c.userid == user
        connection.execute(sa.update(course_progress).where(of_user).values(percentage=101))
        connection.execute(sa.update(course_progress).where(~of_user).values(is_deleted=1))
    result = run(site, kind="cleanup", companies=[1])
    told = {check.check_name: check.description for check in result.get_asset_check_evaluations() if not check.passed}
    assert not result.success
    assert told["percentages_are_possible"].startswith(f"company 1 user {user} course 2: 101")


def test_a_warehouse_that_lost_a_row_since_the_last_comparison_is_told(site: Progress) -> None:
    assert run(site).success
    with site.warehouse.writing() as connection:
        connection.execute(sa.delete(course_progress).where(course_progress.c.id == site.stored(1)[0]["id"]))
    from lms_etl.progress import checks

    judged = checks.source_and_warehouse_agree(site.warehouse)
    assert not judged.passed
    assert judged.description == "company 1: Moodle gave 2 rows, the warehouse has 1"
