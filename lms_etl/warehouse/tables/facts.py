"""Tables of system 1: courses, the counts of each day, and the report."""

from typing import Any

import sqlalchemy as sa

from lms_etl.warehouse.tables.columns import Text, count, number, stamps, table


def _day() -> sa.Column[Any]:
    return sa.Column("extraction_date", sa.Date, nullable=False, comment="Local day of the site that the row is about")


def _views() -> list[sa.Column[Any]]:
    return [
        count("file_views", "Views of files (mod_resource)"),
        count("video_views", "Views of pages (mod_page), which the report counts as videos"),
        count("forum_views", "Views of forums (mod_forum)"),
        count("quiz_views", "Views of quizzes (mod_quiz)"),
        count("assignment_views", "Views of assignments (mod_assign)"),
        count("url_views", "Views of links (mod_url)"),
    ]


def _student_views() -> sa.Column[Any]:
    comment = "Views by the course's students alone; NULL unless LMS_ETL_STUDENT_VIEWS is on"
    return sa.Column("student_views", sa.Integer, comment=comment)


def _active_days() -> list[sa.Column[Any]]:
    return [
        count("active_days", "Local days from the first to the last view, both included"),
        count("distinct_active_days", "Local days with a view"),
    ]


courses = table(
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
    *stamps(),
    comment="Courses of Moodle as last seen, one row a course",
)

activity_counts = table(
    "activity_counts_etl",
    number(),
    sa.Column("courseid", sa.BigInteger, nullable=False, comment="mdl_course.id; 0 for views outside any course"),
    *_views(),
    *_active_days(),
    _student_views(),
    _day(),
    *stamps(),
    sa.UniqueConstraint("extraction_date", "courseid", name="unique_course_date"),
    comment="Views of one course on one local day, only courses with a view",
)

user_counts = table(
    "user_counts_etl",
    number(),
    sa.Column("courseid", sa.BigInteger, nullable=False, comment="mdl_course.id"),
    count("num_students", "Different people with a student's role in the course"),
    count("num_teachers", "Different people with a teacher's role in the course"),
    sa.Column(
        "basis",
        sa.String(10),
        nullable=False,
        server_default="current",
        comment="observed: counted the day after; replayed: from role events of the log; current: counted later",
    ),
    _day(),
    *stamps(),
    sa.UniqueConstraint("extraction_date", "courseid", name="unique_course_date_users"),
    comment="People in one course on one local day",
)

user_activity = table(
    "user_activity_etl",
    number(),
    sa.Column("moodle_course_id", sa.BigInteger, nullable=False, comment="mdl_course.id"),
    sa.Column(
        "course_id", Text, comment="Category idnumber, as the report defines it; shared by courses of a category"
    ),
    sa.Column("id_number", Text, comment="Course idnumber as text, may be empty"),
    sa.Column("course_name", Text, comment="Full name"),
    sa.Column("course_shortname", Text, comment="Short name"),
    count("num_teachers", "Different people with a teacher's role in the course"),
    count("num_students", "Different people with a student's role in the course"),
    *_views(),
    count("total_views", "Sum of the six kinds of views"),
    sa.Column(
        "avg_activity_per_student_per_day",
        sa.Numeric(10, 2),
        comment="total_views / num_students / active_days, rounded half up; NULL without students or active days",
    ),
    *_active_days(),
    _student_views(),
    _day(),
    *stamps(),
    sa.UniqueConstraint("extraction_date", "moodle_course_id", name="unique_moodle_course_date"),
    comment="The report: one visible course on one local day",
)

FACTS = (activity_counts, user_counts, user_activity)
"""The tables that are loaded day by day."""


def key_column(table: sa.Table) -> str:
    """The column that with the day identifies a row: courseid or moodle_course_id."""
    return "courseid" if "courseid" in table.c else "moodle_course_id"


def loaded_columns(table: sa.Table) -> list[str]:
    """The columns a load provides: all but the automatic id, the day and the two timestamps."""
    automatic = {"id", "extraction_date", "created_at", "updated_at"}
    return [column.name for column in table.columns if column.name not in automatic]
