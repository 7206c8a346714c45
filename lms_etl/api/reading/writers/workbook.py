"""XLSX for Excel: typed cells, days as dates, a frozen line of names.

Text cells are text, whatever they begin with: no formula runs. The same apostrophe that Excel itself uses (a property
of the cell, not a character of it) keeps them text when somebody edits one or saves the sheet as CSV.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

from lms_etl.api.reading.columns import Column
from lms_etl.api.reading.formats import Chunks
from lms_etl.spreadsheets import FORMULA

SHEET_ROWS = 1_048_575
"""Rows below the names that a sheet can hold; what is more goes on in the next sheet."""

_BLOCK = 1 << 18
_FORMATS = {"decimal": "0.00", "day": "yyyy-mm-dd", "moment": "yyyy-mm-dd hh:mm:ss"}


def workbook(
    columns: Sequence[Column], chunks: Chunks, envelope: dict[str, Any], spreadsheet_safe: bool
) -> Iterator[bytes]:
    """The rows as sheets of one file. It is made on disk, since a workbook begins with what is known at its end."""
    with tempfile.TemporaryDirectory(prefix="lms_etl_") as folder:
        path = Path(folder) / "export.xlsx"
        options = {"constant_memory": True, "tmpdir": folder, "default_date_format": _FORMATS["day"]}
        with xlsxwriter.Workbook(str(path), options) as book:
            book.set_custom_property("complete_through", str(envelope.get("complete_through")))
            book.set_custom_property("as_of", str(envelope.get("as_of")))
            _fill(book, columns, chunks, spreadsheet_safe)
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block


def _fill(book: Any, columns: Sequence[Column], chunks: Chunks, spreadsheet_safe: bool) -> None:
    shown = {kind: book.add_format({"num_format": text}) for kind, text in _FORMATS.items()}
    quoted = book.add_format({"quote_prefix": True}) if spreadsheet_safe else None
    sheet, row = _sheet(book, columns), 0
    for chunk in chunks:
        for values in chunk:
            if row == SHEET_ROWS:
                sheet, row = _sheet(book, columns), 0
            row += 1
            for number, (column, value) in enumerate(zip(columns, values, strict=True)):
                if value is None:
                    continue
                if column.kind == "text":
                    sheet.write_string(row, number, value, quoted if value[:1] in FORMULA else None)
                elif column.kind in {"day", "moment"}:
                    sheet.write_datetime(row, number, value, shown[column.kind])
                else:
                    sheet.write_number(row, number, value, shown.get(column.kind))


def _sheet(book: Any, columns: Sequence[Column]) -> Any:
    sheet = book.add_worksheet()
    sheet.freeze_panes(1, 0)
    for number, column in enumerate(columns):
        sheet.write_string(0, number, column.name)
    return sheet
