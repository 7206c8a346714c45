"""The rows of a company as CSV or JSON, read and written row by row."""

import csv
import json
from typing import TextIO

import sqlalchemy as sa

from lms_etl.progress import companies
from lms_etl.progress.report import COLUMNS
from lms_etl.spreadsheets import harmless
from lms_etl.warehouse.tables import course_progress
from lms_etl.warehouse.warehouse import Warehouse

_ROWS_AT_A_TIME = 5_000


def write(warehouse: Warehouse, companyid: int, form: str, file: TextIO) -> int:
    """Writes the live rows by user and course and returns how many; `form` is csv or json. Raises UnknownCompany.

    In CSV, text that a spreadsheet would run gets an apostrophe. JSON is one array of objects. Percentages have two
    places; moments are unix seconds, 0 for never.
    """
    row = course_progress.c
    query = (
        sa.select(*(row[name] for name in COLUMNS))
        .where(row.companyid == companyid, row.is_deleted == 0)
        .order_by(row.userid, row.courseid)
    )
    with warehouse.reading() as connection:
        companies.subject(connection, companyid)
        streamed = connection.execution_options(yield_per=_ROWS_AT_A_TIME).execute(query)
        return _as_csv(streamed, file) if form == "csv" else _as_json(streamed, file)


def _as_csv(rows: sa.CursorResult[*tuple[object, ...]], file: TextIO) -> int:
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    written = 0
    for row in rows:
        writer.writerow([harmless(value) if isinstance(value, str) else value for value in row])
        written += 1
    return written


def _as_json(rows: sa.CursorResult[*tuple[object, ...]], file: TextIO) -> int:
    written = 0
    file.write("[")
    for written, row in enumerate(rows, start=1):
        values = dict(zip(COLUMNS, row, strict=True))
        values["percentage"] = float(values["percentage"])  # type: ignore[arg-type]
        file.write(("," if written > 1 else "") + "\n" + json.dumps(values, ensure_ascii=False))
    file.write("\n]\n")
    return written
