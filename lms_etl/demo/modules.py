"""The activities and resources inside the courses: course_modules, and the module types they are of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lms_etl.demo.courses import Courses
from lms_etl.demo.shape import SiteShape
from lms_etl.demo.timeline import Ints, midnight

TYPES = (
    "assign", "bigbluebuttonbn", "book", "chat", "choice", "data", "feedback", "folder", "forum", "glossary",
    "h5pactivity", "imscp", "label", "lesson", "lti", "page", "quiz", "resource", "scorm", "subsection", "survey",
    "url", "wiki", "workshop",
)  # fmt: skip
"""Names of the module types; type number i has id i + 1 in the table modules."""

_MIX = {
    "resource": (0.28, 1.0), "page": (0.14, 1.0), "forum": (0.12, 1.3), "quiz": (0.1, 2.0), "assign": (0.12, 1.6),
    "url": (0.1, 0.7), "lesson": (0.03, 1.0), "h5pactivity": (0.03, 1.2), "folder": (0.05, 0.7),
    "feedback": (0.03, 0.3),
}  # fmt: skip
"""(share of a course's modules, visits of one relative to a resource's)."""

_IN_EVERY_COURSE = [TYPES.index(name) for name in ("quiz", "forum", "assign", "resource", "page", "feedback")]


@dataclass(frozen=True)
class Modules:
    """Arrays with one element a course module; module number i has id i + 1. A course's modules lie together.

    `course` and `type` are numbers (not ids), `instance` is the id in the type's own table; `reach` is the cumulated
    share of all visits, so that a uniform random number finds a module. `quiz` is one element a course.
    """

    course: Ints
    type: Ints
    instance: Ints
    reach: NDArray[np.float64]
    quiz: Ints


def modules_of(shape: SiteShape, courses: Courses) -> Modules:
    """6 to about 40 modules a course, more in popular courses; the first of each course is a quiz."""
    random = np.random.default_rng([shape.seed, 3])
    per_course = len(_IN_EVERY_COURSE) + np.minimum(random.gamma(2.0, 6.0, len(courses.fullname)), 34).astype(np.int64)
    course = np.repeat(np.arange(len(per_course)), per_course)
    first = np.cumsum(per_course) - per_course
    names, shares = list(_MIX), np.array([share for share, _ in _MIX.values()])
    type_ = random.choice(np.array([TYPES.index(name) for name in names]), len(course), p=shares / shares.sum())
    for place, fixed in enumerate(_IN_EVERY_COURSE):
        type_[first + place] = fixed
    pull = np.zeros(len(TYPES))
    pull[[TYPES.index(name) for name in names]] = [visits for _, visits in _MIX.values()]
    visits = pull[type_] * random.lognormal(0, 0.6, len(course))
    share = visits / np.add.reduceat(visits, first)[course] * courses.popularity[course]
    reach = np.cumsum(share)
    return Modules(course, type_, _count_within(type_), reach / reach[-1], first)


def module_columns(modules: Modules, courses: Courses, shape: SiteShape) -> dict[str, object]:
    """Columns of course_modules, without the modules of the deleted course."""
    kept = np.flatnonzero(modules.course != courses.deleted)
    return {
        "id": (kept + 1).tolist(),
        "course": courses.ids[modules.course[kept]].tolist(),
        "module": (modules.type[kept] + 1).tolist(),
        "instance": modules.instance[kept].tolist(),
        "section": (kept // 5 + 1).tolist(),
        "idnumber": "",
        "added": midnight(shape, shape.first_day) - 30 * 86_400,
        "completion": (kept % 3).tolist(),
        "visible": (kept % 17 != 16).astype(int).tolist(),
    }


def type_columns() -> dict[str, object]:
    """Columns of modules."""
    return {"id": list(range(1, len(TYPES) + 1)), "name": list(TYPES)}


def _count_within(groups: Ints) -> Ints:
    """1, 2, 3 ... within each group, in order of appearance."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    count = np.empty(len(groups), np.int64)
    count[order] = np.arange(len(groups)) - np.repeat(starts, np.diff(np.r_[starts, len(groups)])) + 1
    return count
