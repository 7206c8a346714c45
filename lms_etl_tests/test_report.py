"""The arithmetic of the activity report as tables of examples, and a period read from a real log."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from lms_etl.activity import report
from lms_etl.days import local_day
from lms_etl.sources.moodle import VIEWS
from lms_etl_tests.site import FRONT_PAGE, Site

DAY = date(2026, 3, 22)
UTC, NEW_YORK = ZoneInfo("UTC"), ZoneInfo("America/New_York")


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
    rows = listed[(listed["visible"] == 1) & listed["category_idnumber"].notna()]
    assert set(rows["moodle_course_id"]) == expected == {algebra}
    assert rows[["category_idnumber", "id_number"]].to_numpy().tolist() == [["CS-101", "A-1"]]
