"""The arithmetic of the activity report as tables of examples, and a period read from a real log."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lms_etl.activity import report
from lms_etl.days import local_day
from lms_etl.sources.moodle import VIEWS
from lms_etl_tests.site import FRONT_PAGE, Site

DAY = date(2026, 3, 22)
UTC, NEW_YORK = ZoneInfo("UTC"), ZoneInfo("America/New_York")


def average(total: int, students: int, days: int) -> Decimal | None:
    return report.average(*(pd.Series([value]) for value in (total, students, days)))[0]


@pytest.mark.parametrize(
    ("total", "students", "days", "expected"),
    [
        (875, 25, 5, "7.00"),
        (27, 200, 1, "0.14"),  # 0.135: binary floats are below it
        (1, 200, 1, "0.01"),
        (1, 201, 1, "0.00"),
        (2, 3, 1, "0.67"),
        (215, 100, 1, "2.15"),
        (201, 8, 25, "1.01"),  # 1.005, which round() makes 1.0
        (0, 25, 5, "0.00"),
        (10**12, 3, 1, "333333333333.33"),
        (875, 0, 5, None),
        (875, 25, 0, None),
        (0, 0, 0, None),
    ],
)
def test_average_is_views_by_student_by_day_rounded_half_up(
    total: int, students: int, days: int, expected: str | None
) -> None:
    assert str(average(total, students, days)) == str(expected)


@settings(deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 10**6), st.integers(1, 366))
def test_average_equals_exact_decimal_arithmetic(total: int, students: int, days: int) -> None:
    exact = (Decimal(total) / (students * days)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert average(total, students, days) == exact


@pytest.mark.parametrize(
    ("zone", "first", "last", "expected"),
    [
        (UTC, "2026-03-01T00:00+00:00", "2026-03-05T23:59+00:00", 5),
        (UTC, "2026-03-01T23:59+00:00", "2026-03-02T00:00+00:00", 2),
        (UTC, "2026-03-01T12:00+00:00", "2026-03-01T12:00+00:00", 1),
        (NEW_YORK, "2026-03-08T00:30-05:00", "2026-03-08T23:30-04:00", 1),
        (NEW_YORK, "2026-03-07T23:30-05:00", "2026-03-09T00:00-04:00", 3),
        (NEW_YORK, "2026-11-01T00:00-04:00", "2026-11-01T23:59-05:00", 1),
        (ZoneInfo("Asia/Jakarta"), "2026-03-01T16:59+00:00", "2026-03-01T17:00+00:00", 2),
    ],
)
def test_active_days_span_the_local_dates_from_first_to_last(
    zone: ZoneInfo, first: str, last: str, expected: int
) -> None:
    moments = [pd.Series([int(pd.Timestamp(text).timestamp())], dtype="int64") for text in (first, last)]
    assert report.span(*moments, zone).tolist() == [expected]


def views(*rows: dict[str, Any]) -> pd.DataFrame:
    """Rows as `Moodle.activity_counts` gives them; what a row leaves out is zero."""
    columns = ["courseid", *VIEWS, "first_viewed", "last_viewed", "viewed_rows"]
    return pd.DataFrame([{column: row.get(column, 0) for column in columns} for row in rows], columns=columns).astype(
        "int64"
    )


def loaded(day: date, *rows: dict[str, Any]) -> pd.DataFrame:
    """Rows of `activity_counts_etl` for one day."""
    columns = ["courseid", *VIEWS, "active_days", "distinct_active_days", "student_views"]
    blank = dict.fromkeys(columns, 0) | {"active_days": 1, "distinct_active_days": 1, "student_views": None}
    return pd.DataFrame([blank | row for row in rows], columns=columns).assign(extraction_date=day)


def people(day: date, *rows: tuple[int, int, int]) -> pd.DataFrame:
    """Rows of `user_counts_etl` for one day: course, students, teachers."""
    return pd.DataFrame(rows, columns=["courseid", "num_students", "num_teachers"]).assign(extraction_date=day)


def course(number: int, idnumber: str | None = "MATH", **columns: Any) -> dict[str, Any]:
    """A row of the table `courses`."""
    names = {"course_name": f"Course {number}", "course_shortname": f"C{number}", "id_number": "", "visible": 1}
    return {"moodle_course_id": number, "category_idnumber": idnumber, **names, **columns}


def reported(*courses: dict[str, Any], counted: pd.DataFrame | None = None, heads: pd.DataFrame | None = None) -> Any:
    """The report of DAY by Moodle course id."""
    counted = loaded(DAY) if counted is None else counted
    heads = people(DAY) if heads is None else heads
    columns = list(course(0))
    rows = report.user_activity(pd.DataFrame(courses, columns=columns), counted, heads, [DAY])
    return {row["moodle_course_id"]: row for row in rows.to_dict("records")}


def test_one_days_views_get_their_span_and_their_distinct_day() -> None:
    noon = int(pd.Timestamp("2026-03-22T12:00Z").timestamp())
    row = {"courseid": 7, "quiz_views": 3, "first_viewed": noon, "last_viewed": noon + 60, "viewed_rows": 4}
    (found,) = report.activity_counts(views(row), UTC).to_dict("records")
    assert (found["courseid"], found["quiz_views"], found["file_views"]) == (7, 3, 0)
    assert (found["active_days"], found["distinct_active_days"], found["student_views"]) == (1, 1, None)


def test_student_views_are_kept_when_they_were_counted() -> None:
    counted = views({"courseid": 7, "viewed_rows": 4}).assign(student_views=2)
    assert report.activity_counts(counted, UTC)["student_views"].tolist() == [2]


def test_a_day_without_views_gives_no_rows_and_all_columns() -> None:
    empty = report.activity_counts(views(), UTC)
    full = report.activity_counts(views({"courseid": 7, "viewed_rows": 1}), UTC)
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)


def test_a_hidden_course_is_absent_and_a_visible_one_without_activity_has_zeros() -> None:
    rows = reported(course(2, visible=0), course(3))
    assert list(rows) == [3]
    numbers = ("num_students", "num_teachers", *VIEWS, "total_views", "active_days", "distinct_active_days")
    assert [rows[3][name] for name in numbers] == [0] * len(numbers)
    assert rows[3]["avg_activity_per_student_per_day"] is None


def test_a_course_needs_a_category_idnumber_and_an_empty_one_passes() -> None:
    rows = reported(course(2, None), course(3, ""), course(4, "MATH", id_number="M-4"))
    assert list(rows) == [3, 4]
    assert (rows[3]["course_id"], rows[4]["course_id"], rows[4]["id_number"]) == ("", "MATH", "M-4")


def test_two_courses_of_one_category_are_two_rows() -> None:
    rows = reported(course(2), course(3), counted=loaded(DAY, {"courseid": 2, "file_views": 5}))
    assert [rows[number]["course_id"] for number in (2, 3)] == ["MATH", "MATH"]
    assert [rows[number]["total_views"] for number in (2, 3)] == [5, 0]


def test_total_is_the_sum_of_the_six_and_the_average_follows() -> None:
    six = dict(zip(VIEWS, (150, 300, 75, 200, 100, 50), strict=True))
    counted = loaded(DAY, {"courseid": 2, "active_days": 5, **six})
    row = reported(course(2), counted=counted, heads=people(DAY, (2, 25, 2)))[2]
    assert row["total_views"] == sum(row[kind] for kind in VIEWS) == 875
    assert (row["num_students"], row["num_teachers"], row["active_days"]) == (25, 2, 5)
    assert row["avg_activity_per_student_per_day"] == Decimal("7.00")


def test_text_idnumbers_and_names_survive() -> None:
    row = reported(course(2, "FAC/Ö", id_number="CS-101", course_name='Say "hi", 数学'))[2]
    assert (row["course_id"], row["id_number"], row["course_name"]) == ("FAC/Ö", "CS-101", 'Say "hi", 数学')


def test_views_and_people_of_unreported_courses_are_left_out() -> None:
    counted = loaded(DAY, {"courseid": 0, "file_views": 9}, {"courseid": 99, "file_views": 9})
    rows = reported(course(2), counted=counted, heads=people(DAY, (99, 5, 5)))
    assert (list(rows), rows[2]["total_views"], rows[2]["num_students"]) == ([2], 0, 0)


def test_student_views_are_missing_when_not_counted_and_zero_for_a_quiet_course_when_counted() -> None:
    off = reported(course(2), counted=loaded(DAY, {"courseid": 2}))
    on = reported(course(2), course(3), counted=loaded(DAY, {"courseid": 2, "student_views": 4}))
    assert off[2]["student_views"] is None
    assert [on[number]["student_views"] for number in (2, 3)] == [4, 0]


def test_a_site_without_courses_gives_an_empty_report_with_its_columns() -> None:
    listed = pd.DataFrame([course(2)])
    full = report.user_activity(listed, loaded(DAY), people(DAY), [DAY])
    none = report.user_activity(listed.iloc[:0], loaded(DAY), people(DAY), [DAY])
    assert len(none) == 0
    assert list(none.columns) == list(full.columns)


def test_several_days_at_once_equal_each_day_alone() -> None:
    listed = pd.DataFrame([course(2), course(3)])
    days = [DAY, DAY + timedelta(days=1), DAY + timedelta(days=2)]
    counted = [loaded(days[0], {"courseid": 2, "file_views": 3}), loaded(days[1]), loaded(days[2], {"courseid": 3})]
    heads = [people(days[0], (2, 2, 1)), people(days[1], (2, 3, 1)), people(days[2])]
    filled = [frame for frame in counted if len(frame)], [frame for frame in heads if len(frame)]
    together = report.user_activity(listed, *map(pd.concat, filled), days)
    alone = [report.user_activity(listed, *each) for each in zip(counted, heads, [[day] for day in days], strict=True)]
    assert together.to_dict("records") == [row for frame in alone for row in frame.to_dict("records")]


def test_a_course_counted_twice_on_a_day_is_an_error_and_not_a_multiplied_row() -> None:
    with pytest.raises(ValueError, match="a course stands twice on a day"):
        reported(course(2), counted=loaded(DAY, {"courseid": 2}, {"courseid": 2}))


def test_a_period_spans_its_gaps_and_counts_its_distinct_days() -> None:
    daily = pd.concat(
        loaded(date(2026, 3, number), {"courseid": 7, "file_views": number}, {"courseid": 8, "url_views": 1})
        for number in (1, 5)
    )
    found = report.over_period(daily[daily["extraction_date"].eq(date(2026, 3, 5)) | daily["courseid"].eq(7)])
    rows = {row["courseid"]: row for row in found.to_dict("records")}
    assert (rows[7]["active_days"], rows[7]["distinct_active_days"], rows[7]["file_views"]) == (5, 2, 6)
    assert (rows[8]["active_days"], rows[8]["distinct_active_days"], rows[8]["url_views"]) == (1, 1, 1)


def test_a_period_without_activity_has_no_rows() -> None:
    assert len(report.over_period(loaded(DAY))) == 0


def test_views_on_day_one_and_day_five_give_a_span_of_five_and_two_distinct_days(database_url: str) -> None:
    with Site(database_url, zone="America/New_York") as site:
        algebra = site.course("ALG")
        site.view(algebra, "mod_resource", at="2026-03-06 23:59:59", times=2)
        site.view(algebra, "mod_quiz", at="2026-03-10 00:00:00")
        moodle, days = site.moodle(), [date(2026, 3, number) for number in range(6, 11)]
        daily = pd.concat(
            report.activity_counts(moodle.activity_counts(local_day(day, site.zone)).frame, site.zone).assign(
                extraction_date=day
            )
            for day in days
        )
    (row,) = report.over_period(daily).to_dict("records")
    assert (row["active_days"], row["distinct_active_days"]) == (5, 2)
    assert (row["file_views"], row["quiz_views"]) == (2, 1)
    assert daily["active_days"].tolist() == [1, 1]


def categories(*rows: tuple[int, str, str | None, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["category_id", "name", "idnumber", "path"], dtype=object).astype(
        {"category_id": "int64"}
    )


def placed(category: int, *rows: tuple[int, str, str | None, str]) -> dict[str, Any]:
    """One course in a category, as `report.courses` lists it."""
    columns = ["moodle_course_id", "id_number", "course_name", "course_shortname", "visible", "category_id"]
    found = pd.DataFrame([(7, "", "Algebra", "ALG", 1, category)], columns=columns)
    (row,) = report.courses(found, categories(*rows)).to_dict("records")
    return row


def test_a_course_in_a_top_category_has_a_directorate_and_no_unit() -> None:
    row = placed(2, (2, "Science", "SCI", "/2"))
    assert (row["category_name"], row["category_idnumber"], row["category_path"]) == ("Science", "SCI", "Science")
    assert (row["directorate_id"], row["directorate"], row["unit_id"], row["unit"]) == (2, "Science", None, None)


def test_a_course_four_categories_deep_has_the_first_as_directorate_and_the_second_as_unit() -> None:
    tree = [(2, "Science", None, "/2"), (7, "Maths", None, "/2/7"), (9, "Year 1", None, "/2/7/9")]
    row = placed(31, *tree, (31, "Spring", "S-31", "/2/7/9/31"))
    assert row["category_path"] == "Science / Maths / Year 1 / Spring"
    assert (row["directorate_id"], row["directorate"]) == (2, "Science")
    assert (row["unit_id"], row["unit"], row["category_idnumber"]) == (7, "Maths", "S-31")


def test_a_category_missing_from_the_path_shows_by_its_number() -> None:
    assert placed(7, (7, "Maths", None, "/2/7"))["category_path"] == "#2 / Maths"


def test_a_course_without_a_category_has_none_of_it() -> None:
    row = placed(0, (2, "Science", "SCI", "/2"))
    assert row["course_name"] == "Algebra"
    names = ("category_name", "category_idnumber", "category_path", "directorate_id", "directorate", "unit_id", "unit")
    assert [row[name] for name in names] == [None] * len(names)


def test_courses_of_a_real_category_tree_are_reported_with_its_idnumbers(database_url: str) -> None:
    with Site(database_url) as site:
        science = site.category("Science")
        maths = site.category("Maths", idnumber="CS-101", parent=science)
        algebra, loose = site.course("ALG", maths, idnumber="A-1"), site.course("LOO", science)
        hidden = site.course("HID", maths, visible=0)
        moodle = site.moodle()
        listed = report.courses(moodle.courses(), moodle.categories())
        expected = moodle.reported_courses()
    assert listed["moodle_course_id"].tolist() == [FRONT_PAGE, algebra, loose, hidden]
    assert listed["category_path"].tolist() == [None, "Science / Maths", "Science", "Science / Maths"]
    rows = report.user_activity(listed, loaded(DAY), people(DAY), [DAY])
    assert set(rows["moodle_course_id"]) == expected == {algebra}
    assert rows[["course_id", "id_number"]].to_numpy().tolist() == [["CS-101", "A-1"]]
