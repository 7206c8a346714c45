"""The tables of system 1, the registry of runs, and log_scheduler as a view of it."""

import sqlalchemy as sa
from alembic import op

from lms_etl.warehouse.reference import view
from lms_etl.warehouse.tables import Id, Moment, Now, Text

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "activity_counts_etl",
        sa.Column("id", Id, autoincrement=True, nullable=False, comment="Number of the row"),
        sa.Column("courseid", sa.BigInteger(), nullable=False, comment="mdl_course.id; 0 for views outside any course"),
        sa.Column(
            "file_views", sa.Integer(), server_default="0", nullable=False, comment="Views of files (mod_resource)"
        ),
        sa.Column(
            "video_views",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Views of pages (mod_page), which the report counts as videos",
        ),
        sa.Column(
            "forum_views", sa.Integer(), server_default="0", nullable=False, comment="Views of forums (mod_forum)"
        ),
        sa.Column(
            "quiz_views", sa.Integer(), server_default="0", nullable=False, comment="Views of quizzes (mod_quiz)"
        ),
        sa.Column(
            "assignment_views",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Views of assignments (mod_assign)",
        ),
        sa.Column("url_views", sa.Integer(), server_default="0", nullable=False, comment="Views of links (mod_url)"),
        sa.Column(
            "active_days",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Local days from the first to the last view, both included",
        ),
        sa.Column(
            "distinct_active_days", sa.Integer(), server_default="0", nullable=False, comment="Local days with a view"
        ),
        sa.Column(
            "student_views",
            sa.Integer(),
            nullable=True,
            comment="Views by the course's students alone; NULL unless LMS_ETL_STUDENT_VIEWS is on",
        ),
        sa.Column("extraction_date", sa.Date(), nullable=False, comment="Local day of the site that the row is about"),
        sa.Column("created_at", Moment, server_default=Now(), nullable=False, comment="First loaded, UTC"),
        sa.Column("updated_at", Moment, server_default=Now(), nullable=False, comment="Last changed, UTC"),
        sa.PrimaryKeyConstraint("id", name="pk_activity_counts_etl"),
        sa.UniqueConstraint("extraction_date", "courseid", name="unique_course_date"),
        comment="Views of one course on one local day, only courses with a view",
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "courses",
        sa.Column("moodle_course_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="mdl_course.id"),
        sa.Column("id_number", Text, nullable=True, comment="Course idnumber as text, may be empty"),
        sa.Column("course_name", Text, nullable=True, comment="Full name"),
        sa.Column("course_shortname", Text, nullable=True, comment="Short name"),
        sa.Column("visible", sa.SmallInteger(), nullable=False, comment="1 visible, 0 hidden"),
        sa.Column(
            "category_id", sa.BigInteger(), nullable=True, comment="mdl_course_categories.id; 0 for the front page"
        ),
        sa.Column("category_name", Text, nullable=True, comment="Name of the course's category"),
        sa.Column("category_idnumber", Text, nullable=True, comment="Its idnumber: may be NULL or empty"),
        sa.Column("category_path", Text, nullable=True, comment="Names from the top category down, joined by ' / '"),
        sa.Column("directorate_id", sa.BigInteger(), nullable=True, comment="Id of the top category"),
        sa.Column("directorate", Text, nullable=True, comment="Name of the top category"),
        sa.Column(
            "unit_id",
            sa.BigInteger(),
            nullable=True,
            comment="Id of the second category on the path, NULL if there is none",
        ),
        sa.Column("unit", Text, nullable=True, comment="Name of the second category on the path"),
        sa.Column("created_at", Moment, server_default=Now(), nullable=False, comment="First loaded, UTC"),
        sa.Column("updated_at", Moment, server_default=Now(), nullable=False, comment="Last changed, UTC"),
        sa.PrimaryKeyConstraint("moodle_course_id", name="pk_courses"),
        comment="Courses of Moodle as last seen, one row a course",
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "etl_job_runs",
        sa.Column("id", Id, autoincrement=True, nullable=False, comment="Number of the row"),
        sa.Column(
            "job_name",
            sa.String(length=100),
            nullable=False,
            comment="activity_counts, user_counts, user_activity, ...",
        ),
        sa.Column("target_date", sa.Date(), nullable=True, comment="Local day that the run loads; NULL for a snapshot"),
        sa.Column(
            "trigger", sa.String(length=20), nullable=False, comment="schedule, sensor, api, cli, backfill or ui"
        ),
        sa.Column(
            "status", sa.String(length=10), nullable=False, comment="QUEUED RUNNING SUCCESS FAILED SKIPPED MISSED"
        ),
        sa.Column(
            "live_key", sa.String(length=120), nullable=True, comment="job:day while queued or running, else NULL"
        ),
        sa.Column(
            "attempt", sa.Integer(), server_default="1", nullable=False, comment="1 for the first run of a job and day"
        ),
        sa.Column("progress_offset", sa.BigInteger(), server_default="0", nullable=False, comment="Rows loaded so far"),
        sa.Column("numrow", sa.BigInteger(), server_default="0", nullable=False, comment="Rows to load"),
        sa.Column("limit_size", sa.Integer(), server_default="1000", nullable=False, comment="Rows per batch"),
        sa.Column(
            "rows_read", sa.BigInteger(), server_default="0", nullable=False, comment="Rows read from the source"
        ),
        sa.Column("rows_inserted", sa.BigInteger(), server_default="0", nullable=False, comment="Rows added"),
        sa.Column("rows_updated", sa.BigInteger(), server_default="0", nullable=False, comment="Rows changed"),
        sa.Column("rows_deleted", sa.BigInteger(), server_default="0", nullable=False, comment="Rows removed"),
        sa.Column(
            "rows_rejected",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="Rows that could not be loaded",
        ),
        sa.Column("source_max_id", sa.BigInteger(), nullable=True, comment="Largest source id that the run has seen"),
        sa.Column(
            "duration_seconds",
            sa.Numeric(precision=12, scale=3),
            nullable=True,
            comment="completed_at minus started_at",
        ),
        sa.Column("error", Text, nullable=True, comment="Why it failed"),
        sa.Column("dagster_run_id", sa.String(length=36), nullable=True, comment="Run in Dagster"),
        sa.Column(
            "root_run_id",
            sa.String(length=36),
            nullable=True,
            comment="First run in Dagster of which this one is a retry",
        ),
        sa.Column("heartbeat_at", Moment, nullable=True, comment="Last sign of life, UTC"),
        sa.Column("requested_at", Moment, server_default=Now(), nullable=False, comment="UTC"),
        sa.Column("started_at", Moment, nullable=True, comment="UTC"),
        sa.Column("completed_at", Moment, nullable=True, comment="UTC"),
        sa.PrimaryKeyConstraint("id", name="pk_etl_job_runs"),
        sa.UniqueConstraint("live_key"),
        comment="Every run of every job and day: registry and queue",
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_etl_job_runs_day", "etl_job_runs", ["job_name", "target_date", "status"], unique=False)
    op.create_table(
        "user_activity_etl",
        sa.Column("id", Id, autoincrement=True, nullable=False, comment="Number of the row"),
        sa.Column("moodle_course_id", sa.BigInteger(), nullable=False, comment="mdl_course.id"),
        sa.Column(
            "course_id",
            Text,
            nullable=True,
            comment="Category idnumber, as the report defines it; shared by courses of a category",
        ),
        sa.Column("id_number", Text, nullable=True, comment="Course idnumber as text, may be empty"),
        sa.Column("course_name", Text, nullable=True, comment="Full name"),
        sa.Column("course_shortname", Text, nullable=True, comment="Short name"),
        sa.Column(
            "num_teachers",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Different people with a teacher's role in the course",
        ),
        sa.Column(
            "num_students",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Different people with a student's role in the course",
        ),
        sa.Column(
            "file_views", sa.Integer(), server_default="0", nullable=False, comment="Views of files (mod_resource)"
        ),
        sa.Column(
            "video_views",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Views of pages (mod_page), which the report counts as videos",
        ),
        sa.Column(
            "forum_views", sa.Integer(), server_default="0", nullable=False, comment="Views of forums (mod_forum)"
        ),
        sa.Column(
            "quiz_views", sa.Integer(), server_default="0", nullable=False, comment="Views of quizzes (mod_quiz)"
        ),
        sa.Column(
            "assignment_views",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Views of assignments (mod_assign)",
        ),
        sa.Column("url_views", sa.Integer(), server_default="0", nullable=False, comment="Views of links (mod_url)"),
        sa.Column(
            "total_views", sa.Integer(), server_default="0", nullable=False, comment="Sum of the six kinds of views"
        ),
        sa.Column(
            "avg_activity_per_student_per_day",
            sa.Numeric(precision=10, scale=2),
            nullable=True,
            comment="total_views / num_students / active_days, rounded half up; NULL without students or active days",
        ),
        sa.Column(
            "active_days",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Local days from the first to the last view, both included",
        ),
        sa.Column(
            "distinct_active_days", sa.Integer(), server_default="0", nullable=False, comment="Local days with a view"
        ),
        sa.Column(
            "student_views",
            sa.Integer(),
            nullable=True,
            comment="Views by the course's students alone; NULL unless LMS_ETL_STUDENT_VIEWS is on",
        ),
        sa.Column("extraction_date", sa.Date(), nullable=False, comment="Local day of the site that the row is about"),
        sa.Column("created_at", Moment, server_default=Now(), nullable=False, comment="First loaded, UTC"),
        sa.Column("updated_at", Moment, server_default=Now(), nullable=False, comment="Last changed, UTC"),
        sa.PrimaryKeyConstraint("id", name="pk_user_activity_etl"),
        sa.UniqueConstraint("extraction_date", "moodle_course_id", name="unique_moodle_course_date"),
        comment="The report: one visible course on one local day",
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "user_counts_etl",
        sa.Column("id", Id, autoincrement=True, nullable=False, comment="Number of the row"),
        sa.Column("courseid", sa.BigInteger(), nullable=False, comment="mdl_course.id"),
        sa.Column(
            "num_students",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Different people with a student's role in the course",
        ),
        sa.Column(
            "num_teachers",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Different people with a teacher's role in the course",
        ),
        sa.Column(
            "basis",
            sa.String(length=10),
            server_default="current",
            nullable=False,
            comment="observed: counted the day after; current: counted later, since Moodle keeps no past of its roles",
        ),
        sa.Column("extraction_date", sa.Date(), nullable=False, comment="Local day of the site that the row is about"),
        sa.Column("created_at", Moment, server_default=Now(), nullable=False, comment="First loaded, UTC"),
        sa.Column("updated_at", Moment, server_default=Now(), nullable=False, comment="Last changed, UTC"),
        sa.PrimaryKeyConstraint("id", name="pk_user_counts_etl"),
        sa.UniqueConstraint("extraction_date", "courseid", name="unique_course_date_users"),
        comment="People in one course on one local day",
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.execute(view("log_scheduler", op.get_bind().dialect))


def downgrade() -> None:
    op.execute("drop view log_scheduler")
    op.drop_table("courses")
    op.drop_table("activity_counts_etl")
    op.drop_table("user_counts_etl")
    op.drop_table("user_activity_etl")
    op.drop_table("etl_job_runs")
