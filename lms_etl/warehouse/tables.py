"""Every table of the warehouse, one MetaData for PostgreSQL, MySQL/MariaDB and SQLite.

Names and columns of the four documented tables are the documented ones, because people's SQL reads them already.
Keys lead with the day: with the course first, delete and join by day scan the growing table (a year took 47 s
instead of 15 s).
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.compiler import compiles

SCHEMA_VERSION = "0007"
"""The newest migration: what `lms-etl migrate` brings a warehouse to."""

metadata = sa.MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""Automatic ids; SQLite counts only in a column declared INTEGER."""

Text = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
Moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
"""UTC, to the microsecond where the database can."""


class Now(sa.sql.expression.ColumnElement[Any]):
    """The default of a Moment column. MySQL wants the default to name the column's own number of digits."""

    inherit_cache = True


@compiles(Now)
def _now(_element: Now, _compiler: Any, **_: Any) -> str:
    return "current_timestamp"


@compiles(Now, "mysql", "mariadb")
def _now_mysql(_element: Now, _compiler: Any, **_: Any) -> str:
    return "current_timestamp(6)"


def _id() -> sa.Column[Any]:
    return sa.Column("id", Id, primary_key=True, autoincrement=True, comment="Number of the row")


def _count(name: str, comment: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, nullable=False, server_default="0", comment=comment)


def _day() -> sa.Column[Any]:
    return sa.Column("extraction_date", sa.Date, nullable=False, comment="Local day of the site that the row is about")


def _stamps() -> tuple[sa.Column[Any], sa.Column[Any]]:
    return (
        sa.Column("created_at", Moment, nullable=False, server_default=Now(), comment="First loaded, UTC"),
        sa.Column("updated_at", Moment, nullable=False, server_default=Now(), comment="Last changed, UTC"),
    )


def _views() -> list[sa.Column[Any]]:
    return [
        _count("file_views", "Views of files (mod_resource)"),
        _count("video_views", "Views of pages (mod_page), which the report counts as videos"),
        _count("forum_views", "Views of forums (mod_forum)"),
        _count("quiz_views", "Views of quizzes (mod_quiz)"),
        _count("assignment_views", "Views of assignments (mod_assign)"),
        _count("url_views", "Views of links (mod_url)"),
    ]


def _student_views() -> sa.Column[Any]:
    comment = "Views by the course's students alone; NULL unless LMS_ETL_STUDENT_VIEWS is on"
    return sa.Column("student_views", sa.Integer, comment=comment)


def _active_days() -> list[sa.Column[Any]]:
    return [
        _count("active_days", "Local days from the first to the last view, both included"),
        _count("distinct_active_days", "Local days with a view"),
    ]


def _table(name: str, *columns: Any, comment: str) -> sa.Table:
    return sa.Table(name, metadata, *columns, comment=comment, mysql_engine="InnoDB", mysql_charset="utf8mb4")


courses = _table(
    "courses",
    sa.Column("moodle_course_id", sa.BigInteger, primary_key=True, autoincrement=False, comment="mdl_course.id"),
    sa.Column("id_number", Text, comment="Course idnumber as text, may be empty"),
    sa.Column("course_name", Text, comment="Full name"),
    sa.Column("course_shortname", Text, comment="Short name"),
    sa.Column("visible", sa.SmallInteger, nullable=False, comment="1 visible, 0 hidden"),
    sa.Column("category_id", sa.BigInteger, comment="mdl_course_categories.id; 0 for the front page"),
    sa.Column("category_name", Text, comment="Name of the course's category"),
    sa.Column("category_idnumber", Text, comment="Its idnumber: may be NULL or empty"),
    sa.Column("category_path", Text, comment="Names from the top category down, joined by ' / '"),
    sa.Column("directorate_id", sa.BigInteger, comment="Id of the top category"),
    sa.Column("directorate", Text, comment="Name of the top category"),
    sa.Column("unit_id", sa.BigInteger, comment="Id of the second category on the path, NULL if there is none"),
    sa.Column("unit", Text, comment="Name of the second category on the path"),
    *_stamps(),
    comment="Courses of Moodle as last seen, one row a course",
)

activity_counts = _table(
    "activity_counts_etl",
    _id(),
    sa.Column("courseid", sa.BigInteger, nullable=False, comment="mdl_course.id; 0 for views outside any course"),
    *_views(),
    *_active_days(),
    _student_views(),
    _day(),
    *_stamps(),
    sa.UniqueConstraint("extraction_date", "courseid", name="unique_course_date"),
    comment="Views of one course on one local day, only courses with a view",
)

user_counts = _table(
    "user_counts_etl",
    _id(),
    sa.Column("courseid", sa.BigInteger, nullable=False, comment="mdl_course.id"),
    _count("num_students", "Different people with a student's role in the course"),
    _count("num_teachers", "Different people with a teacher's role in the course"),
    sa.Column(
        "basis",
        sa.String(10),
        nullable=False,
        server_default="current",
        comment="observed: counted the day after; current: counted later, since Moodle keeps no past of its roles",
    ),
    _day(),
    *_stamps(),
    sa.UniqueConstraint("extraction_date", "courseid", name="unique_course_date_users"),
    comment="People in one course on one local day",
)

user_activity = _table(
    "user_activity_etl",
    _id(),
    sa.Column("moodle_course_id", sa.BigInteger, nullable=False, comment="mdl_course.id"),
    sa.Column(
        "course_id", Text, comment="Category idnumber, as the report defines it; shared by courses of a category"
    ),
    sa.Column("id_number", Text, comment="Course idnumber as text, may be empty"),
    sa.Column("course_name", Text, comment="Full name"),
    sa.Column("course_shortname", Text, comment="Short name"),
    _count("num_teachers", "Different people with a teacher's role in the course"),
    _count("num_students", "Different people with a student's role in the course"),
    *_views(),
    _count("total_views", "Sum of the six kinds of views"),
    sa.Column(
        "avg_activity_per_student_per_day",
        sa.Numeric(10, 2),
        comment="total_views / num_students / active_days, rounded half up; NULL without students or active days",
    ),
    *_active_days(),
    _student_views(),
    _day(),
    *_stamps(),
    sa.UniqueConstraint("extraction_date", "moodle_course_id", name="unique_moodle_course_date"),
    comment="The report: one visible course on one local day",
)

etl_job_runs = _table(
    "etl_job_runs",
    _id(),
    sa.Column("job_name", sa.String(100), nullable=False, comment="activity_counts, user_counts, user_activity, ..."),
    sa.Column("target_date", sa.Date, comment="Local day that the run loads; NULL for a snapshot"),
    sa.Column("trigger", sa.String(20), nullable=False, comment="schedule, sensor, api, cli, backfill or ui"),
    sa.Column("status", sa.String(10), nullable=False, comment="QUEUED RUNNING SUCCESS FAILED SKIPPED MISSED STOPPED"),
    sa.Column("live_key", sa.String(120), unique=True, comment="job:day while queued or running, else NULL"),
    sa.Column(
        "attempt", sa.Integer, nullable=False, server_default="1", comment="1 for the first run of a job and day"
    ),
    sa.Column("progress_offset", sa.BigInteger, nullable=False, server_default="0", comment="Rows loaded so far"),
    sa.Column("numrow", sa.BigInteger, nullable=False, server_default="0", comment="Rows to load"),
    sa.Column("limit_size", sa.Integer, nullable=False, server_default="1000", comment="Rows per batch"),
    sa.Column("rows_read", sa.BigInteger, nullable=False, server_default="0", comment="Rows read from the source"),
    sa.Column("rows_inserted", sa.BigInteger, nullable=False, server_default="0", comment="Rows added"),
    sa.Column("rows_updated", sa.BigInteger, nullable=False, server_default="0", comment="Rows changed"),
    sa.Column("rows_deleted", sa.BigInteger, nullable=False, server_default="0", comment="Rows removed"),
    sa.Column(
        "rows_rejected", sa.BigInteger, nullable=False, server_default="0", comment="Rows that could not be loaded"
    ),
    sa.Column("source_max_id", sa.BigInteger, comment="Largest source id that the run has seen"),
    sa.Column("duration_seconds", sa.Numeric(12, 3), comment="completed_at minus started_at"),
    sa.Column("error", Text, comment="Why it failed"),
    sa.Column("dagster_run_id", sa.String(36), comment="Run in Dagster"),
    sa.Column("root_run_id", sa.String(36), comment="First run in Dagster of which this one is a retry"),
    sa.Column("heartbeat_at", Moment, comment="Last sign of life, UTC"),
    sa.Column("requested_at", Moment, nullable=False, server_default=Now(), comment="UTC"),
    sa.Column("started_at", Moment, comment="UTC"),
    sa.Column("completed_at", Moment, comment="UTC"),
    sa.Column("reason", Text, comment="Why it was asked for, skipped, missed or stopped"),
    sa.Column("late", sa.SmallInteger, nullable=False, server_default="0", comment="1 if the day's window was closed"),
    sa.Column("forced", sa.SmallInteger, nullable=False, server_default="0", comment="1 if asked for with force"),
    sa.Column("stop_requested_at", Moment, comment="When somebody asked it to stop, UTC"),
    sa.Index("ix_etl_job_runs_day", "job_name", "target_date", "status"),
    sa.Index("ix_etl_job_runs_completed_at", "completed_at"),
    sa.Index("ix_etl_job_runs_dagster_run_id", "dagster_run_id"),
    comment="Every run of every job and day: registry and queue",
)

etl_days = _table(
    "etl_days",
    sa.Column("job_name", sa.String(100), primary_key=True, comment="activity_counts, user_counts, user_activity, ..."),
    sa.Column("target_date", sa.Date, primary_key=True, comment="Local day of the site"),
    sa.Column(
        "state", sa.String(10), comment="met, late or missed; NULL before the window closes or the day is loaded"
    ),
    sa.Column(
        "margin_minutes", sa.Integer, comment="Minutes from the first load to the window's end, below 0 when late"
    ),
    sa.Column("first_completed_at", Moment, comment="First successful load, UTC"),
    sa.Column("last_completed_at", Moment, comment="Last successful load, UTC"),
    sa.Column("missed_at", Moment, comment="When the window closed without a load, UTC"),
    sa.Column("run_id", sa.BigInteger, comment="etl_job_runs.id of the last successful load"),
    sa.Column("rows_read", sa.BigInteger, comment="Rows of the source that the last load was made of"),
    sa.Column("source_max_id", sa.BigInteger, comment="Largest source id that the last load has seen"),
    sa.Column("reason", Text, comment="Why it is late or missed"),
    comment="The receipt of every job and day: kept for ever, also when finished runs are purged from the registry",
)

api_users = _table(
    "api_users",
    sa.Column("username", sa.String(100), primary_key=True, comment="As tokens name it, and the user claim of a JWT"),
    sa.Column("role", sa.String(10), nullable=False, comment="admin: every row and every action; reader: own rows"),
    sa.Column("created_at", Moment, nullable=False, server_default=Now(), comment="UTC"),
    sa.Column("disabled_at", Moment, comment="Since when the user may do nothing, UTC"),
    comment="Who may use the API, and with which privilege",
)

api_filters = _table(
    "api_filters",
    sa.Column(
        "username",
        sa.String(100),
        sa.ForeignKey("api_users.username", name="fk_api_filters_username"),
        primary_key=True,
        comment="api_users.username",
    ),
    sa.Column("kind", sa.String(12), primary_key=True, comment="directorate or unit"),
    sa.Column(
        "category_id",
        sa.BigInteger,
        primary_key=True,
        autoincrement=False,
        comment="courses.directorate_id or courses.unit_id, by kind",
    ),
    comment="The directorates and units whose rows a reader may read; without any, none",
)

api_tokens = _table(
    "api_tokens",
    _id(),
    sa.Column(
        "username",
        sa.String(100),
        sa.ForeignKey("api_users.username", name="fk_api_tokens_username"),
        nullable=False,
        comment="On whose behalf it acts",
    ),
    sa.Column("note", sa.String(200), comment="What it is used for"),
    sa.Column("prefix", sa.String(16), nullable=False, comment="Its first characters, to know it by; no secret"),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True, comment="SHA-256 of the whole token, hex"),
    sa.Column("created_at", Moment, nullable=False, server_default=Now(), comment="UTC"),
    sa.Column("expires_at", Moment, comment="From then on it is refused, UTC; NULL for never"),
    sa.Column("revoked_at", Moment, comment="When it was revoked, UTC"),
    sa.Column("last_used_at", Moment, comment="Last accepted, UTC; written about once a minute"),
    sa.Index("ix_api_tokens_prefix", "prefix"),
    comment="Tokens of the API; the token itself is nowhere",
)

VIEWS = {
    "log_scheduler": (
        "id",
        "batch_name",
        "offset",
        "numrow",
        "status",
        "limit_size",
        "start_date",
        "end_date",
        "error_details",
        "created_at",
        "target_date",
    ),
    "bi_user_activity": (
        "extraction_date",
        "moodle_course_id",
        "course_id",
        "id_number",
        "course_name",
        "course_shortname",
        "directorate_id",
        "directorate",
        "unit_id",
        "unit",
        "num_teachers",
        "num_students",
        "file_views",
        "video_views",
        "forum_views",
        "quiz_views",
        "assignment_views",
        "url_views",
        "total_views",
        "avg_activity_per_student_per_day",
        "active_days",
        "distinct_active_days",
        "student_views",
        "updated_at",
    ),
    "bi_days": ("extraction_date", "state", "first_completed_at", "last_completed_at", "rows_read", "loaded"),
}
"""The views, each the query of sql/warehouse/<name>.sql, and the names of their columns in order."""

FACTS = (activity_counts, user_counts, user_activity)
"""The tables that are loaded day by day."""


def key_column(table: sa.Table) -> str:
    """The column that with the day identifies a row: courseid or moodle_course_id."""
    return "courseid" if "courseid" in table.c else "moodle_course_id"


def loaded_columns(table: sa.Table) -> list[str]:
    """The columns a load provides: all but the automatic id, the day and the two timestamps."""
    automatic = {"id", "extraction_date", "created_at", "updated_at"}
    return [column.name for column in table.columns if column.name not in automatic]
