"""The arithmetic of courses and daily views: pure pandas, no database, no clock. Everything is counted in integers.

The report that joins them is made inside the warehouse, by sql/warehouse/user_activity.sql.
"""

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
    # Column by column: to pick them by a list of names takes pandas a millisecond, for each of a year's days.
    columns = {name: views[name] for name in ("courseid", *VIEWS)}
    columns["active_days"] = span(views["first_viewed"], views["last_viewed"], zone)
    columns["distinct_active_days"] = (views["viewed_rows"] > 0).astype("int64")
    columns["student_views"] = views["student_views"] if "student_views" in views else pd.Series([None] * len(views))
    return pd.DataFrame(columns)


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
