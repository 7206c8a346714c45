"""Roll-ups: sums over periods, the documented span, exact averages, and levels that add up."""

import json
import random
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pandas as pd
import pytest

from lms_etl.activity.report import over_period
from lms_etl.api.reading.columns import VIEWS
from lms_etl.api.reading.problems import BadAsk
from lms_etl.api.reading.rollup import RollupAsk, exact_average, open_rollup
from lms_etl.api.scope import Scope
from lms_etl.settings import Settings
from lms_etl.terms import terms_of
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.api.reading.loaded import ADMIN, load_courses, load_day, place, report
from lms_etl_tests.warehouse.rows import lay_tables

FIRST = date(2026, 3, 1)
ADDITIVE = ("courses", "num_teachers", "num_students", *VIEWS, "total_views", "student_views")


def rolled(warehouse: Warehouse, scope: Scope = ADMIN, **asked: Any) -> list[dict[str, Any]]:
    return json.loads(b"".join(open_rollup(warehouse, scope, RollupAsk(**asked)).stream("json")))["data"]


def active(course: int, views: int, **columns: Any) -> dict[str, Any]:
    """A course with so many views of files on its day; without any it was not active."""
    there = int(views > 0)
    counts = {"file_views": views, "total_views": views, "active_days": there, "distinct_active_days": there}
    return report(course, **counts, **columns)


def random_site(warehouse: Warehouse, days: int = 12) -> list[dict[str, Any]]:
    """Courses in directorates and units, some without a unit, one in no directorate, one deleted; random days."""
    chance = random.Random(3)
    homes = [(2, 21), (2, 21), (2, 22), (2, None), (3, 31), (3, None), (None, None)]
    load_courses(warehouse, *(place(number, *home) for number, home in enumerate(homes, 1)))
    rows = []
    for number in range(days):
        day = FIRST + timedelta(days=number)
        today = []
        for course in range(1, 9):
            if chance.random() < 0.8:
                six = {kind: chance.choice([0, 0, 3, 7]) for kind in VIEWS}
                there = int(sum(six.values()) > 0)
                counts = {"total_views": sum(six.values()), "active_days": there, "distinct_active_days": there}
                people = {"num_students": chance.randint(0, 9), "num_teachers": 1, "student_views": 1}
                today.append(report(course, **six, **counts, **people))
        load_day(warehouse, day, *today)
        rows += [row | {"extraction_date": day} for row in today]
    return rows


def test_a_period_has_the_span_and_the_distinct_days_of_each_course(warehouse: Warehouse) -> None:
    for number, views in enumerate([0, 4, 0, 0, 6, 0]):
        load_day(warehouse, FIRST + timedelta(days=number), active(1, views, num_students=number), active(2, 0))
    [course, quiet] = rolled(warehouse, period="range")
    assert (course["total_views"], course["active_days"], course["distinct_active_days"]) == (10, 4, 2)
    assert (course["num_students"], course["avg_activity_per_student_per_day"]) == (5, 0.5)
    assert (quiet["total_views"], quiet["active_days"], quiet["avg_activity_per_student_per_day"]) == (0, 0, None)
    assert course["period"] == "2026-03-01..2026-03-06"


def test_a_period_of_one_day_is_that_day(warehouse: Warehouse) -> None:
    load_day(warehouse, FIRST, active(1, 875, num_students=25, num_teachers=2, student_views=None))
    [row] = rolled(warehouse, period="month")
    assert (row["avg_activity_per_student_per_day"], row["active_days"], row["student_views"]) == (35.0, 1, None)
    assert (row["period"], row["first_day"], row["last_day"]) == ("2026-03", "2026-03-01", "2026-03-01")


def test_sums_and_spans_are_those_of_the_rule_in_pandas(warehouse: Warehouse) -> None:
    rows = random_site(warehouse)
    daily = pd.DataFrame(rows).rename(columns={"moodle_course_id": "courseid"})
    expected = over_period(daily).set_index("courseid").to_dict("index")
    found = {row["moodle_course_id"]: row for row in rolled(warehouse, period="range")}
    assert set(expected) <= set(found)
    for course, values in expected.items():
        assert {name: found[course][name] for name in values} == values


def test_people_of_a_period_are_those_of_the_courses_last_day_in_it(warehouse: Warehouse) -> None:
    load_day(warehouse, FIRST, active(1, 1, num_students=10), active(2, 1, num_students=20, course_name="Old"))
    load_day(warehouse, FIRST + timedelta(days=1), active(1, 1, num_students=11, course_name="New"))
    found = {row["moodle_course_id"]: row for row in rolled(warehouse, period="range")}
    assert (found[1]["num_students"], found[1]["course_name"]) == (11, "New")
    assert (found[2]["num_students"], found[2]["course_name"]) == (20, "Old")
    [site] = rolled(warehouse, period="range", by="site")
    assert (site["courses"], site["num_students"], site["total_views"]) == (2, 31, 3)


@pytest.mark.parametrize("period", ["week", "range"])
def test_children_sum_to_their_parent_also_without_unit_or_directorate(warehouse: Warehouse, period: Any) -> None:
    random_site(warehouse)
    by = {level: rolled(warehouse, by=level, period=period) for level in ("course", "unit", "directorate", "site")}
    for row in by["course"]:
        row["courses"] = 1
    assert {row["unit_id"] for row in by["unit"] if row["directorate_id"] == 2} == {21, 22, None}
    assert {row["directorate_id"] for row in by["directorate"]} == {2, 3, None}
    chain = [("course", "unit", ("directorate_id", "unit_id")), ("unit", "directorate", ("directorate_id",))]
    for child, parent, at in [*chain, ("directorate", "site", ())]:
        for whole in by[parent]:
            where = {name: whole[name] for name in ("period", *at)}
            parts = [row for row in by[child] if all(row[name] == value for name, value in where.items())]
            assert parts
            assert [sum(row[name] for row in parts) for name in ADDITIVE] == [whole[name] for name in ADDITIVE]
            assert max(row["distinct_active_days"] for row in parts) <= whole["distinct_active_days"]


def test_a_place_is_active_on_a_day_once_however_many_of_its_courses_were(warehouse: Warehouse) -> None:
    load_courses(warehouse, place(1, 2, 21), place(2, 2, 22))
    for number, (one, other) in enumerate([(1, 1), (0, 0), (1, 0), (0, 1)]):
        load_day(warehouse, FIRST + timedelta(days=number), active(1, one), active(2, other, num_students=5))
    [directorate] = rolled(warehouse, by="directorate", period="range")
    assert (directorate["active_days"], directorate["distinct_active_days"]) == (4, 3)
    assert directorate["avg_activity_per_student_per_day"] == 0.2
    units = {row["unit"]: (row["active_days"], row["distinct_active_days"]) for row in rolled(warehouse, by="unit")}
    assert units == {"U21": (3, 2), "U22": (4, 2)}


def test_weeks_months_and_terms_cut_the_days_and_sum_to_the_whole(new_database: Any) -> None:
    terms = terms_of("one=2026-02-01..2026-03-05, two=2026-03-06..2026-06-30")
    warehouse = Warehouse(Settings(warehouse_database_url=new_database("sqlite"), terms=terms))
    lay_tables(warehouse)
    random_site(warehouse, days=40)
    [whole] = rolled(warehouse, by="site", period="range")
    for period, names in (
        ("week", ["2026-W09", *(f"2026-W{week}" for week in range(10, 16))]),
        ("month", ["2026-03", "2026-04"]),
        ("term", ["one", "two"]),
    ):
        parts = rolled(warehouse, by="site", period=period)
        assert [row["period"] for row in parts] == names
        assert sum(row["total_views"] for row in parts) == whole["total_views"]
        assert sum(row["distinct_active_days"] for row in parts) == whole["distinct_active_days"]
    warehouse.close()


def test_a_reader_rolls_up_only_the_rows_of_the_scope(warehouse: Warehouse) -> None:
    random_site(warehouse)
    two = Scope("dean", admin=False, directorates=frozenset({2}))
    units = Scope("head", admin=False, units=frozenset({22, 31}))
    nobody = Scope("new", admin=False)
    full = rolled(warehouse, by="directorate")
    assert rolled(warehouse, two, by="directorate") == [row for row in full if row["directorate_id"] == 2]
    [site] = rolled(warehouse, two, by="site")
    assert site["total_views"] == full[[row["directorate_id"] for row in full].index(2)]["total_views"]
    assert {row["moodle_course_id"] for row in rolled(warehouse, units)} == {3, 5}
    assert {row["unit_id"] for row in rolled(warehouse, units, by="unit")} == {22, 31}
    for by in ("course", "unit", "directorate", "site"):
        assert rolled(warehouse, nobody, by=by) == []


def test_days_that_are_not_loaded_give_no_periods(warehouse: Warehouse) -> None:
    assert rolled(warehouse, period="week", first=date(1, 1, 1), last=date(9999, 12, 31)) == []
    load_day(warehouse, FIRST, active(1, 1))
    found = rolled(warehouse, period="week", by="site", first=date(1, 1, 1), last=date(9999, 12, 31))
    assert [row["period"] for row in found] == ["2026-W09"]
    assert rolled(warehouse, first=FIRST + timedelta(days=1)) == []


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"period": "year"}, "bad_rollup"),
        ({"by": "faculty"}, "bad_rollup"),
        ({"first": FIRST, "last": FIRST - timedelta(days=1)}, "bad_range"),
        ({"period": "term"}, "no_terms"),
    ],
)
def test_a_roll_up_that_makes_no_sense_is_one_clear_error(
    sqlite_warehouse: Warehouse, asked: dict[str, Any], code: str
) -> None:
    with pytest.raises(BadAsk) as refused:
        open_rollup(sqlite_warehouse, ADMIN, RollupAsk(**asked))
    assert refused.value.code == code


def test_the_average_equals_exact_decimal_arithmetic() -> None:
    chance = random.Random(7)
    assert str(exact_average(27, 200, 1)) == "0.14"
    assert (exact_average(5, 0, 1), exact_average(5, 1, 0)) == (None, None)
    for _ in range(2000):
        total, students, days = chance.randint(0, 10**7), chance.randint(1, 900), chance.randint(1, 366)
        expected = (Decimal(total) / (students * days)).quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert exact_average(total, students, days) == expected


def test_the_etag_changes_with_days_and_places(warehouse: Warehouse) -> None:
    def etag(**asked: Any) -> str:
        with open_rollup(warehouse, ADMIN, RollupAsk(**asked)) as answer:
            return answer.etag

    load_courses(warehouse, place(1, 2, 21))
    load_day(warehouse, FIRST, active(1, 1))
    before = etag(by="unit")
    assert (etag(by="unit"), etag(by="site") == before) == (before, False)
    load_courses(warehouse, place(1, 2, 22))
    moved = etag(by="unit")
    assert moved != before
    load_day(warehouse, FIRST, active(1, 2))
    assert etag(by="unit") != moved
