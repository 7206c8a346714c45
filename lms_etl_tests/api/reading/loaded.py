"""Days of the report and courses loaded as the project loads them, and answers read back."""

import json
from datetime import date, timedelta
from typing import Any

import pandas as pd

from lms_etl.api.reading.export import ExportAsk, open_export
from lms_etl.api.scope import Scope
from lms_etl.warehouse import registry, tables
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.warehouse.rows import CALLER, DAY, activity

ADMIN = Scope("root", admin=True)
DAYS = [DAY + timedelta(days=number) for number in range(3)]


def report(course: int, **columns: Any) -> dict[str, Any]:
    """A row of the report: a course and the columns that matter."""
    return {"moodle_course_id": course, "course_name": f"Course {course}", **columns}


def load_day(warehouse: Warehouse, day: date, *rows: dict[str, Any]) -> registry.Counters:
    """Makes the report of a day these rows."""
    with warehouse.loading("user_activity", tables.user_activity, day, CALLER) as load:
        load.replace(activity(list(rows)) if rows else activity([report(0)])[:0])
    return load.counters


def place(course: int, directorate: int | None, unit: int | None = None, **columns: Any) -> dict[str, Any]:
    """A row of `courses` in a directorate and a unit."""
    names = {"directorate": directorate and f"D{directorate}", "unit": unit and f"U{unit}"}
    blank = dict.fromkeys(tables.loaded_columns(tables.courses))
    at = {"moodle_course_id": course, "directorate_id": directorate, "unit_id": unit}
    return blank | at | {"visible": 1} | names | columns


def load_courses(warehouse: Warehouse, *rows: dict[str, Any]) -> None:
    """Makes the known courses these."""
    with warehouse.loading("courses", tables.courses, None, CALLER) as load:
        load.replace(pd.DataFrame(list(rows), dtype=object))


def read(warehouse: Warehouse, scope: Scope = ADMIN, **asked: Any) -> dict[str, Any]:
    """The JSON answer to an ask."""
    return json.loads(content(warehouse, scope, "json", **asked))


def content(warehouse: Warehouse, scope: Scope, format: str, safe: bool = True, **asked: Any) -> bytes:  # noqa: A002
    """The answer to an ask in a format."""
    return b"".join(open_export(warehouse, scope, ExportAsk(**asked)).stream(format, safe))


def courses_of(answer: dict[str, Any]) -> list[int]:
    """The Moodle ids of the courses of an answer, in its order."""
    return [row["moodle_course_id"] for row in answer["data"]]
