"""Head counts of past days, replayed backwards from the roles of now over the log's role events: pure pandas and numpy.

Moodle keeps no past of its roles, but its log tells each role that was given or taken. Undoing all that came after a
moment gives the roles of that moment.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Ints = NDArray[np.int64]

COLUMNS = ("courseid", "num_students", "num_teachers", "assignments", "basis")
_KINDS = ("anybody", "student", "teacher")
_NEVER = -(2**62)


class EnrolmentHistory:
    """Roles in courses at any moment from the first event on. Frames as `sources.moodle.RoleHistory` has them.

    A person counts once however often a role is assigned. Where a course's events contradict what Moodle has now, its
    past cannot be told: somebody lost a role without an event, or has a role of which no event tells, because the log
    was off or the table was changed by hand. Such a course keeps its present numbers with the basis `current`.
    """

    def __init__(self, holders: pd.DataFrame, events: pd.DataFrame) -> None:
        events = events.sort_values("timecreated", kind="stable", ignore_index=True)
        people = pd.concat([holders[["courseid", "userid"]], events[["courseid", "userid"]]], ignore_index=True)
        courses, course = np.unique(people["courseid"].to_numpy("int64"), return_inverse=True)
        pairs, person = np.unique(
            np.column_stack([course, people["userid"].to_numpy("int64")]), axis=0, return_inverse=True
        )
        self.courses, self.course = courses, pairs[:, 0] if len(pairs) else np.empty(0, "int64")
        self.holder, self.event = np.split(person.reshape(-1), [len(holders)])
        self.times: Ints = events["timecreated"].to_numpy("int64")
        self.now = {kind: self._sums(self.holder, _of_kind(holders, kind)) for kind in _KINDS}
        self.changes = {kind: _of_kind(events, kind) * events["change_by"].to_numpy("int64") for kind in _KINDS}
        self.untold = self._contradicted(holders, events)
        self.newest: tuple[tuple[int, int], dict[str, list[Any]]] = (-1, -1), {}

    def _sums(self, person: Ints, values: Ints) -> Ints:
        return np.bincount(person, weights=values, minlength=len(self.course)).astype("int64")

    def _contradicted(self, holders: pd.DataFrame, events: pd.DataFrame) -> Ints:
        """For each course the last moment up to which its events contradict the present, else a moment before all."""
        untold = np.full(len(self.courses), _NEVER)
        for kind in _KINDS:
            _note(untold, self.course, self.event, self.times, -self.changes[kind], self.now[kind])
        # Each assignment of now was made by an event not before it; one without would be a role that no event tells.
        given = events["change_by"].to_numpy("int64") == 1
        person = np.concatenate([self.holder, self.event[given]])
        times = np.concatenate([holders["assigned_at"].to_numpy("int64"), self.times[given]])
        steps = np.repeat([-1, 1], [len(self.holder), int(given.sum())])
        _note(untold, self.course, person, times, steps, np.zeros(len(self.course), "int64"))
        return untold

    def at(self, moment: int) -> dict[str, list[Any]]:
        """Head counts just before `moment` (unix seconds), a row for each course in which somebody had a role.

        Lists of equal length: courseid, num_students, num_teachers, assignments, and basis (replayed or current). Two
        moments between which nothing happened give the same lists.
        """
        undone = int(np.searchsorted(self.times, moment, side="left"))
        contradicted = self.untold >= moment
        key = undone, int(contradicted.sum())
        if self.newest[0] != key:
            self.newest = key, self._after(slice(undone, None), contradicted)
        return self.newest[1]

    def _after(self, undone: slice, contradicted: NDArray[np.bool_]) -> dict[str, list[Any]]:
        counts: dict[str, Ints] = {}
        for kind in _KINDS:
            then = self.now[kind] - self._sums(self.event[undone], self.changes[kind][undone])
            counts[kind] = np.where(contradicted[self.course], self.now[kind], then)
        people = {
            kind: np.bincount(self.course[count > 0], minlength=len(self.courses)) for kind, count in counts.items()
        }
        there = people["anybody"] > 0
        assigned = np.bincount(self.course, weights=counts["anybody"], minlength=len(self.courses)).astype("int64")
        basis = np.where(contradicted, "current", "replayed")
        columns = (self.courses, people["student"], people["teacher"], assigned, basis)
        return {name: column[there].tolist() for name, column in zip(COLUMNS, columns, strict=True)}


def _of_kind(rows: pd.DataFrame, kind: str) -> Ints:
    return np.ones(len(rows), "int64") if kind == "anybody" else rows[kind].to_numpy("int64")


def _note(untold: Ints, course: Ints, person: Ints, times: Ints, steps: Ints, present: Ints) -> None:
    """Walks each person's `steps` backwards in time from `present`; raises a course to the last moment below zero.

    What happens in the same second counts together, since its order is not told.
    """
    if not len(person):
        return
    order = np.lexsort((-times, person))
    person, times, steps = person[order], times[order], steps[order]
    first = np.r_[True, person[1:] != person[:-1]]
    before = np.cumsum(steps) - steps
    running = present[person] + np.cumsum(steps) - before[first][np.cumsum(first) - 1]
    last_of_second = np.r_[(person[1:] != person[:-1]) | (times[1:] != times[:-1]), True]
    wrong = last_of_second & (running < 0)
    np.maximum.at(untold, course[person[wrong]], times[wrong])
