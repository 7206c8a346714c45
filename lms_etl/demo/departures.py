"""Students who leave a course while the log runs: their role is gone, and only an event of the log tells of it."""

import numpy as np

from lms_etl.demo.enrolments import STUDENT
from lms_etl.demo.people import ADMIN
from lms_etl.demo.plan import Plan
from lms_etl.demo.visits import Rows

_FRONT_PAGE = 1
_EVENT = {
    "eventname": r"\core\event\role_unassigned",
    "component": "core",
    "action": "unassigned",
    "target": "role",
    "objecttable": "role",
    "objectid": STUDENT,
    "crud": "d",
    "edulevel": 0,
    "userid": ADMIN,
    "other": '{"id":"1","component":"","itemid":"0"}',
    "origin": "cli",
    "ip": None,
    "realuserid": None,
}


def add_departures(plan: Plan, rows: Rows, columns: dict[str, list[object]]) -> None:
    """Turns some rows about a course into a student's leaving it, as many as `shape.departures_every` says."""
    every = plan.shape.departures_every
    if not every:
        return
    about_course = (plan.kinds.level[rows.kind] == 50) & (rows.number % every == 0) & ~rows.restored
    students = plan.people.students
    for row in np.flatnonzero(about_course).tolist():
        if columns["courseid"][row] == _FRONT_PAGE:
            continue
        for name, value in _EVENT.items():
            columns[name][row] = value
        columns["relateduserid"][row] = int(students[int(rows.number[row]) * 7 % len(students)])
