"""Who reads what: the rule on rows, and that no parameter of an ask leads around it."""

from typing import Any

import pytest
import sqlalchemy as sa

from lms_etl.api.reading.export import ExportAsk, open_export
from lms_etl.api.reading.problems import SnapshotChanged
from lms_etl.api.scope import Scope
from lms_etl.warehouse.tables import courses
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.api.reading.loaded import (
    ADMIN,
    DAYS,
    content,
    courses_of,
    load_courses,
    load_day,
    place,
    read,
    report,
)

ENGINEERING = Scope("dean", admin=False, directorates=frozenset({2}))
PHYSICS = Scope("head", admin=False, units=frozenset({31}))
BOTH = Scope("both", admin=False, directorates=frozenset({2}), units=frozenset({31}))
NOBODY = Scope("new", admin=False)

READS = [
    (ADMIN, [1, 2, 3, 4, 5, 9]),
    (ENGINEERING, [1, 2]),
    (PHYSICS, [3]),
    (BOTH, [1, 2, 3]),
    (NOBODY, []),
    (Scope("none", admin=False, directorates=frozenset({99}), units=frozenset({99})), []),
]
"""Course 9 was deleted from Moodle, course 5 is in no category that is known."""


def site(warehouse: Warehouse) -> None:
    load_courses(warehouse, place(1, 2, 21), place(2, 2), place(3, 3, 31), place(4, 3, 32), place(5, None))
    for day in DAYS:
        load_day(warehouse, day, *(report(course, course_id="ALL") for course in (1, 2, 3, 4, 5, 9)))


ASKS: list[dict[str, Any]] = [
    {"date": DAYS[0]},
    {"first": DAYS[0], "last": DAYS[0]},
    {"date": DAYS[0], "course_id": "ALL"},
    {"date": DAYS[0], "limit": None},
]


@pytest.mark.parametrize(("scope", "expected"), READS, ids=lambda value: getattr(value, "username", None))
def test_every_ask_gives_only_the_rows_of_the_scope(warehouse: Warehouse, scope: Scope, expected: list[int]) -> None:
    site(warehouse)
    for ask in ASKS:
        assert courses_of(read(warehouse, scope, **ask)) == expected, ask
    assert read(warehouse, scope, date=DAYS[0])["total"] == len(expected)
    lines = content(warehouse, scope, "csv", date=DAYS[0], limit=None).splitlines()
    assert len(lines) == len(expected) + 1
    for course in (1, 2, 3, 4, 5, 9):
        found = courses_of(read(warehouse, scope, date=DAYS[0], moodle_course_id=course))
        assert found == [course] * (course in expected)


def test_anothers_cursor_and_snapshot_open_nothing(warehouse: Warehouse) -> None:
    site(warehouse)
    first = read(warehouse, ADMIN, first=DAYS[0], limit=2)
    for asked in ({"cursor": first["next_cursor"]}, {"first": DAYS[0], "snapshot": first["snapshot"]}):
        with pytest.raises(SnapshotChanged):
            open_export(warehouse, PHYSICS, ExportAsk(**asked))


def test_two_readers_of_different_rows_have_different_etags(sqlite_warehouse: Warehouse) -> None:
    site(sqlite_warehouse)
    tags = set()
    for scope, _ in READS:
        with open_export(sqlite_warehouse, scope, ExportAsk(date=DAYS[0])) as export:
            tags.add(export.etag)
    assert len(tags) == len(READS)


def test_a_course_that_moves_takes_its_past_along_and_ends_open_pulls(warehouse: Warehouse) -> None:
    site(warehouse)
    page = read(warehouse, PHYSICS, first=DAYS[0], limit=1)
    moved = [place(1, 2, 21), place(2, 2), place(3, 3, 31), place(4, 3, 31), place(5, None)]
    load_courses(warehouse, *moved)
    assert courses_of(read(warehouse, PHYSICS, date=DAYS[0])) == [3, 4]
    with pytest.raises(SnapshotChanged):
        read(warehouse, PHYSICS, cursor=page["next_cursor"])


def test_the_condition_of_a_scope_holds_on_the_table_itself(warehouse: Warehouse) -> None:
    site(warehouse)
    with warehouse.reading() as connection:
        for scope, expected in READS:
            query = sa.select(courses.c.moodle_course_id).where(scope.condition(courses)).order_by(sa.text("1"))
            found = list(connection.scalars(query))
            assert found == [course for course in expected if course != 9]
