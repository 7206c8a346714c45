"""The rows of a company straight from Moodle, as a sync would load them, for a reader of one not loaded yet."""

from collections.abc import Iterator
from typing import Any

from lms_etl import clock
from lms_etl.progress import report
from lms_etl.sources.moodle import Moodle
from lms_etl.sources.moodle_progress import Company, CompanyReader


def live_rows(moodle: Moodle, company: Company) -> Iterator[dict[str, Any]]:
    """Rows with the columns `report.COLUMNS`, by user and course, in one snapshot. The caller stops when it has enough.

    Percentages are Decimals, moments unix seconds. Nothing is written. Raises DatabaseProblem.
    """
    with moodle.reading() as connection:
        reader = CompanyReader(moodle, connection, company, int(clock.now().timestamp()))
        courses = reader.courses()
        for _first, _last, portion in reader.portions(reader.enrolled_users()):
            rows = report.rows(portion.facts, portion.people, courses, moodle.settings.progress_parity)
            for values in zip(*rows.values(), strict=True):
                yield dict(zip(rows, values, strict=True))
