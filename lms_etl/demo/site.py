"""Writes a demo site into a database."""

from collections.abc import Callable, Iterator

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from lms_etl.databases import parse_url
from lms_etl.demo.categories import category_columns
from lms_etl.demo.completions import Completions
from lms_etl.demo.contexts import context_columns
from lms_etl.demo.courses import course_columns, courses_by_category
from lms_etl.demo.enrolments import enrol_columns, role_assignment_columns, role_columns, user_enrolment_columns
from lms_etl.demo.log import log_chunks
from lms_etl.demo.modules import module_columns, type_columns
from lms_etl.demo.people import user_columns
from lms_etl.demo.plan import Plan, plan_of
from lms_etl.demo.schema import moodle_tables
from lms_etl.demo.shape import SiteShape
from lms_etl.warehouse.bulk import insert_columns

_LOG = "logstore_standard_log"
_SESSION = {
    "sqlite": ["pragma synchronous = off", "pragma cache_size = -200000"],
    "postgresql": ["set synchronous_commit = off", "set maintenance_work_mem = '256MB'"],
    "mysql": ["set unique_checks = 0"],
}
"""Said once on the connection that builds the site: a site that a crash cut short is simply built again."""


def build_site(url: str | sa.URL, shape: SiteShape, progress: Callable[[int, int], None] | None = None) -> None:
    """Creates the Moodle tables in the database at `url`, or replaces them, and fills them.

    `progress` gets (log rows written, log rows in all) after every chunk. Each chunk is one transaction; the secondary
    indexes follow at the end, which is several times faster than keeping them up to date.
    """
    plan = plan_of(shape)
    metadata = moodle_tables(shape.prefix)
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            for statement in _SESSION.get(connection.dialect.name, []):
                connection.exec_driver_sql(statement)
            _create(connection, metadata)
            written = 0
            for name, columns, rows in _loads(plan):
                insert_columns(connection, metadata.tables[shape.prefix + name], columns, rows)
                connection.commit()
                if name == _LOG and progress:
                    written += rows
                    progress(written, shape.log_rows)
            _finish(connection, metadata)
    finally:
        engine.dispose()


def _engine(url: str | sa.URL) -> sa.Engine:
    """An engine without a pool. MySQL and MariaDB must allow LOAD DATA LOCAL for the fast load."""
    text = url if isinstance(url, str) else url.render_as_string(hide_password=False)
    parsed = parse_url(text, "the demo site's URL")
    arguments = {"local_infile": 1, "charset": "utf8mb4"} if parsed.get_backend_name() == "mysql" else {}
    return sa.create_engine(parsed, connect_args=arguments, poolclass=sa.NullPool)


def _create(connection: sa.Connection, metadata: sa.MetaData) -> None:
    metadata.drop_all(connection)
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table))
    connection.commit()


def _loads(plan: Plan) -> Iterator[tuple[str, dict[str, object], int]]:
    """(table without prefix, columns, rows) of every load, the log last."""
    shape, courses, people = plan.shape, plan.courses, plan.people
    completions = Completions(shape, courses, people, plan.classes, plan.modules)
    small = {
        "role": role_columns(),
        "modules": type_columns(),
        "course_categories": category_columns(plan.tree, courses_by_category(courses), shape),
        "user": user_columns(people, shape),
        "course": course_columns(courses, shape),
        "course_modules": module_columns(plan.modules, courses, shape),
        "context": context_columns(plan.contexts, plan.tree, people.living, courses, plan.modules),
        "enrol": enrol_columns(courses),
        "user_enrolments": user_enrolment_columns(shape, courses, people, plan.classes),
        "role_assignments": role_assignment_columns(shape, courses, people, plan.classes, plan.contexts),
        "course_modules_completion": completions.module_columns(),
        "course_completions": completions.course_columns(),
    }
    for name, columns in small.items():
        yield name, columns, len(columns["id"])  # type: ignore[arg-type]
    for chunk in log_chunks(plan):
        yield _LOG, dict(chunk), len(chunk["id"])


def _finish(connection: sa.Connection, metadata: sa.MetaData) -> None:
    """Indexes, statistics for the planner, and on PostgreSQL the sequences, which know nothing of given ids."""
    dialect, quote = connection.dialect.name, connection.dialect.identifier_preparer.quote
    for table in metadata.sorted_tables:
        _add_indexes(connection, table)
        name = quote(table.name)
        connection.exec_driver_sql(f"analyze table {name}" if dialect == "mysql" else f"analyze {name}")
        if dialect == "postgresql":
            connection.execute(
                sa.select(sa.func.setval(sa.func.pg_get_serial_sequence(name, "id"), sa.func.max(table.c.id)))
            )
        connection.commit()


def _add_indexes(connection: sa.Connection, table: sa.Table) -> None:
    """InnoDB adds all indexes named in one statement in one pass: 9 s against 15 s for a log of a million rows."""
    indexes = sorted(table.indexes, key=lambda index: str(index.name))
    if connection.dialect.name != "mysql":
        for index in indexes:
            connection.execute(CreateIndex(index))
    elif indexes:
        quote = connection.dialect.identifier_preparer.quote
        additions = [
            f"add {'unique ' if index.unique else ''}index {quote(str(index.name))} "
            f"({', '.join(quote(column.name) for column in index.columns)})"
            for index in indexes
        ]
        connection.exec_driver_sql(f"alter table {quote(table.name)} {', '.join(additions)}")
    connection.commit()
