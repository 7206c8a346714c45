"""sql/warehouse/user_activity.sql: the report of a day as tables of examples, on every dialect."""

import random
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from lms_etl.sources.moodle import VIEWS
from lms_etl.warehouse import tables
from lms_etl.warehouse.warehouse import Load, Warehouse
from lms_etl_tests.warehouse.rows import CALLER, DAY, NEXT_DAY, stored

EVERY_COURSE = [{"first_course": 0, "last_course": 10**9}]


def course(number: int, category_idnumber: str | None = "MATH", **columns: Any) -> dict[str, Any]:
    """A row of the table `courses`."""
    names = {"course_name": f"Course {number}", "course_shortname": f"C{number}", "id_number": "", "visible": 1}
    return {"moodle_course_id": number, "category_idnumber": category_idnumber, **names, **columns}


def views(number: int, day: date = DAY, **counts: Any) -> dict[str, Any]:
    """A row of activity_counts_etl; what is left out is 0, the days are 1."""
    blank = dict.fromkeys((*VIEWS,), 0) | {"active_days": 1, "distinct_active_days": 1, "student_views": None}
    return {"courseid": number, "extraction_date": day, **blank, **counts}


def people(number: int, students: int, teachers: int = 1, day: date = DAY) -> dict[str, Any]:
    """A row of user_counts_etl."""
    return {
        "courseid": number,
        "extraction_date": day,
        "num_students": students,
        "num_teachers": teachers,
        "basis": "current",
    }


def put(warehouse: Warehouse, table: sa.Table, *rows: dict[str, Any]) -> None:
    with warehouse.engine.begin() as connection:
        connection.execute(sa.insert(table), list(rows))


def derive(warehouse: Warehouse, parts: list[dict[str, int]] = EVERY_COURSE) -> Load:
    """Makes the report of DAY."""
    with warehouse.loading("user_activity", tables.user_activity, DAY, CALLER) as load:
        load.derive("user_activity", {}, parts)
    return load


def reported(warehouse: Warehouse) -> dict[int, dict[str, Any]]:
    """The report of DAY by Moodle's course id, made anew."""
    derive(warehouse)
    rows = stored(warehouse, tables.user_activity)
    return {row["moodle_course_id"]: row for row in rows if row["extraction_date"] == DAY}


AVERAGES = [
    (875, 25, 5, "7.00"),
    (27, 200, 1, "0.14"),  # 0.135: binary floats are below it
    (1, 200, 1, "0.01"),
    (1, 201, 1, "0.00"),
    (2, 3, 1, "0.67"),
    (215, 100, 1, "2.15"),
    (201, 8, 25, "1.01"),  # 1.005, which round() makes 1.0
    (0, 25, 5, "0.00"),
    (99_999_999, 2, 1, "49999999.50"),
    (2 * 10**9, 1_000_000, 366, "5.46"),  # 200 times the views is more than 32 bits hold
    (875, 0, 5, None),
    (875, 25, 0, None),
    (0, 0, 0, None),
]


def test_average_is_views_by_student_by_day_rounded_half_up(warehouse: Warehouse) -> None:
    put(warehouse, tables.courses, *(course(number) for number in range(len(AVERAGES))))
    counted = enumerate(AVERAGES)
    rows = [views(number, file_views=total, active_days=days) for number, (total, _, days, _) in counted]
    put(warehouse, tables.activity_counts, *rows)
    put(warehouse, tables.user_counts, *(people(number, each[1]) for number, each in enumerate(AVERAGES)))
    found = [row["avg_activity_per_student_per_day"] for row in reported(warehouse).values()]
    assert [None if value is None else str(value) for value in found] == [each[3] for each in AVERAGES]


def test_average_equals_exact_decimal_arithmetic(warehouse: Warehouse) -> None:
    chance = random.Random(7)
    examples = [(chance.randint(0, 10**6), chance.randint(1, 900), chance.randint(1, 9)) for _ in range(2000)]
    put(warehouse, tables.courses, *(course(number) for number in range(len(examples))))
    put(
        warehouse,
        tables.activity_counts,
        *(views(number, quiz_views=total, active_days=days) for number, (total, _, days) in enumerate(examples)),
    )
    put(warehouse, tables.user_counts, *(people(number, each[1]) for number, each in enumerate(examples)))
    found = [row["avg_activity_per_student_per_day"] for row in reported(warehouse).values()]
    cent = Decimal("0.01")
    assert found == [
        (Decimal(total) / (students * days)).quantize(cent, ROUND_HALF_UP) for total, students, days in examples
    ]


def test_a_hidden_course_is_absent_and_a_visible_one_without_activity_has_zeros(warehouse: Warehouse) -> None:
    put(warehouse, tables.courses, course(2, visible=0), course(3))
    rows = reported(warehouse)
    assert list(rows) == [3]
    numbers = ("num_students", "num_teachers", *VIEWS, "total_views", "active_days", "distinct_active_days")
    assert [rows[3][name] for name in numbers] == [0] * len(numbers)
    assert rows[3]["avg_activity_per_student_per_day"] is None


def test_a_course_needs_a_category_idnumber_and_an_empty_one_passes(warehouse: Warehouse) -> None:
    put(warehouse, tables.courses, course(2, None), course(3, ""), course(4, "MATH", id_number="M-4"))
    rows = reported(warehouse)
    assert list(rows) == [3, 4]
    assert (rows[3]["course_id"], rows[4]["course_id"], rows[4]["id_number"]) == ("", "MATH", "M-4")


def test_two_courses_of_one_category_are_two_rows(warehouse: Warehouse) -> None:
    put(warehouse, tables.courses, course(2), course(3))
    put(warehouse, tables.activity_counts, views(2, file_views=5))
    rows = reported(warehouse)
    assert [rows[number]["course_id"] for number in (2, 3)] == ["MATH", "MATH"]
    assert [rows[number]["total_views"] for number in (2, 3)] == [5, 0]


def test_total_is_the_sum_of_the_six_and_the_average_follows(warehouse: Warehouse) -> None:
    six = dict(zip(VIEWS, (150, 300, 75, 200, 100, 50), strict=True))
    put(warehouse, tables.courses, course(2))
    put(warehouse, tables.activity_counts, views(2, active_days=5, distinct_active_days=2, **six))
    put(warehouse, tables.user_counts, people(2, 25, 2))
    row = reported(warehouse)[2]
    assert row["total_views"] == sum(row[kind] for kind in VIEWS) == 875
    assert [row[kind] for kind in VIEWS] == list(six.values())
    told = ("num_students", "num_teachers", "active_days", "distinct_active_days")
    assert [row[name] for name in told] == [25, 2, 5, 2]
    assert row["avg_activity_per_student_per_day"] == Decimal("7.00")


def test_text_idnumbers_and_names_survive(warehouse: Warehouse) -> None:
    put(warehouse, tables.courses, course(2, "FAC/Ö", id_number="CS-101", course_name='Say "hi", 数学'))
    row = reported(warehouse)[2]
    assert (row["course_id"], row["id_number"], row["course_name"]) == ("FAC/Ö", "CS-101", 'Say "hi", 数学')


def test_views_and_people_of_unreported_courses_and_of_other_days_are_left_out(warehouse: Warehouse) -> None:
    put(warehouse, tables.courses, course(2))
    put(warehouse, tables.activity_counts, views(0, file_views=9), views(99, file_views=9))
    put(warehouse, tables.activity_counts, views(2, NEXT_DAY, file_views=9))
    put(warehouse, tables.user_counts, people(99, 5, 5), people(2, 4, 4, NEXT_DAY))
    rows = reported(warehouse)
    assert (list(rows), rows[2]["total_views"], rows[2]["num_students"]) == ([2], 0, 0)


@pytest.mark.parametrize(("of_one", "expected"), [(None, [None, None]), (4, [4, 0])])
def test_student_views_are_missing_when_not_counted_and_zero_for_a_quiet_course_when_counted(
    warehouse: Warehouse, of_one: int | None, expected: list[int | None]
) -> None:
    put(warehouse, tables.courses, course(2), course(3))
    put(warehouse, tables.activity_counts, views(2, student_views=of_one))
    rows = reported(warehouse)
    assert [rows[number]["student_views"] for number in (2, 3)] == expected


def test_parts_together_give_the_rows_of_one_part_and_count_them(warehouse: Warehouse) -> None:
    put(warehouse, tables.courses, *(course(number) for number in range(1, 8)))
    put(warehouse, tables.activity_counts, *(views(number, url_views=number) for number in range(1, 8)))
    parts = [{"first_course": low, "last_course": low + 2} for low in (1, 4, 7)]
    with warehouse.loading("user_activity", tables.user_activity, DAY, CALLER) as load:
        load.derive("user_activity", {}, parts)
        assert load.total("total_views") == 28
    assert (load.rows, load.counters.inserted) == (7, 7)
    first = stored(warehouse, tables.user_activity)
    assert [row["total_views"] for row in first] == list(range(1, 8))
    again = derive(warehouse)
    assert (again.rows, again.counters.inserted, again.counters.updated, again.counters.deleted) == (7, 0, 0, 0)
    assert stored(warehouse, tables.user_activity) == first


def test_a_report_made_again_changes_only_what_differs(warehouse: Warehouse) -> None:
    put(warehouse, tables.courses, course(2), course(3), course(4))
    put(warehouse, tables.activity_counts, views(2, file_views=1), views(3, file_views=1))
    put(warehouse, tables.user_counts, people(2, 3), people(3, 3))
    before = reported(warehouse)
    with warehouse.engine.begin() as connection:
        counts, listed = tables.activity_counts, tables.courses
        connection.execute(sa.update(counts).where(counts.c.courseid == 3).values(file_views=2))
        connection.execute(sa.update(listed).where(listed.c.moodle_course_id == 4).values(visible=0))
    put(warehouse, tables.courses, course(5))
    load = derive(warehouse)
    assert (load.counters.inserted, load.counters.updated, load.counters.deleted, load.rows) == (1, 1, 1, 3)
    after = {row["moodle_course_id"]: row for row in stored(warehouse, tables.user_activity)}
    assert (list(after), after[2], after[3]["total_views"]) == ([2, 3, 5], before[2], 2)


def test_a_site_without_reported_courses_has_an_empty_day_and_loses_an_old_one(warehouse: Warehouse) -> None:
    put(warehouse, tables.courses, course(2))
    derive(warehouse)
    load = derive(warehouse, [])
    assert (load.rows, load.counters.deleted) == (0, 1)
    assert derive(warehouse, []).rows == 0
