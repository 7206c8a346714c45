"""Days of rows to load, and what a warehouse then holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pandas as pd
import sqlalchemy as sa

from lms_etl.settings import Settings
from lms_etl.warehouse import registry, schema, tables
from lms_etl.warehouse.warehouse import Warehouse

DAY = date(2026, 3, 22)
NEXT_DAY = date(2026, 3, 23)
CALLER = registry.Caller("cli")
JOBS = {"activity_counts": tables.activity_counts, "user_counts": tables.user_counts}


@contextmanager
def warehouse_at(url: str, **settings: Any) -> Iterator[Warehouse]:
    """The warehouse at a URL, closed afterwards."""
    if url.startswith("mysql"):
        # PyMySQL loads the system's certificates for each connection, 30 ms, although nothing is encrypted here.
        url += "&ssl_disabled=true"
    opened = Warehouse(Settings(warehouse_database_url=url, **settings))
    try:
        yield opened
    finally:
        opened.close()


def lay_tables(warehouse: Warehouse) -> None:
    """Gives an empty database the tables of the newest schema.

    What the migrations say is recorded once for each dialect and repeated for the other thousand databases of a test
    session, which takes a third of the time; that the migrations themselves are right is test_schema.py's to prove.
    """
    dialect = warehouse.engine.dialect.name
    if dialect not in _LAID:
        _LAID[dialect] = _recorded(warehouse)
        return
    connection = warehouse.engine.raw_connection()
    try:
        cursor = connection.cursor()
        if dialect == "sqlite":
            cursor.executescript(";".join(_LAID[dialect]))
        else:
            for statement in _LAID[dialect] if dialect == "mysql" else [";".join(_LAID[dialect])]:
                cursor.execute(statement)
        connection.commit()
    finally:
        connection.close()


_LAID: dict[str, list[str]] = {}


def _recorded(warehouse: Warehouse) -> list[str]:
    """Migrates, and returns the statements that changed something."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.lstrip().lower().startswith(("create", "alter", "comment", "insert", "update", "drop")):
            return
        assert not parameters, f"a migration binds values, so its statements cannot be repeated: {statement}"
        said.append(statement)

    sa.event.listen(warehouse.engine, "before_cursor_execute", note)
    schema.migrate(warehouse)
    sa.event.remove(warehouse.engine, "before_cursor_execute", note)
    return said


def counts(views: dict[int, int]) -> pd.DataFrame:
    """Rows of activity_counts_etl: for each course its views of files; the other counts are 0."""
    rows = pd.DataFrame(dict.fromkeys(tables.loaded_columns(tables.activity_counts), 0), index=range(len(views)))
    return rows.assign(courseid=list(views), file_views=list(views.values()), active_days=1, student_views=None)


def people(students: dict[int, int]) -> pd.DataFrame:
    """Rows of user_counts_etl: for each course its students; one teacher each."""
    return pd.DataFrame(
        {"courseid": list(students), "num_students": list(students.values()), "num_teachers": 1, "basis": "current"}
    )


def activity(courses: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows of user_activity_etl: each course is named by the columns that matter, the rest is 0, '' or None."""
    blank: dict[str, Any] = dict.fromkeys(tables.loaded_columns(tables.user_activity), 0)
    texts = dict.fromkeys(("course_id", "id_number", "course_name", "course_shortname"), "")
    missing = dict.fromkeys(("avg_activity_per_student_per_day", "student_views"))
    return pd.DataFrame([blank | texts | missing | course for course in courses], dtype=object)


def load(warehouse: Warehouse, views: dict[int, int], day: date = DAY, **replaced: Any) -> registry.Counters:
    """Loads a day of activity_counts_etl and returns what the load counted."""
    with warehouse.loading("activity_counts", tables.activity_counts, day, CALLER) as opened:
        opened.replace(counts(views), **replaced)
    return opened.counters


def stored(warehouse: Warehouse, table: sa.Table = tables.activity_counts) -> list[dict[str, Any]]:
    """All rows of a table in the order of their days and keys."""
    with warehouse.reading() as connection:
        rows = connection.execute(sa.select(table).order_by(table.c.extraction_date, table.c[tables.key_column(table)]))
        return [dict(row) for row in rows.mappings()]


def views_of(warehouse: Warehouse, day: date = DAY) -> dict[int, int]:
    """Course and views of files of a day, as a reader sees them now."""
    return {row["courseid"]: row["file_views"] for row in stored(warehouse) if row["extraction_date"] == day}


def runs(warehouse: Warehouse) -> list[dict[str, Any]]:
    """The rows of the registry, oldest first."""
    with warehouse.reading() as connection:
        return list(reversed(registry.latest(connection)))
