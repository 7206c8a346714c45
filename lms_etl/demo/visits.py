"""What happens in the log: which module, course or person each row is about, of which kind, and who did it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lms_etl.demo.events import ACTORS, COURSE, MODULE, SYSTEM, USER, Kinds
from lms_etl.demo.people import ADMIN, GUEST
from lms_etl.demo.plan import Plan
from lms_etl.demo.timeline import Ints

_INSIDE = -1
_PLACES = np.array([_INSIDE, MODULE, COURSE, USER, SYSTEM])
_PLACE_REACH = np.cumsum([0.58, 0.07, 0.18, 0.05, 0.12])
"""Share of the rows about what is inside a module, about a module from outside, a course, a user, the system."""

_LATE_SHARE, _LATE_SECONDS, _LATEST_SECONDS = 0.04, 25.0, 600.0
"""Moodle buffers rows until a PHP request or a cron task ends, so some are inserted after later ones."""


@dataclass(frozen=True)
class Rows:
    """What is known of each row of a chunk, in id order. `module` and `course` are numbers, `place` is as in PLACES."""

    number: Ints
    time: Ints
    restored: NDArray[np.bool_]
    place: Ints
    module: Ints
    course: Ints
    kind: Ints


def rows_of(plan: Plan, first: int, last: int, random: np.random.Generator) -> Rows:
    """Rows `first` up to but without `last`, ordered by the moment at which they enter the log."""
    stretch, time = plan.timeline.slice(first, last, random)
    restore = plan.timeline.restore[stretch]
    count = last - first
    late = np.minimum(random.exponential(_LATE_SECONDS, count), _LATEST_SECONDS)
    late[random.random(count) > _LATE_SHARE] = 0
    inserted = np.where(restore >= 0, plan.timeline.inserted[stretch], time + late)
    order = np.argsort(inserted, kind="stable")
    stretch, time, restore = stretch[order], time[order], restore[order]
    module, place = _modules(plan, time, restore, random), _places(count, random)
    place[(restore >= 0) & (place >= USER)] = COURSE
    course = plan.modules.course[module]
    storm = plan.timeline.storm[stretch]
    module[storm], place[storm] = plan.modules.quiz[course[storm]], _INSIDE
    place = np.where(place == _INSIDE, plan.modules.type[module], place)
    kind = plan.kinds.draw(place, random.random(count))
    return Rows(np.arange(first + 1, last + 1), time, restore >= 0, place, module, course, kind)


def _places(count: int, random: np.random.Generator) -> Ints:
    """_INSIDE a module (its type is known later), or one of the places that are not a module type."""
    return _PLACES[np.searchsorted(_PLACE_REACH[:-1], random.random(count), side="right")]


def _modules(plan: Plan, time: Ints, restore: Ints, random: np.random.Generator) -> Ints:
    """A module for each row; its course must be open then, else the visit goes to the busiest course instead."""
    modules, courses = plan.modules, plan.courses
    sizes = np.bincount(modules.course, minlength=len(courses.fullname))
    module = np.minimum(np.searchsorted(modules.reach, random.random(len(time)), side="right"), len(modules.reach) - 1)
    course = modules.course[module]
    closed = (time < courses.opens[course]) | (time >= courses.closes[course])
    target = np.where(closed, plan.busiest, course)
    target = np.where(restore >= 0, courses.restored[restore], target)
    moved = modules.quiz[target] + module % sizes[target]
    return np.where(target == course, module, moved)


def actors_of(plan: Plan, rows: Rows, random: np.random.Generator) -> Ints:
    """userid of each row: -1 for the system's grading, 0 for notifications, 1 for a few guests."""
    actor = plan.kinds.actor[rows.kind]
    uniform = random.random(len(actor))
    hidden = ~plan.courses.visible[rows.course] & (plan.kinds.level[rows.kind] >= 50)
    student = np.where(hidden, _teachers(plan, rows.course, uniform), students_of(plan, rows.course, uniform))
    passing = (random.random(len(actor)) < 0.003) & _open_to_guests(plan.kinds)[rows.kind]
    student = np.where(passing, GUEST, student)
    return np.choose(actor, [student, _teachers(plan, rows.course, uniform), -1, 0, ADMIN])


def students_of(plan: Plan, course: Ints, uniform: NDArray[np.float64]) -> Ints:
    """A student of each course, some far more often than others; a teacher where there is no student."""
    size = plan.classes.student_size[course]
    pick = plan.classes.student_start[course] + (uniform**1.6 * size).astype(np.int64)
    student = plan.classes.students[np.minimum(pick, len(plan.classes.students) - 1)]
    return np.where(size > 0, student, _teachers(plan, course, uniform))


def _teachers(plan: Plan, course: Ints, uniform: NDArray[np.float64]) -> Ints:
    classes = plan.classes
    return classes.teachers[classes.teacher_start[course] + (uniform * classes.teacher_size[course]).astype(np.int64)]


def _open_to_guests(kinds: Kinds) -> NDArray[np.bool_]:
    """Whether a kind is reading of a student's sort that concerns nobody else."""
    reading = np.array([crud == "r" for crud in kinds.text["crud"]])
    return reading & (kinds.actor == ACTORS.index("student")) & (kinds.related == 0) & (kinds.level >= 50)
