"""The assets of system 1: courses, views and people by day, and the report that joins them."""

import warnings
from collections.abc import Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import sqlalchemy as sa

from lms_etl.activity import pictures, report
from lms_etl.activity.head_counts import HeadCounts
from lms_etl.day_guards import permanent_failures
from lms_etl.day_rows import Derivation, Rows
from lms_etl.day_runs import DayRun, DayRuns
from lms_etl.days import daily_partitions
from lms_etl.run_tags import caller_of
from lms_etl.settings import current
from lms_etl.sources.moodle import DayViews, Moodle
from lms_etl.sources.read_ahead import read_ahead
from lms_etl.table_metadata import described
from lms_etl.warehouse import bulk, queue, tables
from lms_etl.warehouse.warehouse import Warehouse

local_days = daily_partitions(current().start_date, current().zone)
GROUP = "activity"
OWNERS = ["team:data-engineering"]


def daily_asset(table: sa.Table, pool: str, deps: Sequence[dg.AssetsDefinition] = ()) -> Any:
    """The decorator of an asset that is one table by local day; a backfill of any length is one run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.asset(
            deps=deps,
            partitions_def=local_days,
            backfill_policy=dg.BackfillPolicy.single_run(),
            pool=pool,
            group_name=GROUP,
            owners=OWNERS,
            kinds={"sql", "pandas"},
            metadata=described(table),
        )


@dg.asset(pool="moodle", group_name=GROUP, owners=OWNERS, kinds={"sql", "pandas"}, metadata=described(tables.courses))
def courses(
    context: dg.AssetExecutionContext, moodle: dg.ResourceParam[Moodle], warehouse: dg.ResourceParam[Warehouse]
) -> dg.MaterializeResult:
    """Courses as Moodle has them now, with category path, directorate (top category) and unit (the next one).

    Grain: one course, hidden ones and the front page included. Source: course, course_categories. A course that is gone
    at the source is removed here; the facts about it stay.
    """
    with permanent_failures(), warehouse.loading("courses", tables.courses, None, caller_of(context)) as load:
        listed = report.courses(moodle.courses(), moodle.categories())
        load.replace(listed)
    shown = listed[["moodle_course_id", "course_shortname", "course_name", "category_path"]]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": load.rows,
            "visible_courses": int((listed["visible"] == 1).sum()),
            "rows_inserted": load.counters.inserted,
            "rows_updated": load.counters.updated,
            "rows_deleted": load.counters.deleted,
            "preview": pictures.preview(shown),
        }
    )


@daily_asset(tables.activity_counts, pool="moodle")
def activity_counts(
    context: dg.AssetExecutionContext,
    config: DayRun,
    moodle: dg.ResourceParam[Moodle],
    warehouse: dg.ResourceParam[Warehouse],
) -> None:
    """Views of activities per course and local day, by six kinds.

    Grain: one course with a view on one day; courseid 0 holds views outside any course. Source: rows of Moodle's
    standard log with contextlevel 70 and action viewed, by everybody: teachers, guests and log-in-as count. Window:
    `day_start <= timecreated < day_end`, the site's midnights. A page counts as a video.
    Rows that Moodle writes into a past day later (restores) make `late_rows_sensor` ask for the day again. A day of
    which Moodle now holds fewer log rows than it was loaded from is kept as it is, unless forced.
    """
    with (
        DayRuns(context, config, warehouse, tables.activity_counts) as run,
        read_ahead(moodle.activity_counts, run.days, moodle.settings.moodle_connections) as next_views,
    ):
        for day in run.days:
            run.load(day, lambda day=day: run.unless_purged(day, counted_views(next_views(), run.zone)))  # type: ignore[misc]


def counted_views(views: DayViews, zone: ZoneInfo) -> Rows:
    """The rows of one day's views."""
    counted = report.activity_counts(views.frame, zone)
    columns = bulk.columns_of(counted)
    total = sum(sum(columns[kind]) for kind in report.VIEWS)
    return Rows(columns, views.bounds.log_rows, views.bounds.max_id, {"views": total})


@daily_asset(tables.user_counts, pool="moodle")
def user_counts(
    context: dg.AssetExecutionContext,
    config: DayRun,
    moodle: dg.ResourceParam[Moodle],
    warehouse: dg.ResourceParam[Warehouse],
) -> None:
    """Students and teachers per course and local day: different people with a role in the course.

    Grain: one course with a role assignment on one day. Source: role_assignments at contextlevel 50; for past days also
    the log's role events, since Moodle keeps no past of its roles. `basis` says how they were counted: `observed` the
    day after, which stays for ever; `replayed` later, from the log; `current` later where the log cannot tell.
    Roles are the documented ids (5; 3 and 4) unless LMS_ETL_STUDENT_ROLES or LMS_ETL_TEACHER_ROLES says otherwise.
    """
    with DayRuns(context, config, warehouse, tables.user_counts) as run:
        people = HeadCounts(moodle, warehouse, run.days, set(run.sources), run.overriding)
        for day in run.days:
            run.load(day, lambda day=day: people.of(day))  # type: ignore[misc]


@daily_asset(tables.user_activity, pool="warehouse", deps=[courses, activity_counts, user_counts])
def user_activity(context: dg.AssetExecutionContext, config: DayRun, warehouse: dg.ResourceParam[Warehouse]) -> None:
    """The daily report: every visible course whose category has an idnumber, with its views, people and average.

    Grain: one course on one local day, also without any view. Source: courses, activity_counts_etl, user_counts_etl.
    average = total views / students / active days, in integers, rounded half up; NULL without students or views.
    `course_id` is the category's idnumber, as the report defines it; `moodle_course_id` tells courses apart.
    """
    with DayRuns(context, config, warehouse, tables.user_activity, warehouse.settings.merge_batch_size) as run:
        wait_for_counts(warehouse, [day.date for day in run.days])
        parts = parts_of_the_report(warehouse)
        for day in run.days:
            run.load(day, lambda: Derivation("user_activity", {}, parts, totals=["total_views"]))
        run.settle()
        if run.days:
            run.describe(run.days[-1], pictures.of_the_day(warehouse, run.days[-1].date))


def wait_for_counts(warehouse: Warehouse, days: list[date]) -> None:
    """Fails with the documented message unless both counts of every day are loaded."""
    try:
        with warehouse.reading() as connection:
            queue.require_counts(connection, days)
    except queue.WaitingForCounts as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None


def parts_of_the_report(warehouse: Warehouse) -> list[dict[str, Any]]:
    """The reported courses in ranges of ids, each a batch of the merge."""
    course = tables.courses.c
    query = sa.select(course.moodle_course_id).where(course.visible == 1, course.category_idnumber.is_not(None))
    with warehouse.reading() as connection:
        ids = connection.execute(query.order_by(course.moodle_course_id)).scalars().all()
    size = warehouse.settings.merge_batch_size
    batches = [ids[first : first + size] for first in range(0, len(ids), size)]
    return [{"first_course": batch[0], "last_course": batch[-1]} for batch in batches]
