"""Moodle's database, read only: one method for each statement of sql/moodle.

Works with a user that has SELECT only, on MySQL, MariaDB, PostgreSQL and SQLite. The source groups; only per-course
rows travel. Errors come as DatabaseProblem and name MOODLE_DATABASE_URL.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from lms_etl import databases, statements
from lms_etl.days import LocalDay
from lms_etl.settings import Roles, Settings

if TYPE_CHECKING:
    import pandas as pd

SETTING = "MOODLE_DATABASE_URL"
VIEWS = ("file_views", "video_views", "forum_views", "quiz_views", "assignment_views", "url_views")
"""The six counted kinds of activity, in the order of the report."""

COMPONENTS = dict(
    zip(("mod_resource", "mod_page", "mod_forum", "mod_quiz", "mod_assign", "mod_url"), VIEWS, strict=True)
)
"""Moodle's component of each kind. A page counts as a video: so the report defines it."""

ACTIVITY_COLUMNS = ("courseid", *VIEWS, "first_viewed", "last_viewed", "viewed_rows")
PEOPLE_COLUMNS = ("courseid", "num_students", "num_teachers", "assignments")
HOLDER_COLUMNS = ("courseid", "userid", "assigned_at", "student", "teacher")
ROLE_EVENT_COLUMNS = ("courseid", "userid", "timecreated", "change_by", "student", "teacher")

Given = tuple[tuple[str, str], ...]
"""Tables that a statement names, and the files of sql/ that select them."""

Ids = tuple[int, int]
_EVERY_ID: Ids = (0, 2**62)
_NO_ID: Ids = (1, 0)
_DENSE = 2.0
"""Ids per row up to which a day is read by primary key, in one or two ranges of ids."""

_NOBODY = (0, -1)
"""Ids that the log has for what Moodle did by itself."""

_ACTORS = 5_000
"""People named in one statement; SQLite takes 32,766 parameters."""

COURSE_COLUMNS = ("moodle_course_id", "id_number", "course_name", "course_shortname", "visible", "category_id")


class DayBounds(NamedTuple):
    """Two ranges of log ids that hold a day, and how many rows the day has. `max_id` is None for a day without rows."""

    ids: Ids
    other_ids: Ids
    log_rows: int
    max_id: int | None


class DayViews(NamedTuple):
    """Views of one day: `frame` has a row per course; `bounds` says what was read."""

    frame: "pd.DataFrame"
    bounds: DayBounds


class LateQuarter(NamedTuple):
    """Log rows of a quarter of an hour of a closed day, the oldest at `oldest` (unix seconds).

    `restored` is 1 for rows that a course restore wrote, 0 for others.
    """

    oldest: int
    restored: int
    log_rows: int
    first_id: int
    last_id: int


class LogLook(NamedTuple):
    """What one look at the log by id found, in one snapshot.

    `through` is the last id looked at and `reread` counts the rows below the old watermark that were read again.
    `overlap_from` and `overlap_rows` are the id above which the next look reads again, and the rows from there on.
    """

    through: int
    reread: int
    overlap_from: int
    overlap_rows: int
    late: list[LateQuarter]


class RoleHistory(NamedTuple):
    """Who has a role in a course now and what changed since a moment, in one snapshot; frames of int64.

    `holders`, an assignment a row: courseid, userid, assigned_at (unix seconds), student, teacher (1 or 0). `events`,
    a change a row: courseid, userid, timecreated, change_by (1 given, -1 taken), student, teacher. `log_start`: since
    when the log is whole (unix seconds), None for an empty log.
    """

    holders: "pd.DataFrame"
    events: "pd.DataFrame"
    log_start: int | None


class Moodle:
    """Connects when first used; every transaction reads one snapshot, so the statements of a day agree."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def url(self) -> sa.URL:
        return databases.parse_url(self.settings.moodle_database_url, SETTING)

    @cached_property
    def engine(self) -> sa.Engine:
        settings = self.settings
        return databases.reading_engine(
            settings.moodle_database_url, SETTING, settings.timeout, settings.moodle_connections
        )

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection whose statements see one snapshot."""
        with databases.plain_errors(SETTING, self.url), self.engine.connect() as connection:
            yield connection

    def activity_counts(self, day: LocalDay) -> DayViews:
        """Views of one local day, a row per course with a viewed module.

        int64 columns: courseid (0 for none), the six of VIEWS, first_viewed and last_viewed (unix seconds),
        viewed_rows (ACTIVITY_COLUMNS); with the option student_views also that, else no such column.
        """
        with self.reading() as connection:
            bounds, parameters = self._window(connection, day)
            frame = self.integers(connection, "activity_counts", ACTIVITY_COLUMNS, parameters)
            if self.settings.student_views:
                roles = _by_kind("student", self.settings.student_roles)
                columns = ("courseid", "student_views")
                students = self.integers(connection, "student_views", columns, {**parameters, **roles})
                frame = frame.merge(students, on="courseid", how="left").fillna({"student_views": 0}).astype("int64")
        return DayViews(frame, bounds)

    def views_by_component(self, day: LocalDay) -> dict[str, int]:
        """Views of one local day at the whole site by kind (VIEWS), counted apart from `activity_counts`."""
        with self.reading() as connection:
            _, parameters = self._window(connection, day)
            found = dict(self.rows(connection, "views_by_component", parameters).all())
        return {kind: int(found.get(component, 0)) for component, kind in COMPONENTS.items()}

    def user_counts(self, now: int) -> "pd.DataFrame":
        """People by course as Moodle has them at present, which `now` (unix seconds) says for time-limited enrolments.

        int64 columns: courseid, num_students, num_teachers, assignments (role assignments read).
        """
        parameters = {
            **_by_kind("student", self.settings.student_roles),
            **_by_kind("teacher", self.settings.teacher_roles),
            "everyone": int(not self.settings.active_enrolments_only),
            "now": now,
        }
        with self.reading() as connection:
            return self.integers(connection, "user_counts", PEOPLE_COLUMNS, parameters)

    def role_history(self, since: int) -> RoleHistory:
        """The roles in courses as they are now, and every change that the log has of them since `since`."""
        import pandas as pd

        roles = {**_by_kind("student", self.settings.student_roles), **_by_kind("teacher", self.settings.teacher_roles)}
        with self.reading() as connection:
            holders = self.integers(connection, "role_holders", HOLDER_COLUMNS, roles)
            actors = [*_NOBODY, *self.rows(connection, "user_ids", {}).scalars()]
            portions = [actors[first : first + _ACTORS] for first in range(0, len(actors), _ACTORS)]
            events = [
                self.integers(
                    connection, "role_events", ROLE_EVENT_COLUMNS, {**roles, "since": since, "actor_ids": portion}
                )
                for portion in portions
            ]
            log_start = self.rows(connection, "log_start", {}).scalar()
        return RoleHistory(holders, pd.concat(events, ignore_index=True), log_start)

    def courses(self) -> "pd.DataFrame":
        """All courses with the columns COURSE_COLUMNS, ids and visible as int64, texts as Python strings or None."""
        return self._table("courses", COURSE_COLUMNS, numbers=("moodle_course_id", "visible", "category_id"))

    def reported_courses(self) -> set[int]:
        """Ids of the courses that the report must hold: visible, in a category with an idnumber."""
        with self.reading() as connection:
            return set(self.rows(connection, "reported_courses", {}).scalars())

    def categories(self) -> "pd.DataFrame":
        """All course categories: category_id (int64), name, idnumber (None or text), path of ids such as /2/7."""
        return self._table("categories", ("category_id", "name", "idnumber", "path"), numbers=("category_id",))

    def log_end(self) -> int | None:
        """The largest id of the log, None for an empty one."""
        with self.reading() as connection:
            return self.rows(connection, "log_end", {}).scalar()

    def look_at_log(self, overlap_from: int, watermark: int, overlap: int, closed_before: int) -> LogLook:
        """Rows with an id above `overlap_from` that are older than `closed_before` (unix seconds).

        Looks at most `overlap` rows beyond the watermark; the next look shall read these again, and `overlap` ids at
        least.
        """
        with self.reading() as connection:

            def rows(first: int, last: int) -> int:
                window = {"after_id": first, "last_id": last}
                return int(self.rows(connection, "rows_between", window).scalar_one())

            portion = {"after_id": watermark, "rows_before": overlap - 1}
            through = self.rows(connection, "portion_end", portion).scalar()
            if through is None:
                through = max(watermark, self.rows(connection, "log_end", {}).scalar() or 0)
            next_from = max(0, min(watermark, through - overlap))
            window = {"after_id": overlap_from, "last_id": through, "closed_before": closed_before}
            late = [LateQuarter(*map(int, row)) for row in self.rows(connection, "late_rows", window)]
            return LogLook(through, rows(overlap_from, watermark), next_from, rows(next_from, through), late)

    def log_rows(self, days: list[LocalDay]) -> dict[LocalDay, int]:
        """Rows of the log in each of the days."""
        with self.reading() as connection:
            return {day: self._bounds(connection, day).log_rows for day in days}

    def _table(self, name: str, columns: tuple[str, ...], numbers: tuple[str, ...]) -> "pd.DataFrame":
        import pandas as pd

        with self.reading() as connection:
            rows = self.rows(connection, name, {}).fetchall()
        # As objects: pandas' own text type would turn a missing idnumber into NaN.
        frame = pd.DataFrame([tuple(row) for row in rows], columns=list(columns), dtype=object)
        return frame.astype(dict.fromkeys(numbers, "int64"))

    def _bounds(self, connection: sa.Connection, day: LocalDay) -> DayBounds:
        window = {"day_start": day.start, "day_end": day.end}
        first, last, rows = self.rows(connection, "day_bounds", window).one()
        if not rows:
            return DayBounds(_EVERY_ID, _NO_ID, 0, None)
        ids, others = (first, last), _NO_ID
        if not _dense(rows, ids):
            ids, others = split_at_widest_gap(
                [(low, high) for low, high in self.rows(connection, "day_blocks", window)]
            )
        if not _dense(rows, ids, others):
            ids, others = _EVERY_ID, _NO_ID
        return DayBounds(ids, others, rows, last)

    def _window(self, connection: sa.Connection, day: LocalDay) -> tuple[DayBounds, dict[str, int]]:
        """The parameters of a statement that reads the log of one day."""
        bounds = self._bounds(connection, day)
        return bounds, {
            "day_start": day.start,
            "day_end": day.end,
            "first_id": bounds.ids[0],
            "last_id": bounds.ids[1],
            "other_first_id": bounds.other_ids[0],
            "other_last_id": bounds.other_ids[1],
            "any_target": int(not self.settings.page_views_only),
            "any_object": int(not self.settings.require_objecttable),
        }

    def integers(
        self,
        connection: sa.Connection,
        name: str,
        columns: tuple[str, ...],
        parameters: dict[str, Any],
        given: Given = (),
    ) -> "pd.DataFrame":
        """The rows of a statement that gives whole numbers only, by its first column; int64."""
        import numpy as np
        import pandas as pd

        packed = self.rows(connection, name, parameters, packed=columns, given=given).scalars().all()
        values = np.fromstring(" ".join(packed), dtype="int64", sep=" ").reshape(len(packed), len(columns))
        # Names as plain objects: pandas would make Arrow texts of them, and look each column up ten times slower.
        names = pd.Index(columns, dtype=object)
        return pd.DataFrame(values[values[:, 0].argsort(kind="stable")], columns=names)

    def rows(
        self,
        connection: sa.Connection,
        name: str,
        parameters: dict[str, Any],
        packed: tuple[str, ...] = (),
        given: Given = (),
    ) -> sa.CursorResult[*tuple[Any, ...]]:
        """What sql/moodle/<name>.sql gives. Parameters that are lists are named `..._ids` or `..._archetypes`."""
        lists = [key for key, value in parameters.items() if isinstance(value, list)]
        statement = statements.statement(
            f"moodle/{name}",
            self.settings.moodle_table_prefix,
            numbers=tuple(key for key in lists if key.endswith("_ids")),
            words=tuple(key for key in lists if key.endswith("_archetypes")),
            packed=packed,
            given=given,
        )
        return connection.execute(statement, parameters)


def _dense(rows: int, *ranges: Ids) -> bool:
    """Whether a good part of the ids are rows of the day, so that reading them all is cheaper than looking each up."""
    return sum(last - first + 1 for first, last in ranges) <= _DENSE * rows


def split_at_widest_gap(blocks: list[Ids]) -> tuple[Ids, Ids]:
    """Two ranges of ids that hold the blocks (first and last id each, in order), without the widest gap between them.

    A restored course writes old moments under new ids: a day's rows then lie where they were written, and far behind.
    """
    gaps = [after[0] - before[1] for before, after in pairwise(blocks)]
    if not gaps:
        return blocks[0], _NO_ID
    split = gaps.index(max(gaps)) + 1
    return (blocks[0][0], blocks[split - 1][1]), (blocks[split][0], blocks[-1][1])


def _by_kind(who: str, roles: Roles) -> dict[str, list[Any]]:
    """Roles given by id and by archetype as the two parameters of the statements."""
    return {
        f"{who}_ids": [role for role in roles if isinstance(role, int)],
        f"{who}_archetypes": [role for role in roles if isinstance(role, str)],
    }
