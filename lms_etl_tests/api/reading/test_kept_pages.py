"""Kept pages: what was just asked for comes without reading its rows again, but never old and never another's."""

import asyncio
import json
import time
from typing import Any

import pytest
import sqlalchemy as sa

from lms_etl.api.reading import pages
from lms_etl.api.reading.export import ExportAsk, Keeping, KeptExports, open_export
from lms_etl.api.reading.pages import KeptPages, Page
from lms_etl.api.reading.problems import SnapshotChanged
from lms_etl.api.scope import Scope
from lms_etl.warehouse.tables import user_activity
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.api.reading.loaded import ADMIN, DAYS, content, courses_of, load_courses, load_day, place, report

DEAN = Scope("dean", admin=False, directorates=frozenset({2}))
HEAD = Scope("head", admin=False, directorates=frozenset({3}))


def asked(warehouse: Warehouse, kept: KeptExports, scope: Scope = ADMIN, format: str = "json", **ask: Any) -> bytes:  # noqa: A002
    keeping, question = Keeping(kept.pages, format), ExportAsk(**ask)
    found = asyncio.run(kept.find(scope, question, keeping)) or open_export(warehouse, scope, question, keeping)
    return b"".join(found.stream(format))


def reads_of_rows(warehouse: Warehouse) -> list[str]:
    """The statements that read the report, from now on."""
    seen: list[str] = []

    @sa.event.listens_for(warehouse.engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if user_activity.name in statement:
            seen.append(statement)

    return seen


@pytest.mark.parametrize("format", ["json", "csv", "ndjson"])
def test_the_same_page_is_read_once_until_its_day_changes(warehouse: Warehouse, format: str) -> None:  # noqa: A002
    kept = KeptExports(warehouse)
    load_day(warehouse, DAYS[0], *(report(course) for course in range(1, 6)))
    ask: dict[str, Any] = {"date": DAYS[0], "limit": 2}
    plain = content(warehouse, ADMIN, format, **ask)
    reads = reads_of_rows(warehouse)
    answers = [asked(warehouse, kept, format=format, **ask) for _ in range(3)]
    assert len(reads) == 2  # the rows, and the total
    if format == "json":
        moments = ("timestamp", "as_of", "next_updated_since")
        strip = lambda text: {k: v for k, v in json.loads(text).items() if k not in moments}  # noqa: E731
        assert [strip(answer) for answer in answers] == [strip(plain)] * 3
        assert json.loads(answers[2])["as_of"] > json.loads(answers[1])["as_of"]
    else:
        assert answers == [plain] * 3
    load_day(warehouse, DAYS[1], report(1))
    load_day(warehouse, DAYS[0], *(report(course) for course in range(2, 6)))
    assert asked(warehouse, kept, format=format, **ask) != answers[0]


def test_a_kept_page_belongs_to_readers_of_the_same_rows_alone(warehouse: Warehouse) -> None:
    kept = KeptExports(warehouse)
    load_courses(warehouse, place(1, 2), place(2, 3))
    load_day(warehouse, DAYS[0], report(1), report(2), report(9))

    def read(scope: Scope) -> list[int]:
        return courses_of(json.loads(asked(warehouse, kept, scope, date=DAYS[0])))

    for _ in range(2):
        assert (read(ADMIN), read(DEAN), read(HEAD)) == ([1, 2, 9], [1], [2])
    reads = reads_of_rows(warehouse)
    assert read(Scope("other dean", admin=False, directorates=frozenset({2}))) == [1]
    assert reads == []
    load_courses(warehouse, place(1, 2), place(2, 2))
    assert (read(ADMIN), read(DEAN), read(HEAD)) == ([1, 2, 9], [1, 2], [])


def test_a_kept_page_ends_with_its_snapshot(warehouse: Warehouse) -> None:
    kept = KeptExports(warehouse)
    load_day(warehouse, DAYS[0], report(1), report(2))
    first = json.loads(asked(warehouse, kept, date=DAYS[0], limit=1))
    for _ in range(2):
        second = json.loads(asked(warehouse, kept, cursor=first["next_cursor"], limit=1))
        assert (courses_of(second), second["has_next"]) == ([2], False)
    load_day(warehouse, DAYS[0], report(1), report(3))
    with pytest.raises(SnapshotChanged):
        asked(warehouse, kept, cursor=first["next_cursor"], limit=1)


def test_an_open_end_sees_a_new_day_at_once(warehouse: Warehouse) -> None:
    kept = KeptExports(warehouse)
    load_day(warehouse, DAYS[0], report(1))
    for number, day in enumerate(DAYS[1:], 1):
        assert len(json.loads(asked(warehouse, kept, first=DAYS[0]))["data"]) == number
        load_day(warehouse, day, report(1))


def page(body: bytes) -> tuple[Page, bytes]:
    return Page([1], 1, None, False, None), body


def test_pages_that_were_not_asked_for_longest_are_dropped() -> None:
    kept = KeptPages(most_bytes=25)
    for key in "ab":
        kept.keep(key, *page(b"x" * 10))
    assert kept.find("a")
    kept.keep("c", *page(b"x" * 10))
    kept.keep("c", *page(b"x" * 10))
    assert [bool(kept.find(key)) for key in "abc"] == [True, False, True]
    found = kept.find("a")
    assert found is not None
    assert (found.rows, found.body) == ([], b"x" * 10)


def test_a_page_is_kept_for_a_minute_and_a_large_one_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptPages()
    kept.keep("large", *page(b"x" * (pages.LARGEST_BYTES + 1)))
    kept.keep("small", *page(b"x"))
    assert (kept.find("large"), bool(kept.find("small"))) == (None, True)
    now = time.monotonic()
    monkeypatch.setattr(pages.time, "monotonic", lambda: now + pages.SECONDS + 1)
    assert kept.find("small") is None
