"""A company that was never synced: where the source can be read its rows come live, the same as loaded ones."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from lms_etl.warehouse import tables
from lms_etl_tests.api.conftest import Api
from lms_etl_tests.api.progress import CLEAN, COMPLETED, company, form, load, member, pairs, setting

COLUMNS = [
    column
    for column in tables.course_progress.c
    if column.name not in ("id", "companyid", "is_deleted", "change_number", "last_updated", "created_at", "updated_at")
]


@pytest.fixture
def bi(make_api: Callable[..., Api], sqlite_url: str) -> Api:
    """A company whose rows the source has, and the warehouse not yet."""
    api = make_api(sqlite_url)
    company(api.warehouse, 1)
    member(api, "ana", 1)
    load(api.warehouse, 1, [(user, course) for user in range(1, 8) for course in (1, 2)])
    load(api.warehouse, 1, [(3, 1)], timecompleted=COMPLETED, percentage=100, status="completed")
    with api.warehouse.writing() as connection:
        query = sa.select(*COLUMNS).order_by(tables.course_progress.c.userid, tables.course_progress.c.courseid)
        api.at_the_source = [dict(row) for row in connection.execute(query).mappings()]  # type: ignore[attr-defined]
    return api


def unload(api: Api, read: list[int]) -> None:
    """Makes the company one that was never synced; `read` gets the ids that the source is asked for."""
    with api.warehouse.writing() as connection:
        connection.execute(sa.update(tables.companies).values(synced_through=0))
        connection.execute(sa.delete(tables.course_progress))
        connection.execute(sa.delete(tables.sync_status))

    def live(companyid: int) -> Iterator[dict[str, Any]]:
        read.append(companyid)
        yield from api.at_the_source  # type: ignore[attr-defined]

    api.app.state.pages.live = live


def test_the_live_answer_equals_that_of_loaded_rows(bi: Api) -> None:
    setting(bi, 1, sync_mode=2)
    questions: list[dict[str, Any]] = [{}, {"limit": 5}, {"limit": 5, "offset": 5}, {"limit": 5, "offset": 10}]
    loaded = [form(bi, "ana", **question).json() for question in questions]
    read: list[int] = []
    unload(bi, read)
    assert [form(bi, "ana", **question).json() for question in questions] == loaded
    assert len(loaded[0]) == 14
    assert read == [1] * 4
    assert form(bi, "ana").json() == loaded[0]
    assert read == [1] * 4


def test_live_pages_follow_switches_and_cursors_and_leave_no_note(bi: Api) -> None:
    unload(bi, [])
    setting(bi, 1, course_2=1)
    first = bi.get(CLEAN, "ana", params={"limit": 4}).json()
    rest = bi.get(CLEAN, "ana", params={"limit": 4, "cursor": first["next_cursor"]}).json()
    found = [(row["userid"], row["courseid"]) for page in (first, rest) for row in page["data"]]
    assert found == [(user, 2) for user in range(1, 8)]
    assert first["complete_through"] is None
    assert not rest["has_next"]
    setting(bi, 1, course_1=1, first_sync_hours=24)
    assert (3, 1) not in pairs(form(bi, "ana"))
    with bi.warehouse.reading() as connection:
        assert connection.execute(sa.select(tables.sync_status)).all() == []


def test_once_it_is_synced_the_first_pull_brings_everything(bi: Api) -> None:
    unload(bi, [])
    form(bi, "ana")
    with bi.warehouse.writing() as connection:
        connection.execute(sa.update(tables.companies).values(synced_through=COMPLETED))
    load(bi.warehouse, 1, [(1, 1)])
    answer = form(bi, "ana")
    assert (answer.headers["x-sync-mode"], pairs(answer)) == ("first", [(1, 1)])
