"""What must be true of every loaded day; a check that fails says which course, which day and both numbers.

Blocking checks stop the run, so that nothing is built on a wrong day. The others warn. A check in a run judges the
days of that run, on its own the last loaded day.
"""

import statistics
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg
import sqlalchemy as sa

from lms_etl.activity.assets import activity_counts, user_activity, user_counts
from lms_etl.day_guards import days_of, permanent_failures
from lms_etl.days import LocalDay, local_day
from lms_etl.settings import current
from lms_etl.sources.moodle import VIEWS, Moodle
from lms_etl.sources.read_ahead import read_ahead
from lms_etl.warehouse import receipts, tables
from lms_etl.warehouse.warehouse import Warehouse

SHOWN = 20
WEEKS_OF_HISTORY = 8


@dg.asset_check(asset=activity_counts, blocking=True, pool="moodle")
def source_and_warehouse_agree(
    context: dg.AssetCheckExecutionContext,
    moodle: dg.ResourceParam[Moodle],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.AssetCheckResult:
    """Views by kind, counted apart at Moodle, equal the sum of the loaded rows of the day.

    A day of which Moodle holds fewer log rows than it was loaded from keeps its numbers; the metadata names it.
    """
    with permanent_failures():
        days = judged_days(context, warehouse, tables.activity_counts)
        stored = stored_views(warehouse, days)
        complaints: list[str] = []
        kept: list[str] = []
        with read_ahead(moodle.views_by_component, days, moodle.settings.moodle_connections) as next_counts:
            for day in days:
                wrong = differing_kinds(day.date, next_counts(), stored.get(day.date, (0,) * len(VIEWS)))
                if wrong and was_purged(moodle, warehouse, day):
                    kept.append(day.key)
                else:
                    complaints += wrong and [*wrong, *differing_courses(moodle, warehouse, day)]
    return verdict(days, complaints, views=sum(map(sum, stored.values())), kept_though_purged=", ".join(kept))


@dg.asset_check(asset=user_activity, blocking=True)
def total_is_the_sum_of_its_parts(
    context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    """total_views equals the six kinds of views, and no count is negative."""
    table = tables.user_activity
    parts: Any = sum((table.c[kind] for kind in VIEWS[1:]), table.c[VIEWS[0]])
    counts = [table.c[name] for name in (*VIEWS, "num_students", "num_teachers", "active_days")]
    with permanent_failures():
        days = judged_days(context, warehouse, table)
        query = sa.select(table.c.extraction_date, table.c.moodle_course_id, table.c.total_views, parts).where(
            of_days(table, days), (table.c.total_views != parts) | sa.or_(*(count < 0 for count in counts))
        )
        complaints = [
            f"{day} course {course}: total_views is {total}, its parts sum to {summed}"
            + ("" if total != summed else ", one of its counts is below 0")
            for day, course, total, summed in rows_of(warehouse, query)
        ]
    return verdict(days, complaints)


@dg.asset_check(asset=user_activity, blocking=True)
def every_visible_course_is_present(
    context: dg.AssetCheckExecutionContext,
    moodle: dg.ResourceParam[Moodle],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.AssetCheckResult:
    """Each day has exactly the visible courses whose category has an idnumber."""
    table = tables.user_activity
    with permanent_failures():
        days = judged_days(context, warehouse, table)
        expected = moodle.reported_courses()
        complaints: list[str] = []
        for day in days:
            query = sa.select(table.c.moodle_course_id).where(table.c.extraction_date == day.date)
            complaints += absent_or_extra(day.date, expected, (row[0] for row in rows_of(warehouse, query)))
    return verdict(days, complaints, courses=len(expected))


@dg.asset_check(asset=user_activity, blocking=False)
def most_active_courses_have_an_average(
    context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    """Of the courses with views, the share without an average stays within LMS_ETL_MAX_NULL_AVERAGE_SHARE."""
    table = tables.user_activity
    limit = current().max_null_average_share
    averages = sa.func.count(table.c.avg_activity_per_student_per_day)
    with permanent_failures():
        days = judged_days(context, warehouse, table)
        query = (
            sa.select(table.c.extraction_date, sa.func.count(), averages)
            .where(of_days(table, days), table.c.total_views > 0)
            .group_by(table.c.extraction_date)
        )
        rows = rows_of(warehouse, query)
    complaints = [
        f"{day}: {courses - with_average} of {courses} courses with views have no average, {limit:.0%} may"
        for day, courses, with_average in rows
        if courses - with_average > limit * courses
    ]
    return verdict(days, complaints, severity=dg.AssetCheckSeverity.WARN)


@dg.asset_check(asset=user_activity, blocking=False)
def volume_is_as_on_the_same_weekday(
    context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    """A day's views, and its rows, do not fall below LMS_ETL_MIN_VOLUME_SHARE of the same weekday's median.

    The median is of the 8 weeks before; the rows are the courses of the report.
    """
    table = tables.user_activity
    with permanent_failures():
        days = judged_days(context, warehouse, table)
        first = days[0].date - timedelta(weeks=WEEKS_OF_HISTORY) if days else date.min
        query = (
            sa.select(table.c.extraction_date, sa.func.sum(table.c.total_views), sa.func.count())
            .where(table.c.extraction_date.between(first, days[-1].date if days else first))
            .group_by(table.c.extraction_date)
        )
        found = rows_of(warehouse, query)
    judged, share = [day.date for day in days], current().min_volume_share
    complaints = low_volumes(judged, {day: int(views) for day, views, _ in found}, share)
    complaints += low_volumes(judged, {day: rows for day, _, rows in found}, share, "rows")
    return verdict(days, complaints, severity=dg.AssetCheckSeverity.WARN)


def one_row_check(asset: dg.AssetsDefinition, table: sa.Table) -> dg.AssetChecksDefinition:
    """The check of one table that no course stands twice on a day, which its unique key should make impossible."""

    @dg.asset_check(asset=asset, blocking=True, name="each_course_stands_once_a_day")
    def check(context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
        """No course stands twice on a day."""
        key = table.c[tables.key_column(table)]
        with permanent_failures():
            days = judged_days(context, warehouse, table)
            query = (
                sa.select(table.c.extraction_date, key, sa.func.count())
                .where(of_days(table, days))
                .group_by(table.c.extraction_date, key)
                .having(sa.func.count() > 1)
            )
            twice = [
                f"{day} course {course}: {rows} rows instead of 1" for day, course, rows in rows_of(warehouse, query)
            ]
        return verdict(days, twice)

    return check


one_row_checks = [
    one_row_check(activity_counts, tables.activity_counts),
    one_row_check(user_counts, tables.user_counts),
    one_row_check(user_activity, tables.user_activity),
]


def judged_days(context: dg.AssetCheckExecutionContext, warehouse: Warehouse, table: sa.Table) -> list[LocalDay]:
    """The days of the run; outside a partitioned run the last day in the table, none if it is empty."""
    if context.run.is_partitioned:
        return days_of(context)
    newest = warehouse.newest_day(table)
    return [local_day(newest, current().zone)] if newest else []


def verdict(
    days: Sequence[LocalDay],
    complaints: list[str],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    **numbers: Any,
) -> dg.AssetCheckResult:
    """The result over all judged days: the description says what is wrong, the metadata which days were judged."""
    judged = f"{days[0].key} to {days[-1].key}" if len(days) > 1 else days[0].key if days else "no day is loaded yet"
    more = f" … and {len(complaints) - SHOWN} more" if len(complaints) > SHOWN else ""
    return dg.AssetCheckResult(
        passed=not complaints,
        severity=severity,
        description="; ".join(complaints[:SHOWN]) + more if complaints else f"True of {judged}.",
        metadata={"days": judged, "days_judged": len(days), "complaints": len(complaints), **numbers},
    )


def of_days(table: sa.Table, days: Sequence[LocalDay]) -> sa.ColumnElement[bool]:
    """The rows of the judged days, which are one unbroken range."""
    return table.c.extraction_date.between(days[0].date, days[-1].date) if days else sa.false()


def rows_of(warehouse: Warehouse, query: sa.Select[Any]) -> Sequence[Any]:
    with warehouse.reading() as connection:
        return connection.execute(query).fetchall()


def stored_views(warehouse: Warehouse, days: Sequence[LocalDay]) -> dict[date, tuple[int, ...]]:
    """The loaded views of each day, in the order of VIEWS."""
    table = tables.activity_counts
    sums = [sa.func.sum(table.c[kind]) for kind in VIEWS]
    query = sa.select(table.c.extraction_date, *sums).where(of_days(table, days)).group_by(table.c.extraction_date)
    return {row[0]: tuple(map(int, row[1:])) for row in rows_of(warehouse, query)}


def differing_kinds(day: date, at_source: dict[str, int], stored: Sequence[int]) -> list[str]:
    """One sentence for each kind of views whose two numbers differ."""
    return [
        f"{day} {kind}: Moodle has {at_source[kind]}, the warehouse {value}"
        for kind, value in zip(VIEWS, stored, strict=True)
        if at_source[kind] != value
    ]


def differing_courses(moodle: Moodle, warehouse: Warehouse, day: LocalDay) -> list[str]:
    """One sentence for each course of the day whose views differ, so that nobody has to search for it."""
    frames = (moodle.activity_counts(day).frame, warehouse.frame(tables.activity_counts, [day.date]))
    now, stored = (dict(zip(frame["courseid"], frame[list(VIEWS)].sum(axis=1), strict=True)) for frame in frames)
    return [
        f"{day.key} course {course}: Moodle has {now.get(course, 0)} views, the warehouse {stored.get(course, 0)}"
        for course in sorted({*now, *stored})
        if now.get(course, 0) != stored.get(course, 0)
    ]


def was_purged(moodle: Moodle, warehouse: Warehouse, day: LocalDay) -> bool:
    """Whether Moodle's log holds fewer rows of the day than it was loaded from."""
    with warehouse.reading() as connection:
        loaded = receipts.sources(connection, "activity_counts", [day.date]).get(day.date)
    return loaded is not None and moodle.log_rows([day])[day] < (loaded.rows_read or 0)


def absent_or_extra(day: date, expected: set[int], stored: Iterable[int]) -> list[str]:
    """One sentence for each course that is on one side only."""
    found = set(stored)
    missing = [f"{day} course {course}: 1 row expected, 0 found" for course in sorted(expected - found)]
    return missing + [f"{day} course {course}: 0 rows expected, 1 found" for course in sorted(found - expected)]


def low_volumes(days: Iterable[date], views: dict[date, int], share: float, unit: str = "views") -> list[str]:
    """One sentence for each day whose views are below `share` of the median of the same weekday before it.

    `views` maps loaded days to their views, or to what `unit` says. A day needs two such days before it to be judged.
    """
    complaints = []
    for day in days:
        before = [
            views[then] for week in range(1, WEEKS_OF_HISTORY + 1) if (then := day - timedelta(weeks=week)) in views
        ]
        usual = statistics.median(before) if len(before) > 1 else 0
        if views.get(day, 0) < share * usual:
            complaints.append(f"{day}: {views.get(day, 0)} {unit}, {usual:g} are usual on a {day:%A}")
    return complaints
