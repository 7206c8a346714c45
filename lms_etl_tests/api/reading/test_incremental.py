"""The incremental export: what changed since the moment that the call before named, and nothing else."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from lms_etl.api.reading.ask import ExportAsk, oldest_change, question
from lms_etl.api.reading.problems import BadAsk
from lms_etl.warehouse import registry
from lms_etl.warehouse.tables import etl_job_runs, user_activity
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.api.reading.loaded import DAYS, load_day, read, report
from lms_etl_tests.warehouse.rows import CALLER, activity


def since(answer: dict[str, Any]) -> datetime:
    """What the answer says to ask for next time."""
    return datetime.fromisoformat(answer["next_updated_since"])


def changed(answer: dict[str, Any]) -> list[tuple[str, int, int]]:
    names = ("extraction_date", "moodle_course_id", "total_views")
    return [tuple(row[name] for name in names) for row in answer["data"]]


def test_the_second_call_returns_only_changed_rows(warehouse: Warehouse) -> None:
    rows = [report(1, total_views=1), report(2, total_views=2)]
    for day in DAYS:
        load_day(warehouse, day, *rows)
    whole = read(warehouse, first=DAYS[0])
    assert len(whole["data"]) == 6
    nothing = read(warehouse, updated_since=since(whole))
    assert (nothing["data"], nothing["replaced_days"], nothing["extraction_date"]) == ([], [], None)
    load_day(warehouse, DAYS[0], *rows)
    load_day(warehouse, DAYS[1], rows[0], report(2, total_views=9), report(3, total_views=3))
    some = read(warehouse, updated_since=since(nothing))
    assert changed(some) == [("2026-03-23", 2, 9), ("2026-03-23", 3, 3)]
    assert some["replaced_days"] == []
    assert read(warehouse, updated_since=since(some))["data"] == []


def test_a_day_that_lost_a_row_is_told_as_a_whole(warehouse: Warehouse) -> None:
    for day in DAYS:
        load_day(warehouse, day, report(1), report(2), report(3))
    before = since(read(warehouse, first=DAYS[0]))
    load_day(warehouse, DAYS[0], report(1), report(3))
    load_day(warehouse, DAYS[1])
    answer = read(warehouse, updated_since=before)
    assert changed(answer) == [("2026-03-22", 1, 0), ("2026-03-22", 3, 0)]
    assert answer["replaced_days"] == ["2026-03-22", "2026-03-23"]


def test_pages_of_an_increment_go_on_by_cursor_with_the_same_moment(warehouse: Warehouse) -> None:
    load_day(warehouse, DAYS[0], report(1), report(2), report(3))
    before = since(read(warehouse, first=DAYS[0]))
    load_day(warehouse, DAYS[0], report(1, total_views=5), report(2), report(3, total_views=5))
    first = read(warehouse, updated_since=before, limit=1)
    second = read(warehouse, cursor=first["next_cursor"], limit=1)
    assert changed(first) + changed(second) == [("2026-03-22", 1, 5), ("2026-03-22", 3, 5)]
    assert (first["has_next"], second["has_next"]) == (True, False)


def test_a_load_that_runs_now_is_not_missed_by_the_next_call(warehouse: Warehouse) -> None:
    load_day(warehouse, DAYS[0], report(1))
    with warehouse.loading("user_activity", user_activity, DAYS[1], CALLER) as load:
        load.replace(activity([report(7, total_views=7)]))
        during = read(warehouse, first=DAYS[0])
        assert len(during["data"]) == 1
    assert ("2026-03-23", 7, 7) in changed(read(warehouse, updated_since=since(during)))


def test_an_increment_can_be_of_some_days(warehouse: Warehouse) -> None:
    load_day(warehouse, DAYS[0], report(1))
    before = since(read(warehouse, first=DAYS[0]))
    for day in DAYS:
        load_day(warehouse, day, report(1, total_views=4))
    answer = read(warehouse, updated_since=before, first=DAYS[1], last=DAYS[1])
    assert changed(answer) == [("2026-03-23", 1, 4)]


def test_an_increment_reads_only_days_that_were_loaded_again(sqlite_warehouse: Warehouse) -> None:
    for day in DAYS:
        load_day(sqlite_warehouse, day, report(1))
    before = since(read(sqlite_warehouse, first=DAYS[0]))
    with sqlite_warehouse.writing() as connection:  # a change that no load made
        connection.execute(sa.update(user_activity).values(updated_at=registry.utc_now()))
    assert read(sqlite_warehouse, updated_since=before)["data"] == []


@pytest.mark.parametrize(("days_ago", "retention", "refused"), [(401, 400, True), (399, 400, False), (9999, 0, False)])
def test_an_increment_that_the_registry_cannot_tell_any_more_is_refused(
    days_ago: int, retention: int, refused: bool
) -> None:
    now = registry.utc_now()
    ask = ExportAsk(updated_since=now - timedelta(days=days_ago))
    known = oldest_change(now, retention)
    if not refused:
        assert question(ask, DAYS[0], DAYS[1], known).filters.updated_since == ask.updated_since
        return
    with pytest.raises(BadAsk, match="take a whole export") as told:
        question(ask, DAYS[0], DAYS[1], known)
    assert told.value.code == "updated_since_too_old"


def test_purged_runs_change_no_row_of_an_answer(warehouse: Warehouse) -> None:
    load_day(warehouse, DAYS[0], report(1))
    with warehouse.writing() as connection:
        connection.execute(sa.delete(etl_job_runs))
    assert changed(read(warehouse, date=DAYS[0])) == [("2026-03-22", 1, 0)]
