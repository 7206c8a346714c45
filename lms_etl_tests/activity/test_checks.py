"""Each asset check on a site that passes and on one that fails, the message naming course, day and both numbers."""

from collections.abc import Callable
from datetime import date, timedelta

import dagster as dg
import pytest
import sqlalchemy as sa

from lms_etl.activity import checks
from lms_etl.warehouse import tables
from lms_etl_tests.activity.conftest import Etl, fill

DAY = "2026-03-22"


def evaluated(etl: Etl, name: str, asset: str) -> dg.AssetCheckEvaluation:
    """Runs one check alone on what is stored, as the UI's Execute button does."""
    job = dg.define_asset_job("alone", selection=dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey(asset), name)))
    alone = dg.Definitions.merge(etl.definitions, dg.Definitions(jobs=[job]))
    result = alone.resolve_job_def("alone").execute_in_process(instance=etl.instance, raise_on_error=False)
    return result.get_asset_check_evaluations()[0]


def spoil(etl: Etl, statement: str) -> None:
    with etl.warehouse.engine.begin() as connection:
        assert connection.execute(sa.text(statement)).rowcount


@pytest.fixture
def loaded(small_etl: Etl) -> tuple[Etl, dict[str, int]]:
    ids = fill(small_etl.site)
    assert small_etl.run(DAY).success
    return small_etl, ids


def test_all_checks_pass_in_the_run_that_loads_a_day(etl: Etl) -> None:
    fill(etl.site)
    result = etl.run(DAY)
    outcomes = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert len(outcomes) == 10
    assert all(outcomes.values())


def test_source_and_warehouse_agree_names_course_day_and_both_numbers(loaded: tuple[Etl, dict[str, int]]) -> None:
    etl, ids = loaded
    etl.site.view(ids["algebra"], "mod_quiz", at=f"{DAY} 23:59:59", times=2)
    check = evaluated(etl, "source_and_warehouse_agree", "activity_counts")
    assert not check.passed
    assert f"{DAY} quiz_views: Moodle has 5, the warehouse 3" in check.description
    assert f"{DAY} course {ids['algebra']}: Moodle has 9 views, the warehouse 7" in check.description


def test_a_failed_blocking_check_stops_the_report(small_etl: Etl, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(small_etl.site)
    monkeypatch.setattr(small_etl.moodle, "views_by_component", lambda _day: dict.fromkeys(checks.VIEWS, 1))
    result = small_etl.run(DAY)
    assert not result.success
    assert small_etl.registry("activity_counts") == [(DAY, "SUCCESS")]
    assert small_etl.registry("user_activity") == []


def test_total_is_the_sum_of_its_parts_finds_a_wrong_total(loaded: tuple[Etl, dict[str, int]]) -> None:
    etl, ids = loaded
    assert evaluated(etl, "total_is_the_sum_of_its_parts", "user_activity").passed
    spoil(etl, "update user_activity_etl set total_views = 8 where total_views = 7")
    check = evaluated(etl, "total_is_the_sum_of_its_parts", "user_activity")
    assert not check.passed
    assert f"{DAY} course {ids['algebra']}: total_views is 8, its parts sum to 7" in check.description


def test_a_negative_count_is_found(loaded: tuple[Etl, dict[str, int]]) -> None:
    etl, ids = loaded
    spoil(etl, f"update user_activity_etl set num_students = -1 where moodle_course_id = {ids['botany']}")
    check = evaluated(etl, "total_is_the_sum_of_its_parts", "user_activity")
    assert f"{DAY} course {ids['botany']}" in check.description
    assert "below 0" in check.description


def test_every_visible_course_is_present_names_the_missing_and_the_extra_one(
    loaded: tuple[Etl, dict[str, int]],
) -> None:
    etl, ids = loaded
    assert evaluated(etl, "every_visible_course_is_present", "user_activity").passed
    spoil(etl, f"update user_activity_etl set moodle_course_id = 999 where moodle_course_id = {ids['botany']}")
    check = evaluated(etl, "every_visible_course_is_present", "user_activity")
    assert not check.passed
    assert f"{DAY} course {ids['botany']}: 1 row expected, 0 found" in check.description
    assert f"{DAY} course 999: 0 rows expected, 1 found" in check.description


def test_each_course_stands_once_a_day_finds_a_double(loaded: tuple[Etl, dict[str, int]]) -> None:
    """The unique key forbids it, so the table is made anew without one, as an old warehouse had it."""
    etl, ids = loaded
    name = tables.user_counts.name
    spoil_with = ("create table copied as select * from {0}", "drop table {0}", "alter table copied rename to {0}")
    with etl.warehouse.engine.begin() as connection:
        for statement in (*spoil_with, "insert into {0} select * from {0} where courseid = {1}"):
            connection.execute(sa.text(statement.format(name, ids["algebra"])))
    check = evaluated(etl, "each_course_stands_once_a_day", "user_counts")
    assert not check.passed
    assert f"{DAY} course {ids['algebra']}: 2 rows instead of 1" in check.description


def test_courses_with_views_but_without_students_warn_above_the_allowed_share(small_etl: Etl) -> None:
    fill(small_etl.site)
    with small_etl.site.engine.begin() as connection:
        connection.execute(sa.text("delete from mdl_role_assignments where roleid = 5"))
    assert small_etl.run(DAY).success
    check = evaluated(small_etl, "most_active_courses_have_an_average", "user_activity")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert f"{DAY}: 1 of 1 courses with views have no average" in check.description


@pytest.mark.parametrize(
    ("today", "passed"),
    [(49, False), (50, True), (100, True)],
    ids=["below half the usual", "half the usual", "the usual"],
)
def test_volume_is_compared_with_the_median_of_the_same_weekday(today: int, passed: bool) -> None:
    day = date(2026, 3, 24)
    views = {day: today} | {day - timedelta(weeks=week): 100 for week in range(1, 5)} | {day - timedelta(days=1): 9_999}
    complaints = checks.low_volumes([day], views, share=0.5)
    assert complaints == ([] if passed else ["2026-03-24: 49 views, 100 are usual on a Tuesday"])


def test_a_day_without_two_such_weekdays_before_it_is_not_judged_by_volume() -> None:
    day = date(2026, 3, 24)
    assert checks.low_volumes([day], {day: 0, day - timedelta(weeks=1): 100}, share=0.5) == []


def test_a_check_on_its_own_judges_the_last_loaded_day(small_etl: Etl) -> None:
    fill(small_etl.site)
    small_etl.run("2026-03-22", "2026-03-24")
    check = evaluated(small_etl, "source_and_warehouse_agree", "activity_counts")
    assert check.metadata["days"].value == "2026-03-24"
    empty = "no day is loaded yet"
    assert checks.verdict([], []).metadata["days"].value == empty


def test_a_long_list_of_complaints_is_cut_and_counted() -> None:
    result = checks.verdict([], [f"complaint {number}" for number in range(25)])
    assert result.description.endswith("complaint 19 … and 5 more")
    assert result.metadata["complaints"].value == 25


def test_a_check_in_a_range_run_judges_every_day_of_it(make_etl: Callable[[str, str], Etl]) -> None:
    etl = make_etl("sqlite", "sqlite")
    fill(etl.site)
    result = etl.run("2026-03-20", "2026-03-24")
    judged = {
        check.metadata["days"].value for check in result.get_asset_check_evaluations() if "days" in check.metadata
    }
    assert judged == {"2026-03-20 to 2026-03-24"}
