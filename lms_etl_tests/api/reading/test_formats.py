"""The formats: the same rows in each, exact, with NULLs apart from empty texts, and harmless to spreadsheets."""

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lms_etl.api.reading.columns import EXPORTED, Column
from lms_etl.api.reading.export import ExportAsk, open_export
from lms_etl.api.reading.formats import FORMATS, written
from lms_etl.api.reading.problems import BadAsk
from lms_etl.api.reading.writers import workbook
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.api.reading.loaded import ADMIN, DAYS, content, load_day, report

AWKWARD = [
    report(1, course_name='Say "hi", 数学', course_shortname="a\nb", avg_activity_per_student_per_day=Decimal("7.00")),
    report(2, course_name=None, course_shortname="", avg_activity_per_student_per_day=None, student_views=3),
    report(3, course_name="=HYPERLINK(1)", course_shortname="-5", id_number="+1", course_id="@x", file_views=-1),
    report(4, course_name="\tx", course_shortname="\r", id_number="\uff1d1", course_id="a=b"),
    report(5, course_name="back\\slash", avg_activity_per_student_per_day=Decimal("49999999.50")),
]
TEXTS = ("course_id", "id_number", "course_name", "course_shortname")


def loaded(warehouse: Warehouse) -> None:
    load_day(warehouse, DAYS[0], *AWKWARD)


def csv_rows(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


@pytest.mark.parametrize("limit", [None, 10])
def test_csv_is_the_same_through_copy_and_through_rows(warehouse: Warehouse, limit: int | None) -> None:
    loaded(warehouse)
    with open_export(warehouse, ADMIN, ExportAsk(date=DAYS[0], limit=10)) as export:
        assert export.page
        for safe in (True, False):
            by_rows = b"".join(written("csv", EXPORTED, [export.page.rows], {}, safe))
            assert content(warehouse, ADMIN, "csv", safe, date=DAYS[0], limit=limit) == by_rows


def test_csv_follows_rfc_4180_and_tells_null_from_empty(warehouse: Warehouse) -> None:
    loaded(warehouse)
    text = content(warehouse, ADMIN, "csv", date=DAYS[0], limit=None)
    head, *_, end = text.split(b"\r\n")
    assert (head.decode().split(","), end) == ([column.name for column in EXPORTED], b"")
    rows = csv_rows(text)
    assert [row["course_name"] for row in rows[:2]] == ['Say "hi", 数学', ""]
    assert (rows[0]["course_shortname"], rows[4]["course_name"]) == ("a\nb", "back\\slash")
    averages = [row["avg_activity_per_student_per_day"] for row in rows]
    assert (averages[0], averages[1], averages[4]) == ("7.00", "", "49999999.50")
    second = text.split(b"\r\n")[2].decode().split(",")
    named = dict(zip(head.decode().split(","), second, strict=True))
    assert (named["course_name"], named["course_shortname"], named["student_views"]) == ("", '""', "3")


def test_no_text_of_a_csv_begins_like_a_formula_and_numbers_stay(warehouse: Warehouse) -> None:
    loaded(warehouse)
    for limit in (None, 10):
        rows = csv_rows(content(warehouse, ADMIN, "csv", date=DAYS[0], limit=limit))
        assert [rows[2][name] for name in TEXTS] == ["'@x", "'+1", "'=HYPERLINK(1)", "'-5"]
        assert [rows[3][name] for name in TEXTS] == ["a=b", "'\uff1d1", "'\tx", "'\r"]
        assert rows[2]["file_views"] == "-1"
        raw = csv_rows(content(warehouse, ADMIN, "csv", safe=False, date=DAYS[0], limit=limit))
        assert [raw[2][name] for name in TEXTS] == ["@x", "+1", "=HYPERLINK(1)", "-5"]


def test_ndjson_has_the_rows_of_json(warehouse: Warehouse) -> None:
    loaded(warehouse)
    document = json.loads(content(warehouse, ADMIN, "json", date=DAYS[0]))
    lines = content(warehouse, ADMIN, "ndjson", date=DAYS[0], limit=None).decode().splitlines()
    assert [json.loads(line) for line in lines] == document["data"]
    assert (document["data"][1]["course_name"], document["data"][1]["course_shortname"]) == (None, "")
    assert '"avg_activity_per_student_per_day":7.00,' in lines[0]


@pytest.mark.parametrize("format", ["parquet", "arrow"])
def test_typed_formats_keep_decimals_days_moments_and_nulls(warehouse: Warehouse, format: str) -> None:  # noqa: A002
    loaded(warehouse)
    data = content(warehouse, ADMIN, format, date=DAYS[0], limit=None)
    table = pq.read_table(io.BytesIO(data)) if format == "parquet" else pa.ipc.open_stream(data).read_all()
    rows = table.to_pylist()
    assert table.column_names == [column.name for column in EXPORTED]
    averages = [row["avg_activity_per_student_per_day"] for row in rows]
    assert averages == [Decimal("7.00"), None, None, None, Decimal("49999999.50")]
    assert (rows[0]["extraction_date"], rows[0]["created_at"].tzinfo is not None) == (DAYS[0], True)
    assert [row["course_name"] for row in rows] == [row["course_name"] for row in AWKWARD]
    assert json.loads(table.schema.metadata[b"lms_etl"])["complete_through"] == "2026-03-22"


def cells(data: bytes) -> list[list[tuple[Any, str]]]:
    """Values and data types of every cell of every sheet."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    return [[(cell.value, cell.data_type) for cell in row] for sheet in book for row in sheet.iter_rows()]


def test_xlsx_holds_texts_as_texts_and_numbers_as_numbers(warehouse: Warehouse) -> None:
    loaded(warehouse)
    head, *rows = cells(content(warehouse, ADMIN, "xlsx", date=DAYS[0], limit=None))
    assert [value for value, _ in head] == [column.name for column in EXPORTED]
    named = [dict(zip([column.name for column in EXPORTED], row, strict=True)) for row in rows]
    assert named[2]["course_name"] == ("=HYPERLINK(1)", "s")
    assert (named[2]["file_views"], named[1]["course_name"]) == ((-1, "n"), (None, "n"))
    assert named[4]["avg_activity_per_student_per_day"] == (49999999.5, "n")
    assert named[0]["extraction_date"] == (datetime(2026, 3, 22), "d")  # noqa: DTZ001


def test_what_a_sheet_cannot_hold_goes_on_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "SHEET_ROWS", 2)
    data = b"".join(written("xlsx", [Column("n", "number")], [[(1,), (2,)], [(3,)]], {}))
    assert [row[0][0] for row in cells(data)] == ["n", 1, 2, "n", 3]


@pytest.mark.parametrize("format", FORMATS)
def test_an_empty_answer_is_one_in_every_format(warehouse: Warehouse, format: str) -> None:  # noqa: A002
    for limit in (None, 1):
        data = content(warehouse, ADMIN, format, date=DAYS[0], limit=limit)
        if format == "json":
            assert json.loads(data)["data"] == []
        elif format == "csv":
            assert csv_rows(data) == []
        elif format == "parquet":
            assert pq.read_table(io.BytesIO(data)).num_rows == 0
        elif format == "arrow":
            assert pa.ipc.open_stream(data).read_all().num_rows == 0
        else:
            assert (data == b"") == (format == "ndjson")


def test_an_unknown_format_is_one_clear_error_before_anything_is_sent(sqlite_warehouse: Warehouse) -> None:
    with open_export(sqlite_warehouse, ADMIN, ExportAsk(date=DAYS[0])) as export, pytest.raises(BadAsk) as refused:
        export.stream("xml")
    assert (refused.value.code, "json, csv, ndjson" in str(refused.value)) == ("bad_format", True)


def test_moments_are_told_to_the_second_in_text() -> None:
    columns = [Column("at", "moment"), Column("day", "day")]
    chunk = [[(datetime(2026, 3, 22, 23, 59, 59, 999_999), date(2026, 3, 22))]]  # noqa: DTZ001
    assert b"".join(written("csv", columns, chunk, {})) == b"at,day\r\n2026-03-22 23:59:59,2026-03-22\r\n"
    assert b"".join(written("ndjson", columns, chunk, {})) == b'{"at":"2026-03-22 23:59:59","day":"2026-03-22"}\n'
    [row] = pa.ipc.open_stream(b"".join(written("arrow", columns, chunk, {}))).read_all().to_pylist()
    assert row["at"] == datetime(2026, 3, 22, 23, 59, 59, 999_999, tzinfo=UTC)
