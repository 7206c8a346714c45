"""A day's load: what it changes, what it leaves alone, and what a reader sees meanwhile."""

import threading
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from lms_etl.databases import DatabaseProblem
from lms_etl.warehouse import bulk, registry, tables
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.warehouse.rows import (
    CALLER,
    DAY,
    JOBS,
    NEXT_DAY,
    activity,
    counts,
    load,
    people,
    runs,
    stored,
    views_of,
)


def test_the_first_load_of_a_day_adds_its_rows(warehouse: Warehouse) -> None:
    counted = load(warehouse, {2: 20, 3: 30}, rows_read=50, source_max_id=4711)
    assert counted == registry.Counters(read=50, inserted=2, source_max_id=4711)
    assert views_of(warehouse) == {2: 20, 3: 30}
    row = stored(warehouse)[0]
    assert (row["extraction_date"], row["active_days"], row["student_views"]) == (DAY, 1, None)
    assert row["created_at"] == row["updated_at"]


def test_the_same_load_again_changes_nothing(warehouse: Warehouse) -> None:
    load(warehouse, {2: 20, 3: 30})
    before = stored(warehouse)
    counted = load(warehouse, {3: 30, 2: 20})
    assert counted == registry.Counters(read=2)
    assert stored(warehouse) == before, "ids, created_at and updated_at included"


def test_the_same_report_again_changes_nothing(warehouse: Warehouse) -> None:
    row = {
        "moodle_course_id": 2, "course_id": "FIF", "id_number": "CS-101", "course_name": "Naïve\tsets\n\\N 漢字 🦉",
        "course_shortname": None, "avg_activity_per_student_per_day": Decimal("7.10"), "student_views": 5,
    }  # fmt: skip
    other = {"moodle_course_id": 3, "course_name": "trailing space ", "avg_activity_per_student_per_day": None}
    for _ in range(2):
        with warehouse.loading("user_activity", tables.user_activity, DAY, CALLER) as opened:
            opened.replace(activity([row, other]))
    assert opened.counters == registry.Counters(read=2)


def test_changed_new_and_vanished_rows_are_counted_and_applied(warehouse: Warehouse) -> None:
    load(warehouse, {1: 10, 2: 20, 3: 30, 4: 40, 5: 50})
    counted = load(warehouse, {1: 10, 2: 21, 4: 0, 6: 60, 7: 70, 8: 80})
    assert (counted.inserted, counted.updated, counted.deleted) == (3, 2, 2)
    assert views_of(warehouse) == {1: 10, 2: 21, 4: 0, 6: 60, 7: 70, 8: 80}


def test_updated_at_moves_only_for_changed_rows(warehouse: Warehouse) -> None:
    load(warehouse, {1: 10, 2: 20})
    before = {row["courseid"]: row for row in stored(warehouse)}
    load(warehouse, {1: 10, 2: 21})
    after = {row["courseid"]: row for row in stored(warehouse)}
    assert after[1] == before[1]
    assert after[2]["updated_at"] > before[2]["updated_at"]
    same = {"id", "created_at", "courseid", "extraction_date"}
    assert {name: after[2][name] for name in same} == {name: before[2][name] for name in same}


@pytest.mark.parametrize(
    "column", [name for name in tables.loaded_columns(tables.user_activity) if name != "moodle_course_id"]
)
def test_a_change_of_any_column_is_an_update(sqlite_warehouse: Warehouse, column: str) -> None:
    row: dict[str, Any] = {
        "moodle_course_id": 2,
        "avg_activity_per_student_per_day": Decimal("1.50"),
        "student_views": 1,
    }
    changed = {
        "course_id": "b", "id_number": "b", "course_name": "b", "course_shortname": "b",
        "avg_activity_per_student_per_day": Decimal("1.51"),
    }.get(column, 7)  # fmt: skip
    for rows in ([row], [row | {column: changed}], [row | {column: changed}]):
        with sqlite_warehouse.loading("user_activity", tables.user_activity, DAY, CALLER) as opened:
            opened.replace(activity(rows))
    assert [run["rows_updated"] for run in runs(sqlite_warehouse)] == [0, 1, 0]
    assert stored(sqlite_warehouse, tables.user_activity)[0][column] == changed


def test_an_empty_load_of_a_loaded_day_deletes_its_rows(warehouse: Warehouse) -> None:
    load(warehouse, {1: 10, 2: 20})
    assert load(warehouse, {}) == registry.Counters(deleted=2)
    assert views_of(warehouse) == {}


def test_an_empty_day_is_a_success_with_zero_rows(warehouse: Warehouse) -> None:
    assert load(warehouse, {}) == registry.Counters()
    [run] = runs(warehouse)
    assert (run["status"], run["rows_read"], run["numrow"], run["error"]) == ("SUCCESS", 0, 0, None)
    assert warehouse.finished_days("activity_counts", [DAY]) == {DAY: run["id"]}


def test_other_days_are_untouched(warehouse: Warehouse) -> None:
    for day in (date(2026, 3, 21), DAY, NEXT_DAY):
        load(warehouse, {1: 10, 2: 20}, day)
    before = [row for row in stored(warehouse) if row["extraction_date"] != DAY]
    load(warehouse, {1: 11, 3: 30})
    assert [row for row in stored(warehouse) if row["extraction_date"] != DAY] == before
    load(warehouse, {})
    assert [row for row in stored(warehouse) if row["extraction_date"] != DAY] == before


def test_days_loaded_out_of_order_hold_the_same_rows(warehouse: Warehouse) -> None:
    load(warehouse, {1: 2}, NEXT_DAY)
    load(warehouse, {1: 1}, DAY)
    assert (views_of(warehouse, DAY), views_of(warehouse, NEXT_DAY)) == ({1: 1}, {1: 2})


def test_the_table_of_courses_is_replaced_as_a_whole(warehouse: Warehouse) -> None:
    blank = dict.fromkeys(tables.loaded_columns(tables.courses))
    first = [blank | {"moodle_course_id": number, "visible": 1, "course_name": f"Course {number}"} for number in (1, 2)]
    second = [first[0], blank | {"moodle_course_id": 3, "visible": 0}]
    for rows in (first, second):
        with warehouse.loading("courses", tables.courses, None, CALLER) as opened:
            opened.replace(pd.DataFrame(rows, dtype=object))
    assert (opened.counters.inserted, opened.counters.updated, opened.counters.deleted) == (1, 0, 1)
    assert warehouse.frame(tables.courses, columns=["moodle_course_id"])["moodle_course_id"].tolist() == [1, 3]
    assert [run["target_date"] for run in runs(warehouse)] == [None, None]


def break_off(warehouse: Warehouse, views: dict[int, int], error: BaseException) -> None:
    """A load that ends with the error after it has got its rows."""
    with warehouse.loading("activity_counts", tables.activity_counts, DAY, CALLER) as opened:
        opened.replace(counts(views))
        raise error


def test_a_failure_after_the_rows_leaves_the_old_rows_and_a_failed_run(warehouse: Warehouse) -> None:
    load(warehouse, {1: 10, 2: 20})
    before = stored(warehouse)
    with pytest.raises(RuntimeError, match="the disk is full"):
        break_off(warehouse, {1: 11, 3: 30}, RuntimeError("the disk is full"))
    assert stored(warehouse) == before
    failed = runs(warehouse)[-1]
    assert (failed["status"], failed["error"], failed["rows_inserted"]) == ("FAILED", "the disk is full", 0)
    assert failed["completed_at"] >= failed["started_at"]


def test_a_failure_in_the_second_batch_leaves_the_old_rows(warehouse: Warehouse) -> None:
    load(warehouse, {1: 10, 2: 20})
    before = stored(warehouse)
    rows = counts({1: 11, 3: 30, 4: 40, 5: 50})
    twice = pd.concat([rows, rows[-1:]])
    with (
        pytest.raises(DatabaseProblem, match=r"(?i)duplicate|unique"),
        warehouse.loading("activity_counts", tables.activity_counts, DAY, CALLER, batch=2) as opened,
    ):
        opened.replace(twice)
    assert stored(warehouse) == before
    failed = runs(warehouse)[-1]
    assert failed["status"] == "FAILED"
    assert "WAREHOUSE_DATABASE_URL" in failed["error"], "the reason is the plain one"
    assert load(warehouse, {1: 11}).updated == 1, "the day can be loaded again"


def test_an_interrupted_load_is_failed_by_name(warehouse: Warehouse) -> None:
    with pytest.raises(KeyboardInterrupt):
        break_off(warehouse, {1: 11}, KeyboardInterrupt())
    assert views_of(warehouse) == {}
    assert [(run["status"], run["error"]) for run in runs(warehouse)] == [("FAILED", "KeyboardInterrupt")]


@pytest.mark.parametrize("table", [tables.activity_counts, tables.user_counts], ids=str)
def test_the_count_tables_refuse_a_second_row_of_a_course_and_day(warehouse: Warehouse, table: sa.Table) -> None:
    row = {"courseid": 2, "extraction_date": DAY}
    insert = sa.text(f"insert into {table.name} (courseid, extraction_date) values (:courseid, :extraction_date)")
    with warehouse.engine.begin() as connection:
        connection.execute(insert, row | {"extraction_date": DAY.isoformat()})
        connection.execute(insert, row | {"extraction_date": NEXT_DAY.isoformat()})
        connection.execute(insert, row | {"courseid": 3, "extraction_date": DAY.isoformat()})
    with pytest.raises(sa.exc.IntegrityError), warehouse.engine.begin() as connection:
        connection.execute(insert, row | {"extraction_date": DAY.isoformat()})
    assert len(stored(warehouse, table)) == 3
    counters = [
        column.name for column in table.columns if column.name.endswith(("_views", "_days", "_students", "_teachers"))
    ]
    first = stored(warehouse, table)[0]
    assert {first[name] for name in counters if name != "student_views"} == {0}, "counters are 0 by default"
    assert first["created_at"] is not None


def test_two_courses_of_one_category_are_both_stored(warehouse: Warehouse) -> None:
    twins = [{"moodle_course_id": number, "course_id": "FIF", "total_views": number} for number in (2, 3)]
    with warehouse.loading("user_activity", tables.user_activity, DAY, CALLER) as opened:
        opened.replace(activity(twins))
    assert [(row["moodle_course_id"], row["course_id"]) for row in stored(warehouse, tables.user_activity)] == [
        (2, "FIF"), (3, "FIF"),
    ]  # fmt: skip
    insert = sa.insert(tables.user_activity).values(moodle_course_id=2, course_id="OTHER", extraction_date=DAY)
    with pytest.raises(sa.exc.IntegrityError), warehouse.engine.begin() as connection:
        connection.execute(insert)


def test_long_and_odd_names_load_unharmed(warehouse: Warehouse) -> None:
    names = ["課" * 1333, "🦉" * 1333, 'it\'s "all", \\N and \t tabs\r\n', "", " ", None, "'; drop table courses; --"]
    idnumbers = ["CS-101", "007", "1e3", "", "-5", None, "NULL"]
    rows = [
        {
            "moodle_course_id": number,
            "course_name": name,
            "course_shortname": name,
            "id_number": text,
            "course_id": text,
        }
        for number, (name, text) in enumerate(zip(names, idnumbers, strict=True), start=2)
    ]
    with warehouse.loading("user_activity", tables.user_activity, DAY, CALLER) as opened:
        opened.replace(activity(rows))
    found = stored(warehouse, tables.user_activity)
    assert [row["course_name"] for row in found] == [row["course_shortname"] for row in found] == names
    assert [row["id_number"] for row in found] == [row["course_id"] for row in found] == idnumbers


def test_a_reader_sees_the_old_day_until_the_load_ends_and_never_a_mix(warehouse: Warehouse) -> None:
    old, new = {1: 10, 2: 20, 3: 30}, {1: 11, 3: 31, 4: 41, 5: 51}
    load(warehouse, old)
    seen: list[dict[int, int]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.append(views_of(warehouse))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        while not seen and reader.is_alive():
            time.sleep(0.001)
        with warehouse.loading("activity_counts", tables.activity_counts, DAY, CALLER, batch=1) as opened:
            opened.replace(counts(new))
            assert views_of(warehouse) == old
            assert [run["status"] for run in runs(warehouse)] == ["SUCCESS", "RUNNING"]
        assert views_of(warehouse) == new
    finally:
        done.set()
        reader.join()
    assert old in seen
    assert not [mix for mix in seen if mix not in (old, new)]


def recorded_batches(monkeypatch: pytest.MonkeyPatch, look: Callable[[], Any]) -> list[tuple[int, Any]]:
    """For each batch of the coming loads its rows, and what `look` saw just before it."""
    batches: list[tuple[int, Any]] = []
    insert = bulk.insert_columns

    def recorded(connection: sa.Connection, table: sa.Table, columns: dict[str, Any], rows: int) -> int:
        batches.append((rows, look()))
        return insert(connection, table, columns, rows)

    monkeypatch.setattr(bulk, "insert_columns", recorded)
    return batches


def test_progress_is_seen_by_others_while_batches_load(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def look() -> tuple[int, int]:
        run = runs(warehouse)[-1]
        return run["progress_offset"], run["numrow"]

    batches = recorded_batches(monkeypatch, look)
    with warehouse.loading("activity_counts", tables.activity_counts, DAY, CALLER, batch=500) as opened:
        opened.replace(counts(dict.fromkeys(range(1, 1801), 1)))
    assert [rows for rows, _ in batches] == [500, 500, 500, 300]
    while_running = [seen for _, seen in batches]
    if warehouse.engine.dialect.name == "sqlite":
        assert while_running == [(0, 0)] * 4, "SQLite has one writer, which is busy with the load"
    else:
        assert while_running == [(0, 0), (500, 1800), (1000, 1800), (1500, 1800)]
    run = runs(warehouse)[-1]
    assert (run["progress_offset"], run["numrow"], run["limit_size"]) == (1800, 1800, 500)


def test_batches_have_the_size_of_the_setting_unless_a_load_names_its_own(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = recorded_batches(monkeypatch, lambda: None)
    rows = counts(dict.fromkeys(range(1, 1601), 1))
    warehouse.settings.batch_size = 700
    for day, batch in ((DAY, None), (NEXT_DAY, 900)):
        with warehouse.loading("activity_counts", tables.activity_counts, day, CALLER, batch) as opened:
            opened.replace(rows)
    assert [rows for rows, _ in batches] == [700, 700, 200, 900, 700]
    assert [run["limit_size"] for run in runs(warehouse)] == [700, 900]


def test_a_batch_holds_no_more_rows_than_the_day_brings_anew(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(warehouse, dict.fromkeys(range(1, 1001), 1))
    batches = recorded_batches(monkeypatch, lambda: None)
    load(warehouse, dict.fromkeys(range(1, 1004), 1))
    assert [rows for rows, _ in batches] == [3]


def test_each_job_changes_its_own_table_only(warehouse: Warehouse) -> None:
    load(warehouse, {2: 20})
    before = stored(warehouse)
    with warehouse.loading("user_counts", JOBS["user_counts"], DAY, CALLER) as opened:
        opened.replace(people({2: 5, 9: 6}))
    assert stored(warehouse) == before
    assert [(row["courseid"], row["num_students"]) for row in stored(warehouse, tables.user_counts)] == [(2, 5), (9, 6)]


def test_frame_returns_the_rows_of_the_days_asked_for(warehouse: Warehouse) -> None:
    far = date(2026, 3, 25)
    for number, day in enumerate((DAY, NEXT_DAY, far), start=1):
        load(warehouse, {1: number}, day)
    assert sorted(warehouse.frame(tables.activity_counts, [DAY, far])["file_views"]) == [1, 3]
    assert sorted(warehouse.frame(tables.activity_counts, [DAY, NEXT_DAY], ["file_views"])["file_views"]) == [1, 2]
    assert len(warehouse.frame(tables.activity_counts)) == 3
    assert warehouse.newest_day(tables.activity_counts) == far
    assert warehouse.newest_day(tables.user_counts) is None
