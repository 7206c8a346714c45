"""How far the students of a site have come: course_completions and course_modules_completion."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lms_etl.demo.courses import FOREVER, Courses
from lms_etl.demo.enrolments import Classes
from lms_etl.demo.modules import Modules
from lms_etl.demo.people import People
from lms_etl.demo.shape import SiteShape
from lms_etl.demo.timeline import Ints, midnight

_COMPLETE, _PASSED, _FAILED = 1, 2, 3
_NOT_BEGUN, _FINISHED = 0.15, 0.9
"""Share of the students who have not begun, and the share of a course from which it may be completed."""


class Completions:
    """Drawn once for both tables. Students of one course differ in how far they are; modules are done in any order."""

    def __init__(self, shape: SiteShape, courses: Courses, people: People, classes: Classes, modules: Modules) -> None:
        self.shape, self.courses, self.people, self.classes, self.modules = shape, courses, people, classes, modules
        self.random = np.random.default_rng([shape.seed, 7])

    def module_columns(self) -> dict[str, object]:
        """Columns of course_modules_completion: a row only where a state was recorded, as Moodle has it."""
        module, user, state, moment, _ = self._rows
        return {
            "id": list(range(1, len(module) + 1)),
            "coursemoduleid": (module + 1).tolist(),
            "userid": user.tolist(),
            "completionstate": state.tolist(),
            "timemodified": moment.tolist(),
        }

    def course_columns(self) -> dict[str, object]:
        """Columns of course_completions: a row for each student; timestarted 0 for those who have not begun."""
        user, course, began, completed = self._rows[4]
        return {
            "id": list(range(1, len(user) + 1)),
            "userid": user,
            "course": course,
            "timeenrolled": midnight(self.shape, self.shape.first_day) - 20 * 86_400,
            "timestarted": began,
            "timecompleted": completed,
        }

    @cached_property
    def _rows(self) -> tuple[Ints, Ints, Ints, Ints, tuple[list[int], list[int], list[int], list[int | None]]]:
        modules, users, states, moments = [], [], [], []
        students: list[int] = []
        courses: list[int] = []
        began: list[int] = []
        completed: list[int | None] = []
        for number in self.courses.alive.tolist():
            tracked = np.flatnonzero(self.modules.course == number)
            tracked = tracked[tracked % 3 != 0]
            members = self._students(number)
            done = self._done(len(members), len(tracked))
            who, what = np.nonzero(done)
            moment = self._moments(number, len(who))
            modules.append(tracked[what])
            users.append(members[who])
            states.append(self._states(tracked[what]))
            moments.append(moment)
            first = np.full(len(members), FOREVER)
            last = np.zeros(len(members), np.int64)
            np.minimum.at(first, who, moment)
            np.maximum.at(last, who, moment)
            whole = (done.mean(axis=1) if len(tracked) else np.zeros(len(members))) >= _FINISHED
            students += members.tolist()
            courses += [number + 2] * len(members)
            began += np.where(first == FOREVER, 0, first).tolist()
            completed += [int(end) if full else None for end, full in zip(last, whole, strict=True)]
        flat = (np.concatenate(each).astype(np.int64) for each in (modules, users, states, moments))
        module, user, state, at = flat
        return module, user, state, at, (students, courses, began, completed)

    def _students(self, number: int) -> Ints:
        """The students of a course that still have an account."""
        first = int(self.classes.student_start[number])
        students = self.classes.students[first : first + int(self.classes.student_size[number])]
        return students[~self.people.deleted[students]]

    def _done(self, students: int, modules: int) -> NDArray[np.bool_]:
        """Which student has done which module; one in seven has not begun, a few have done all."""
        pace = self.random.beta(1.3, 0.9, students)
        pace[self.random.random(students) < _NOT_BEGUN] = 0
        pace[pace > _FINISHED] = 1
        return self.random.random((students, modules)) < pace[:, None]

    def _states(self, modules: Ints) -> Ints:
        """A module that completes by itself is passed or failed now and then; one that is ticked off is complete."""
        drawn = self.random.random(len(modules))
        graded = np.where(drawn < 0.5, _PASSED, np.where(drawn < 0.55, _FAILED, _COMPLETE))
        return np.where(modules % 3 == 2, graded, _COMPLETE)

    def _moments(self, number: int, rows: int) -> Ints:
        """Any time from the first day, or the course's opening, to the end of the last day."""
        start = max(midnight(self.shape, self.shape.first_day), int(self.courses.opens[number]))
        end = midnight(self.shape, self.shape.last_day) + 86_000
        return self.random.integers(start, max(end, start + 1), rows)
