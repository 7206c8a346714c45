"""The columns of an answer: their names and order, and what kind of value each holds."""

from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from lms_etl.warehouse.tables import user_activity

Kind = Literal["number", "decimal", "text", "day", "moment"]
"""number: a whole number; decimal: two places, exact; day: a local day of the site; moment: UTC, to the second."""

VIEWS = ("file_views", "video_views", "forum_views", "quiz_views", "assignment_views", "url_views")
_DOCUMENTED = (
    *("id", "course_id", "id_number", "course_name", "course_shortname", "num_teachers", "num_students"),
    *VIEWS,
    *("total_views", "avg_activity_per_student_per_day", "active_days", "extraction_date", "created_at", "updated_at"),
)
_ADDED = ("moodle_course_id", "distinct_active_days", "student_views")


@dataclass(frozen=True)
class Column:
    """A column of an answer."""

    name: str
    kind: Kind
    nullable: bool = True


def column_of(column: sa.Column[Any]) -> Column:
    """The column of a table as a column of an answer."""
    kinds: list[tuple[type[Any], Kind]] = [
        (sa.Integer, "number"),
        (sa.Numeric, "decimal"),
        (sa.DateTime, "moment"),
        (sa.Date, "day"),
    ]
    kind: Kind = next((kind for type_, kind in kinds if isinstance(column.type, type_)), "text")
    return Column(str(column.name), kind, bool(column.nullable))


EXPORTED = [column_of(user_activity.c[name]) for name in (*_DOCUMENTED, *_ADDED)]
"""The documented fields in their documented order, then the project's own."""
