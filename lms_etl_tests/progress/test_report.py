"""The rules of a row, case by case, and those of the plugin that it replaces."""

from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from lms_etl.progress import report
from lms_etl.sources.moodle_progress import FACTS

ENROLLED, BEGAN, DONE_AT, MODULE_AT = 100, 200, 900, 700


def row(parity: bool = False, **facts: int) -> dict[str, Any]:
    """The row of one user in one course: enrolled at 100, and what the case says."""
    known = dict.fromkeys(FACTS, 0) | {"userid": 7, "courseid": 3, "enrolled_at": ENROLLED} | facts
    frame = pd.DataFrame([known]).astype("int64")
    made = report.rows(frame, {7: ("Ana", "Núñez", "ana@example.org")}, {3: "Algebra"}, parity)
    assert tuple(made) == report.COLUMNS
    return {name: values[0] for name, values in made.items()}


ONE_OF_TWENTY = {"tracked": 20, "done": 1, "states": 1, "ones": 1, "reached": 1, "last_one": MODULE_AT}
PASSED = {"tracked": 4, "done": 1, "states": 1, "ones": 0, "reached": 1}
FAILED = {"tracked": 4, "done": 0, "states": 1, "ones": 0, "reached": 1}
SEEN = {"tracked": 4, "done": 0, "states": 1, "ones": 0, "reached": 0}
COMPLETED = {"tracked": 4, "done": 2, "states": 2, "ones": 2, "reached": 2, "completed_at": DONE_AT, "began_at": BEGAN}


@pytest.mark.parametrize(
    ("facts", "percentage", "status", "completed"),
    [
        ({}, "0.00", "not_started", 0),
        ({"tracked": 20}, "0.00", "not_started", 0),
        (ONE_OF_TWENTY, "5.00", "in_progress", 0),
        (PASSED, "25.00", "in_progress", 0),
        (FAILED, "0.00", "in_progress", 0),
        (SEEN, "0.00", "not_started", 0),
        ({"tracked": 4, "began_at": BEGAN}, "0.00", "in_progress", 0),
        ({"tracked": 3, "done": 3, "states": 3, "ones": 3, "reached": 3}, "100.00", "in_progress", 0),
        ({"tracked": 3, "done": 2, "states": 2, "ones": 2, "reached": 2}, "66.67", "in_progress", 0),
        ({"tracked": 800, "done": 1, "states": 1, "ones": 1, "reached": 1}, "0.13", "in_progress", 0),
        (COMPLETED, "100.00", "completed", DONE_AT),
        ({"completed_at": DONE_AT}, "100.00", "completed", DONE_AT),
    ],
)
def test_only_the_completion_of_the_course_completes_it_and_percentages_are_of_the_tracked_modules(
    facts: dict[str, int], percentage: str, status: str, completed: int
) -> None:
    made = row(**facts)
    assert (made["percentage"], made["status"], made["timecompleted"]) == (Decimal(percentage), status, completed)


@pytest.mark.parametrize(
    ("facts", "percentage", "status", "completed"),
    [
        ({"tracked": 20}, "0.00", "not_started", 0),
        (ONE_OF_TWENTY, "100.00", "completed", MODULE_AT),
        (PASSED, "0.00", "in_progress", 0),
        (FAILED, "0.00", "in_progress", 0),
        (SEEN, "0.00", "not_started", 0),
        ({"tracked": 9, "states": 3, "ones": 2, "reached": 2, "last_one": MODULE_AT}, "66.67", "completed", MODULE_AT),
        ({"began_at": BEGAN}, "0.00", "not_started", 0),
        (COMPLETED, "100.00", "completed", DONE_AT),
    ],
)
def test_the_parity_switch_gives_the_percentage_status_and_time_of_the_old_rules(
    facts: dict[str, int], percentage: str, status: str, completed: int
) -> None:
    made = row(parity=True, **facts)
    assert (made["percentage"], made["status"], made["timecompleted"]) == (Decimal(percentage), status, completed)


@pytest.mark.parametrize(("began", "started"), [(0, ENROLLED), (BEGAN, BEGAN)])
def test_a_course_is_started_when_it_was_begun_or_else_when_the_user_was_enrolled(began: int, started: int) -> None:
    assert row(began_at=began)["timestarted"] == started
