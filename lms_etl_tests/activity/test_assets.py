"""System 1's assets through Dagster: what a run leaves in the warehouse and in the UI."""

import base64
from datetime import date
from decimal import Decimal
from threading import Event
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import dagster as dg
import pytest

from lms_etl import day_guards
from lms_etl.databases import DatabaseProblem
from lms_etl.day_runs import DayRun, DayRuns
from lms_etl.days import LocalDay
from lms_etl.warehouse import tables
from lms_etl.warehouse.warehouse import Load
from lms_etl_tests.activity.conftest import Etl, fill

COMPARED = ["extraction_date", *tables.loaded_columns(tables.user_activity)]


def test_the_report_of_a_day_has_every_visible_course_with_its_numbers(etl: Etl) -> None:
    ids = fill(etl.site)
    assert etl.run("2026-03-22").success
    rows = etl.report("2026-03-22").set_index("moodle_course_id")
    assert list(rows.index) == [ids["algebra"], ids["botany"]]
    algebra, botany = rows.loc[ids["algebra"]], rows.loc[ids["botany"]]
    assert (algebra.quiz_views, algebra.video_views, algebra.total_views) == (3, 4, 7)
    assert (algebra.course_id, algebra.id_number) == ("SCI", "CS-101")
    assert (algebra.num_students, algebra.num_teachers, algebra.active_days) == (2, 1, 1)
    assert algebra.avg_activity_per_student_per_day == Decimal("3.50")
    assert (botany.total_views, botany.active_days, botany.num_students) == (0, 0, 2)
    assert botany.avg_activity_per_student_per_day is None


def test_running_a_day_again_changes_nothing(etl: Etl) -> None:
    fill(etl.site)
    etl.run("2026-03-22")
    before = etl.report()
    assert etl.run("2026-03-22").success
    assert etl.report().equals(before)
    assert etl.materialized("user_activity")["2026-03-22"]["rows_updated"] == 0


def test_days_in_any_order_give_the_same_rows(make_etl: Any) -> None:
    reports = []
    for order in (("2026-03-22", "2026-03-23", "2026-03-24"), ("2026-03-24", "2026-03-22", "2026-03-23")):
        etl = make_etl("sqlite", "sqlite")
        fill(etl.site)
        assert all(etl.run(day).success for day in order)
        reports.append(etl.report()[COMPARED].to_dict("records"))
    assert reports[0] == reports[1]
    assert len(reports[0]) == 6


def test_a_day_without_a_log_row_has_zeros_and_passes(small_etl: Etl) -> None:
    fill(small_etl.site)
    result = small_etl.run("2026-03-23")
    assert result.success
    assert all(check.passed for check in result.get_asset_check_evaluations())
    assert small_etl.report("2026-03-23")["total_views"].tolist() == [0, 0]
    assert small_etl.materialized("activity_counts")["2026-03-23"]["dagster/row_count"] == 0


def test_a_site_without_courses_and_people_loads_an_empty_report(small_etl: Etl) -> None:
    assert small_etl.run("2026-03-22").success
    assert small_etl.report().empty


def test_a_range_is_one_run_in_which_each_day_has_its_own_metadata(etl: Etl) -> None:
    fill(etl.site)
    assert etl.run("2026-03-22", "2026-03-24").success
    assert len(etl.instance.get_runs()) == 1
    views = {day: metadata["views"] for day, metadata in etl.materialized("activity_counts").items()}
    assert views == {"2026-03-22": 8, "2026-03-23": 0, "2026-03-24": 8}
    assert [day for day, _ in etl.registry("user_activity")] == ["2026-03-22", "2026-03-23", "2026-03-24"]


def test_every_day_tells_what_it_read_and_changed(small_etl: Etl) -> None:
    fill(small_etl.site)
    small_etl.run("2026-03-22")
    metadata = small_etl.materialized("activity_counts")["2026-03-22"]
    assert metadata["complete_through"] == "2026-03-23T00:00:00+00:00"
    assert (metadata["rows_read"], metadata["dagster/row_count"], metadata["rows_inserted"]) == (8, 2, 2)
    assert (metadata["rows_rejected"], metadata["source_max_id"]) == (0, 8)
    report = small_etl.materialized("user_activity")["2026-03-22"]
    picture = base64.b64decode(report["views_per_day"].removeprefix("![views per day](data:image/svg+xml;base64,")[:-1])
    assert b"<title>2026-03-22: 7</title>" in picture
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert report["preview"].records[0].data["course_shortname"] == "ALG"


class FailsAt:
    """The source's views, which fail on one day."""

    def __init__(self, etl: Etl, key: str) -> None:
        self.read, self.key = etl.moodle.activity_counts, key

    def __call__(self, day: LocalDay) -> Any:
        if day.key == self.key:
            raise DatabaseProblem("Failed to connect to database: the server does not answer (MOODLE_DATABASE_URL=…)")
        return self.read(day)


def test_when_a_day_fails_the_days_before_it_count_and_those_after_it_wait(
    etl: Etl, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(etl.site)
    with monkeypatch.context() as outage:
        outage.setattr(etl.moodle, "activity_counts", FailsAt(etl, "2026-03-24"))
        result = etl.run("2026-03-22", "2026-03-26")
    assert not result.success
    assert list(etl.materialized("activity_counts")) == ["2026-03-22", "2026-03-23"]
    assert etl.registry("activity_counts") == [
        ("2026-03-22", "SUCCESS"), ("2026-03-23", "SUCCESS"), ("2026-03-24", "FAILED"),
    ]  # fmt: skip
    error = etl.warehouse.frame(tables.etl_job_runs)["error"].dropna().item()
    assert error.startswith("Failed to connect to database")
    assert etl.run("2026-03-22", "2026-03-26", skip_loaded=True).success
    assert etl.registry("activity_counts")[3:] == [
        ("2026-03-24", "SUCCESS"), ("2026-03-25", "SUCCESS"), ("2026-03-26", "SUCCESS"),
    ]  # fmt: skip
    assert etl.materialized("activity_counts")["2026-03-22"]["skipped"].startswith("loaded before by run ")


def test_a_day_under_way_when_the_day_before_it_fails_is_not_loaded(
    make_etl: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    etl, next_is_written, replace = make_etl("sqlite", "postgresql"), Event(), Load.replace

    def replace_but_fail(load: Load, *given: Any) -> None:
        if load.table is tables.activity_counts and load.day == date(2026, 3, 23):
            assert next_is_written.wait(timeout=30)
            raise RuntimeError("no space left")
        replace(load, *given)
        if load.table is tables.activity_counts and load.day == date(2026, 3, 24):
            next_is_written.set()

    fill(etl.site)
    with monkeypatch.context() as failing:
        failing.setattr(Load, "replace", replace_but_fail)
        assert not etl.run("2026-03-22", "2026-03-26").success
    assert set(etl.registry("activity_counts")) == {
        ("2026-03-22", "SUCCESS"), ("2026-03-23", "FAILED"), ("2026-03-24", "STOPPED"),
    }  # fmt: skip
    assert set(etl.warehouse.frame(tables.activity_counts)["extraction_date"]) == {date(2026, 3, 22)}
    assert list(etl.materialized("activity_counts")) == ["2026-03-22"]
    assert etl.run("2026-03-22", "2026-03-26", skip_loaded=True).success


def test_a_retry_in_dagster_leaves_out_the_days_its_own_run_loaded(
    small_etl: Etl, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(small_etl.site)
    with monkeypatch.context() as outage:
        outage.setattr(small_etl.moodle, "activity_counts", FailsAt(small_etl, "2026-03-24"))
        failed = small_etl.run("2026-03-22", "2026-03-24")
    retry = SimpleNamespace(
        asset_key=dg.AssetKey("activity_counts"),
        run=SimpleNamespace(run_id="retry", root_run_id=failed.run_id, tags={}),
        op_execution_context=SimpleNamespace(partition_keys=["2026-03-22", "2026-03-23", "2026-03-24"]),
    )
    days = DayRuns(retry, DayRun(), small_etl.warehouse, tables.activity_counts).days
    assert [day.key for day in days] == ["2026-03-24"]
    retry.run.root_run_id = "another lineage"
    assert len(DayRuns(retry, DayRun(), small_etl.warehouse, tables.activity_counts).days) == 3


def test_the_report_waits_for_both_counts(small_etl: Etl) -> None:
    fill(small_etl.site)
    small_etl.run("2026-03-22", job="activity_counts_job")
    result = small_etl.run("2026-03-22", job="main_etl_job")
    failure = result.failure_data_for_node("user_activity").user_failure_data.description
    assert failure.startswith("Waiting for ActivityCounts and UserCounts ETL to complete: user_counts of 2026-03-22")
    small_etl.run("2026-03-22", job="user_counts_job")
    assert small_etl.run("2026-03-22", job="main_etl_job").success


@pytest.mark.parametrize(
    ("job", "table"), [("activity_counts_job", tables.activity_counts), ("user_counts_job", tables.user_counts)]
)
def test_a_single_step_changes_only_its_own_table(small_etl: Etl, job: str, table: Any) -> None:
    fill(small_etl.site)
    assert small_etl.run("2026-03-22", job=job).success
    filled = [other.name for other in tables.FACTS if len(small_etl.warehouse.frame(other))]
    assert filled == [table.name]


def test_a_day_that_is_not_over_is_refused(small_etl: Etl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_guards, "last_complete_day", lambda _zone: date(2026, 3, 21))
    result = small_etl.run("2026-03-22", job="activity_counts_job")
    assert (
        "2026-03-22 is not over at the site"
        in result.failure_data_for_node("activity_counts").user_failure_data.description
    )
    assert small_etl.registry("activity_counts") == []
