"""What a load changed in a day that was loaded already, and by how much (`etl_restatements`)."""

from datetime import date
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lms_etl.warehouse import registry, tables
from lms_etl.warehouse.receipts import Source
from lms_etl.warehouse.tables import etl_job_runs as runs
from lms_etl.warehouse.tables import etl_restatements as restatements

if TYPE_CHECKING:
    from lms_etl.warehouse.warehouse import Load, Warehouse

_VIEWS = ("file_views", "video_views", "forum_views", "quiz_views", "assignment_views", "url_views")
_MEASURES = {
    "activity_counts_etl": ("views", _VIEWS),
    "user_counts_etl": ("people", ("num_students", "num_teachers")),
    "user_activity_etl": ("views", ("total_views",)),
}
"""What the totals of each table count, and the columns whose sum it is."""


def record(warehouse: "Warehouse", load: "Load", job: str, before: Source, trigger: str) -> None:
    """Adds a row if the load changed anything; belongs into the load's transaction, after the rows are replaced.

    A day that is as it was costs nothing. The numbers of before are read on another connection, which still sees
    what is committed.
    """
    counters = load.counters
    changed = counters.inserted + counters.updated + counters.deleted
    if not changed or load.day is None:
        return
    measure, columns = _MEASURES[load.table.name]
    with warehouse.reading() as reader:
        old = _by_course(reader, load.table, columns, load.day)
    new = _by_course(load.connection, load.table, columns, load.day)
    change = {course: new.get(course, 0) - old.get(course, 0) for course in sorted({*old, *new})}
    biggest = max(change, key=lambda course: abs(change[course]), default=None)
    by_how_much = 0 if biggest is None else change[biggest]
    row = {
        "target_date": load.day,
        "job_name": job,
        "reason": _reason(load.connection, load.day) or f"loaded again by {trigger}",
        "rows_read_before": before.rows_read,
        "rows_read_after": counters.read,
        "measure": measure,
        "total_before": sum(old.values()),
        "total_after": sum(new.values()),
        "courses_changed": changed,
        "biggest_course": biggest if by_how_much else None,
        "biggest_change": by_how_much,
        "run_id": load.run,
        "recorded_at": registry.utc_now(),
    }
    load.connection.execute(sa.insert(restatements), row)


def _by_course(connection: sa.Connection, table: sa.Table, columns: tuple[str, ...], day: date) -> dict[int, int]:
    """The measure of each course on a day."""
    measure: Any = sum((table.c[name] for name in columns[1:]), table.c[columns[0]])
    query = sa.select(table.c[tables.key_column(table)], measure).where(table.c.extraction_date == day)
    return {course: int(value) for course, value in connection.execute(query)}


def _reason(connection: sa.Connection, day: date) -> str | None:
    """The reason of the request that the load is a part of, if it came from the queue."""
    query = sa.select(runs.c.reason).where(runs.c.live_key == registry.live_key("pipeline", day))
    return connection.execute(query).scalar()


def latest(connection: sa.Connection, since: date) -> list[dict[str, Any]]:
    """The restatements of the days from `since` on, newest first."""
    query = sa.select(restatements).where(restatements.c.target_date >= since).order_by(restatements.c.id.desc())
    return [dict(row) for row in connection.execute(query).mappings()]
