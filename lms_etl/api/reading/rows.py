"""The statements that read the report, and their rows: a page at once, or all through a cursor of the server."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from lms_etl import databases
from lms_etl.api.reading.changes import Changes
from lms_etl.api.reading.columns import EXPORTED
from lms_etl.api.reading.cursors import Cursor, Filters
from lms_etl.api.scope import Scope
from lms_etl.warehouse.tables import user_activity as report
from lms_etl.warehouse.warehouse import SETTING, Warehouse

Rows = Sequence[Sequence[Any]]
CHUNK = 2000
"""Rows that are in memory at a time: about 2 MB."""

_ORDER = (report.c.extraction_date, report.c.moodle_course_id)
"""The order of every answer: the unique key, so it is total and an index has it."""


def view_of(warehouse: Warehouse) -> sa.Connection:
    """A connection whose statements all see the moment of the first one. The caller closes it."""
    with databases.plain_errors(SETTING, warehouse.url):
        connection = warehouse.engine.connect()
        if connection.dialect.name != "sqlite":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        return connection


def glance_of(warehouse: Warehouse) -> sa.Connection:
    """A connection for one statement, without the round trips of a transaction. The caller closes it."""
    connection = warehouse.engine.connect()
    # SQLite has no round trips, and its driver would leave the mode that our transactions need.
    if connection.dialect.name == "sqlite":
        return connection
    return connection.execution_options(isolation_level="AUTOCOMMIT")


def selected(scope: Scope, filters: Filters, changes: Changes | None, dialect: str) -> sa.Select[Any]:
    """The rows of a pull, in order."""
    conditions = [scope.of_course(report.c.moodle_course_id), *_of_days(filters), *_of_course(filters, dialect)]
    if changes is not None:
        conditions.append(report.c.extraction_date.in_(changes.changed))
        whole = report.c.extraction_date.in_(changes.replaced)
        conditions.append(sa.or_(report.c.updated_at > filters.updated_since, whole))
    return sa.select(*(report.c[column.name] for column in EXPORTED)).where(*conditions).order_by(*_ORDER)


def after(cursor: Cursor, dialect: str) -> sa.ColumnElement[bool]:
    """The rows behind a cursor, found by the index: page 1,000 reads no more than page 1."""
    day, course = _ORDER
    if dialect == "mysql":
        # MySQL compares (day, course) > (:d, :c) row by row from the first page on; of this it makes two ranges.
        return sa.or_(sa.and_(day == cursor.day, course > cursor.course), day > cursor.day)
    return sa.tuple_(day, course) > sa.tuple_(sa.literal(cursor.day), sa.literal(cursor.course))


def counted(connection: sa.Connection, query: sa.Select[Any]) -> int:
    """How many rows a pull has."""
    keys = query.with_only_columns(report.c.extraction_date, report.c.moodle_course_id).order_by(None)
    return int(connection.execute(sa.select(sa.func.count()).select_from(keys.subquery())).scalar_one())


def streamed(connection: sa.Connection, query: sa.Executable) -> Iterator[Rows]:
    """All rows in chunks, without holding them here or in the driver."""
    options = {"stream_results": True, "max_row_buffer": CHUNK}
    with abandonable(connection):
        yield from connection.execute(query, execution_options=options).partitions(CHUNK)


@contextmanager
def abandonable(connection: sa.Connection) -> Iterator[None]:
    """Gives the connection up if the reader leaves before the end: PyMySQL would read all that is left to reuse it."""
    try:
        yield
    except BaseException:
        connection.invalidate()
        raise


def _of_days(filters: Filters) -> list[sa.ColumnElement[bool]]:
    day = report.c.extraction_date
    if filters.first and filters.first == filters.last:
        return [day == filters.first]
    bounds = (day >= filters.first if filters.first else None, day <= filters.last if filters.last else None)
    return [bound for bound in bounds if bound is not None]


def _of_course(filters: Filters, dialect: str) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if filters.moodle_course_id is not None:
        conditions.append(report.c.moodle_course_id == filters.moodle_course_id)
    if filters.course_id is not None:
        # MySQL's own order of text takes math for MATH.
        exact = sa.collate(report.c.course_id, "utf8mb4_bin") if dialect == "mysql" else report.c.course_id
        conditions.append(exact == filters.course_id)
    return conditions
