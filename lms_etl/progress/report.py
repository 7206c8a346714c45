"""The rules that turn facts about one user in one course into a row of the reporting table. Pure."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "userid",
    "courseid",
    "firstname",
    "lastname",
    "email",
    "coursename",
    "timecompleted",
    "timestarted",
    "percentage",
    "status",
)
"""Columns of the reporting table that say something about the user in the course."""

STATUSES = np.array(["not_started", "in_progress", "completed"], dtype=object)
_PERCENT = np.array([Decimal(hundredths).scaleb(-2) for hundredths in range(10_001)], dtype=object)


def rows(
    facts: "pd.DataFrame", people: dict[int, tuple[str, str, str]], courses: dict[int, str], parity: bool
) -> dict[str, list[Any]]:
    """Rows by column (COLUMNS) of facts with the columns of `moodle_progress.FACTS`, int64; `parity`: by the old rules.

    Percentages are Decimals of two places, rounded half up.
    """
    judge = by_the_old_rules if parity else by_the_rules
    completed, hundredths, status = judge(facts)
    users = facts["userid"].tolist()
    names = [people[user] for user in users]
    taught = facts["courseid"].tolist()
    return {
        "userid": users,
        "courseid": taught,
        "firstname": [name[0] for name in names],
        "lastname": [name[1] for name in names],
        "email": [name[2] for name in names],
        "coursename": [courses[course] for course in taught],
        "timecompleted": completed.tolist(),
        "timestarted": np.where(facts["began_at"] > 0, facts["began_at"], facts["enrolled_at"]).tolist(),
        "percentage": _PERCENT[hundredths].tolist(),
        "status": STATUSES[status].tolist(),
    }


def by_the_rules(facts: "pd.DataFrame") -> tuple[Any, Any, Any]:
    """Moment of completion, percentage in hundredths and place in STATUSES.

    Only the completion of the course makes it completed, and is 100 %. Else the percentage is of the tracked modules,
    and anything recorded, or a start, is progress.
    """
    completed = facts["completed_at"].to_numpy()
    share = hundredths_of(facts["done"].to_numpy(), facts["tracked"].to_numpy())
    progress = ((facts["reached"] > 0) | (facts["began_at"] > 0)).to_numpy()
    return completed, np.where(completed > 0, 10_000, share), np.where(completed > 0, 2, np.where(progress, 1, 0))


def by_the_old_rules(facts: "pd.DataFrame") -> tuple[Any, Any, Any]:
    """Likewise, as the plugin had it: of the recorded modules alone, state 1 alone; and one such module completes.

    Its moment stands in for that of a course that is not completed.
    """
    whole, ones = facts["completed_at"].to_numpy(), facts["ones"].to_numpy()
    completed = np.where(whole > 0, whole, facts["last_one"])
    share = hundredths_of(ones, facts["states"].to_numpy())
    status = np.where((whole > 0) | (ones > 0), 2, np.where(facts["reached"] > 0, 1, 0))
    return completed, np.where(whole > 0, 10_000, share), status


def hundredths_of(done: Any, of: Any) -> Any:
    """done / of in hundredths of a percent, rounded half up, in whole numbers; 0 of 0 is 0."""
    divisor = 2 * np.maximum(of, 1)
    return np.where(of > 0, (20_000 * done + of) // divisor, 0)
