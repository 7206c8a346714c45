"""What one reader may see: everything, or the courses of some directorates and units. The rule is in one place."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from lms_etl.warehouse import tables


@dataclass(frozen=True)
class Scope:
    """The rows that `username` may read: all for an admin, else those of courses in the named directorates or units.

    A course is where `courses` has it now: a course that moves takes its past with it. One that was deleted from Moodle
    keeps its facts, but nobody knows any more where it belonged, so only an admin reads them.
    """

    username: str
    admin: bool
    directorates: frozenset[int] = frozenset()
    units: frozenset[int] = frozenset()
    companies: frozenset[int] = frozenset()
    """Companies whose course progress a reader may read; an admin reads all of them."""

    def condition(self, courses: sa.FromClause) -> sa.ColumnElement[bool]:
        """Whether a row of `courses` (the table or an alias) may be seen. Nobody's empty lists allow nothing."""
        if self.admin:
            return sa.true()
        allowed = {"directorate_id": self.directorates, "unit_id": self.units}
        return sa.or_(sa.false(), *(courses.c[name].in_(sorted(ids)) for name, ids in allowed.items() if ids))

    def of_course(self, course: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Whether the facts of a Moodle course id may be seen."""
        if self.admin:
            return sa.true()
        return course.in_(sa.select(tables.courses.c.moodle_course_id).where(self.condition(tables.courses)))

    @property
    def parameters(self) -> dict[str, Any]:
        """The same rule for statements of sql/warehouse: `:everything = 1 or directorate_id in .. or unit_id in ..`."""
        return {
            "everything": int(self.admin),
            "directorates": sorted(self.directorates),
            "units": sorted(self.units),
        }

    @property
    def mark(self) -> str:
        """The same for readers of the same rows, whoever they are: part of what a cache or a snapshot is about."""
        if self.admin:
            return "admin"
        return f"d{sorted(self.directorates)}u{sorted(self.units)}"
