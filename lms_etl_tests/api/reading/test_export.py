"""The export: documented fields, complete paging, cursors, and one snapshot for all pages of a pull."""

import re
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from lms_etl.api.reading.export import ExportAsk, open_export
from lms_etl.api.reading.problems import BadAsk, SnapshotChanged
from lms_etl.days import last_complete_day
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.api.reading.loaded import ADMIN, DAYS, courses_of, load_day, read, report

DOCUMENTED = (
    "id course_id id_number course_name course_shortname num_teachers num_students file_views video_views forum_views "
    "quiz_views assignment_views url_views total_views avg_activity_per_student_per_day active_days extraction_date "
    "created_at updated_at"
)


def three_days(warehouse: Warehouse, courses: int = 5) -> None:
    """Three days with the same courses each."""
    for day in DAYS:
        load_day(warehouse, day, *(report(course, total_views=course) for course in range(1, courses + 1)))


def keys(answer: dict[str, Any]) -> list[tuple[str, int]]:
    return [(row["extraction_date"], row["moodle_course_id"]) for row in answer["data"]]


EVERY = [(day.isoformat(), course) for day in DAYS for course in range(1, 6)]


def test_an_answer_has_the_documented_fields_and_envelope(warehouse: Warehouse) -> None:
    row = report(7, course_id="MATH", id_number="CS-101", total_views=875, num_students=25, active_days=5)
    load_day(warehouse, DAYS[0], row | {"avg_activity_per_student_per_day": Decimal("7.00")})
    answer = read(warehouse, date=DAYS[0])
    [found] = answer["data"]
    assert list(found)[:19] == DOCUMENTED.split()
    told = ("course_id", "id_number", "total_views", "avg_activity_per_student_per_day", "extraction_date")
    assert [found[name] for name in told] == ["MATH", "CS-101", 875, 7.00, "2026-03-22"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", found["created_at"])
    assert list(answer)[:7] == ["status", "data", "limit", "offset", "has_next", "extraction_date", "timestamp"]
    assert [answer[name] for name in list(answer)[2:6]] == [1000, 0, False, "2026-03-22"]
    assert (answer["status"], answer["total"], answer["complete_through"]) == (True, 1, "2026-03-22")
    assert datetime.fromisoformat(answer["as_of"]) > datetime.now(tz=UTC) - timedelta(minutes=1)


@pytest.mark.parametrize("limit", [1, 2, 4, 5, 7, 15, 16])
def test_walking_by_offset_gives_every_row_exactly_once(warehouse: Warehouse, limit: int) -> None:
    three_days(warehouse)
    seen: list[tuple[str, int]] = []
    while True:
        answer = read(warehouse, first=DAYS[0], last=DAYS[-1], limit=limit, offset=len(seen))
        seen += keys(answer)
        if not answer["has_next"]:
            break
        assert len(answer["data"]) == limit
    assert seen == EVERY
    assert read(warehouse, first=DAYS[0], last=DAYS[-1], limit=limit, offset=len(seen))["data"] == []


@pytest.mark.parametrize("limit", [1, 2, 5, 15])
def test_walking_by_cursor_gives_every_row_exactly_once(warehouse: Warehouse, limit: int) -> None:
    three_days(warehouse)
    answer = read(warehouse, first=DAYS[0], limit=limit)
    seen = keys(answer)
    while answer["next_cursor"]:
        answer = read(warehouse, cursor=answer["next_cursor"], limit=limit)
        seen += keys(answer)
    assert (seen, answer["has_next"]) == (EVERY, False)


def test_all_rows_come_in_one_stream_when_no_limit_is_set(warehouse: Warehouse) -> None:
    three_days(warehouse)
    answer = read(warehouse, first=DAYS[0], limit=None)
    assert (keys(answer), answer["has_next"], answer["next_cursor"]) == (EVERY, False, None)
    assert keys(read(warehouse, first=DAYS[0], limit=None, offset=13)) == EVERY[13:]


def test_rows_of_the_day_alone_are_given_and_counted(warehouse: Warehouse) -> None:
    three_days(warehouse)
    answer = read(warehouse, date=DAYS[1], limit=2)
    assert keys(answer) == EVERY[5:7]
    assert (answer["total"], answer["has_next"]) == (5, True)
    assert read(warehouse, first=DAYS[0], last=DAYS[1])["total"] is None
    assert read(warehouse, first=DAYS[0], last=DAYS[1], count=True)["total"] == 10


def test_the_default_day_is_the_last_complete_one(sqlite_warehouse: Warehouse) -> None:
    yesterday = last_complete_day(sqlite_warehouse.settings.zone)
    load_day(sqlite_warehouse, yesterday, report(1))
    load_day(sqlite_warehouse, DAYS[0], report(2))
    answer = read(sqlite_warehouse)
    assert (courses_of(answer), answer["extraction_date"]) == ([1], yesterday.isoformat())


def test_a_course_is_found_by_its_moodle_id_and_by_its_exact_course_id(warehouse: Warehouse) -> None:
    rows = [report(1, course_id="MATH"), report(2, course_id="math"), report(3, course_id="' or 1=1 --")]
    load_day(warehouse, DAYS[0], *rows)
    assert courses_of(read(warehouse, date=DAYS[0], course_id="MATH")) == [1]
    assert courses_of(read(warehouse, date=DAYS[0], course_id="' or 1=1 --")) == [3]
    assert courses_of(read(warehouse, date=DAYS[0], moodle_course_id=2)) == [2]


BAD = [
    ({"limit": 0}, "bad_limit"),
    ({"limit": 10_001}, "bad_limit"),
    ({"offset": -1}, "bad_offset"),
    ({"date": DAYS[0], "first": DAYS[0]}, "bad_range"),
    ({"first": DAYS[1], "last": DAYS[0]}, "bad_range"),
    ({"cursor": "abc"}, "bad_cursor"),
    ({"cursor": "ü"}, "bad_cursor"),
    ({"snapshot": "abc"}, "bad_snapshot"),
    ({"updated_since": datetime(2020, 1, 1, tzinfo=UTC)}, "updated_since_too_old"),
]


@pytest.mark.parametrize(("asked", "code"), BAD)
def test_a_question_that_makes_no_sense_is_one_clear_error(
    sqlite_warehouse: Warehouse, asked: dict[str, Any], code: str
) -> None:
    with pytest.raises(BadAsk) as refused:
        open_export(sqlite_warehouse, ADMIN, ExportAsk(**asked))
    assert (refused.value.code, refused.value.status) == (code, 400)
    assert "select" not in str(refused.value).lower()


def test_every_altered_cursor_is_refused(sqlite_warehouse: Warehouse) -> None:
    three_days(sqlite_warehouse)
    cursor = read(sqlite_warehouse, first=DAYS[0], limit=2)["next_cursor"]
    for position, letter in enumerate(cursor):
        other = "A" if letter != "A" else "B"
        altered = cursor[:position] + other + cursor[position + 1 :]
        if position == len(cursor) - 1 and len(cursor) % 4:
            continue  # The last letter has bits that mean nothing.
        with pytest.raises(BadAsk, match="not handed out by the API"):
            read(sqlite_warehouse, cursor=altered)
    with pytest.raises(BadAsk, match="another question: first differs"):
        read(sqlite_warehouse, cursor=cursor, date=DAYS[1])
    with pytest.raises(BadAsk, match="leave offset out"):
        read(sqlite_warehouse, cursor=cursor, offset=1)


@pytest.mark.parametrize("by", ["cursor", "snapshot"])
def test_pages_of_a_pull_agree_or_the_client_is_told_to_restart(warehouse: Warehouse, by: str) -> None:
    three_days(warehouse)
    first = read(warehouse, first=DAYS[0], last=DAYS[1], limit=4)

    def next_page() -> dict[str, Any]:
        if by == "cursor":
            return read(warehouse, cursor=first["next_cursor"], limit=4)
        return read(warehouse, first=DAYS[0], last=DAYS[1], limit=4, offset=4, snapshot=first["snapshot"])

    again = [report(course, total_views=course) for course in range(1, 6)]
    load_day(warehouse, DAYS[0], *again)  # the same rows: nothing changed
    load_day(warehouse, DAYS[2], *again[:-1])  # another day
    assert keys(next_page()) == EVERY[4:8]
    load_day(warehouse, DAYS[1], *again[:-1])
    with pytest.raises(SnapshotChanged) as told:
        next_page()
    assert (told.value.code, told.value.status) == ("snapshot_changed", 409)


def test_a_day_that_is_loaded_during_an_open_pull_does_not_belong_to_it(warehouse: Warehouse) -> None:
    three_days(warehouse)
    first = read(warehouse, first=DAYS[0], limit=4)
    load_day(warehouse, DAYS[2] + timedelta(days=1), report(1))
    assert keys(read(warehouse, cursor=first["next_cursor"], limit=None)) == EVERY[4:]
    by_offset = read(warehouse, first=DAYS[0], limit=None, offset=4, snapshot=first["snapshot"])
    assert keys(by_offset) == EVERY[4:]


def test_an_answer_is_the_state_of_its_opening_while_the_day_is_rebuilt(warehouse: Warehouse) -> None:
    rows = [report(course, total_views=1) for course in range(1, 5001)]
    load_day(warehouse, DAYS[0], *rows)
    export = open_export(warehouse, ADMIN, ExportAsk(date=DAYS[0], limit=None))
    stream = export.stream("ndjson")
    begun = next(stream)
    rebuilt = threading.Thread(
        target=load_day, args=(warehouse, DAYS[0], *(row | {"total_views": 2} for row in rows[:4000]))
    )
    rebuilt.start()
    rebuilt.join()
    text = (begun + b"".join(stream)).decode()
    assert text.count('"total_views":1,') == 5000
    assert (export.total, read(warehouse, date=DAYS[0], limit=1)["total"]) == (5000, 4000)


def test_the_etag_stays_until_a_row_of_the_answer_changes(warehouse: Warehouse) -> None:
    def etag(**asked: Any) -> str:
        with open_export(warehouse, ADMIN, ExportAsk(**asked)) as export:
            return export.etag

    three_days(warehouse)
    before = etag(date=DAYS[0])
    assert before.startswith('W/"')
    assert len({before, etag(date=DAYS[1]), etag(date=DAYS[0], limit=1), etag(date=DAYS[0], offset=1)}) == 4
    load_day(warehouse, DAYS[1], report(1))
    load_day(warehouse, DAYS[0], *(report(course, total_views=course) for course in range(1, 6)))
    assert etag(date=DAYS[0]) == before
    load_day(warehouse, DAYS[0], report(1))
    assert etag(date=DAYS[0]) != before


@pytest.mark.parametrize("format", ["csv", "ndjson", "json", "parquet", "arrow"])
def test_a_reader_who_leaves_early_costs_nobody_a_connection(warehouse: Warehouse, format: str) -> None:  # noqa: A002
    load_day(warehouse, DAYS[0], *(report(course, course_name="x" * 500) for course in range(1, 4501)))
    for _ in range(20):
        stream = open_export(warehouse, ADMIN, ExportAsk(date=DAYS[0], limit=None)).stream(format)
        next(stream)
        stream.close()
    assert warehouse.engine.pool.checkedout() == 0
    assert read(warehouse, date=DAYS[0], limit=1)["total"] == 4500


def test_complete_through_ends_before_the_first_gap(warehouse: Warehouse) -> None:
    assert read(warehouse, date=DAYS[0])["complete_through"] is None
    for day in (date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 5)):
        load_day(warehouse, day)
    assert read(warehouse, date=DAYS[0])["complete_through"] == "2026-03-02"
    load_day(warehouse, date(2026, 3, 4))
    load_day(warehouse, date(2026, 3, 3))
    assert read(warehouse, date=DAYS[0])["complete_through"] == "2026-03-05"
