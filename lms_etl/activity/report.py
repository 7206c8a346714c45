"""The arithmetic of the activity report: pure pandas, no database, no clock.

Everything is counted in integers; the average is rounded half up in integer arithmetic, so every engine gives the same.
"""

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from lms_etl.days import each_day, local_date, midnight
from lms_etl.sources.moodle import VIEWS

PATH_SEPARATOR = " / "


def courses(found: pd.DataFrame, categories: pd.DataFrame) -> pd.DataFrame:
    """Courses with their category, its path by name, their directorate (top category) and unit (the next one).

    `found` and `categories` as `Moodle.courses` and `Moodle.categories` give them. Returns the loaded columns of
    `tables.courses`; a course without a known category (the front page) has None there.
    """
    names = dict(zip(categories["category_id"].tolist(), categories["name"].tolist(), strict=True))
    rows = {
        category: (name, idnumber, *_placed(path, names))
        for category, name, idnumber, path in categories.itertuples(index=False, name=None)
    }
    nowhere = (None,) * 7
    placed = [rows.get(category, nowhere) for category in found["category_id"].tolist()]
    columns = [
        "category_name",
        "category_idnumber",
        "category_path",
        "directorate_id",
        "directorate",
        "unit_id",
        "unit",
    ]
    return pd.concat([found, pd.DataFrame(placed, columns=columns, dtype=object, index=found.index)], axis=1)


def _placed(path: str, names: dict[int, str]) -> tuple[str, int | None, str | None, int | None, str | None]:
    """Path by name, directorate and unit of a category from its path of ids, `/2/7/31`."""
    ids = [int(step) for step in path.split("/") if step]
    top, second = [*ids, None, None][:2]
    return (
        PATH_SEPARATOR.join(names.get(each, f"#{each}") for each in ids),
        top,
        names.get(top) if top else None,
        second,
        names.get(second) if second else None,
    )


def activity_counts(views: pd.DataFrame, zone: ZoneInfo) -> pd.DataFrame:
    """The rows of `activity_counts_etl` for one local day, from `Moodle.activity_counts`.

    active_days is the span of local days from the first to the last viewed row. A window of one day holds one
    distinct day at most, which is the day of its rows.
    """
    counted = views[["courseid", *VIEWS]].copy()
    counted["active_days"] = span(views["first_viewed"], views["last_viewed"], zone)
    counted["distinct_active_days"] = (views["viewed_rows"] > 0).astype("int64")
    counted["student_views"] = views.get("student_views")
    return counted


def span(first: "pd.Series[int]", last: "pd.Series[int]", zone: ZoneInfo) -> "pd.Series[int]":
    """Local calendar days from first to last (unix seconds, int64), both days included; int64.

    Counts the site's midnights between the two, which is exact on days with a clock change and far cheaper than
    converting every moment.
    """
    if first.empty:
        return first
    days = each_day(local_date(int(first.min()), zone), local_date(int(last.max()), zone))
    midnights = np.array([midnight(day, zone) for day in days])
    passed = [np.searchsorted(midnights, moments.to_numpy(), side="right") for moments in (first, last)]
    return pd.Series(passed[1] - passed[0] + 1, index=first.index, dtype="int64")


def over_period(daily: pd.DataFrame) -> pd.DataFrame:
    """Daily rows of `activity_counts_etl` summed over a period, a row per course.

    `daily` has courseid, extraction_date (date), VIEWS and distinct_active_days. In the result active_days is the
    documented span from the first to the last active day inside the period; distinct_active_days counts active days.
    """
    active = daily[daily["distinct_active_days"] > 0]
    groups = active.groupby("courseid", sort=True)
    summed = groups[[*VIEWS, "distinct_active_days"]].sum()
    dates = pd.to_datetime(active["extraction_date"]).groupby(active["courseid"], sort=True)
    summed["active_days"] = (dates.max() - dates.min()).dt.days + 1
    return summed.reset_index()


def user_activity(listed: pd.DataFrame, views: pd.DataFrame, people: pd.DataFrame, days: list[date]) -> pd.DataFrame:
    """The report: a row for each day and each visible course whose category has an idnumber, also the empty one.

    `listed` is the table `courses`. `views` and `people` are the rows of `activity_counts_etl` and `user_counts_etl`
    of `days`, with extraction_date. A course without views or people has zeros. Returns extraction_date and the loaded
    columns of `tables.user_activity`, days in the order given.
    """
    reported = listed[(listed["visible"] == 1) & listed["category_idnumber"].notna()]
    base = _each_day(reported, days)
    places = [_places(counts, reported["moodle_course_id"], days) for counts in (views, people)]
    for name in (*VIEWS, "active_days", "distinct_active_days"):
        base[name] = _at_places(views[name], places[0], len(base))
    for name in ("num_students", "num_teachers"):
        base[name] = _at_places(people[name], places[1], len(base))
    counted = views["student_views"].notna().any()
    base["student_views"] = _at_places(views["student_views"], places[0], len(base)) if counted else None
    base["total_views"] = base[list(VIEWS)].sum(axis=1)
    averages = average(base["total_views"], base["num_students"], base["active_days"])
    return base.assign(avg_activity_per_student_per_day=pd.Series(averages, index=base.index, dtype=object))


def _each_day(reported: pd.DataFrame, days: list[date]) -> pd.DataFrame:
    """The reported courses below each other once for every day."""
    base = reported[["moodle_course_id", "category_idnumber", "id_number", "course_name", "course_shortname"]]
    base = base.rename(columns={"category_idnumber": "course_id"})
    repeated = base.iloc[np.tile(np.arange(len(base)), len(days))].reset_index(drop=True)
    return repeated.assign(extraction_date=pd.Series(np.repeat(np.array(days, dtype=object), len(base)), dtype=object))


def _places(counts: pd.DataFrame, courses: "pd.Series[int]", days: list[date]) -> np.ndarray:
    """For each row of `counts` its row in the report, -1 for a course that is not reported.

    Arithmetic instead of a join, which takes four times as long. Raises ValueError if a course stands twice on a day.
    """
    course = pd.Index(courses).get_indexer(pd.Index(counts["courseid"]))
    day = pd.Index(days, dtype=object).get_indexer(pd.Index(counts["extraction_date"]))
    places = np.where((course < 0) | (day < 0), -1, day * len(courses) + course)
    reported = places[places >= 0]
    if len(np.unique(reported)) < len(reported):
        raise ValueError("a course stands twice on a day in the counts")
    return places


def _at_places(values: "pd.Series[int]", places: np.ndarray, rows: int) -> np.ndarray:
    """The values at their rows of the report, zero where there is none; int64."""
    column = np.zeros(rows, dtype="int64")
    column[places[places >= 0]] = values.to_numpy()[places >= 0]
    return column


def average(total: pd.Series, students: pd.Series, days: pd.Series) -> list[Decimal | None]:
    """total / students / days as decimals rounded half up to 2 places; None where there are no students or no days.

    Integers only: round(100 t / d) half up is (200 t + d) // (2 d). A float would turn 0.135 into 0.13 or 0.14.
    """
    divisor = students.to_numpy("int64") * days.to_numpy("int64")
    safe = np.where(divisor > 0, divisor, 1)
    cents = (200 * total.to_numpy("int64") + safe) // (2 * safe)
    return [
        Decimal(value).scaleb(-2) if real else None
        for value, real in zip(cents.tolist(), (divisor > 0).tolist(), strict=True)
    ]
