"""Who takes part in which course: classes, enrolment methods, enrolments and role assignments."""

from dataclasses import dataclass

import numpy as np

from lms_etl.demo.contexts import SYSTEM, Contexts
from lms_etl.demo.courses import Courses
from lms_etl.demo.people import ADMIN, People
from lms_etl.demo.shape import SiteShape
from lms_etl.demo.timeline import Ints, midnight

MANAGER, EDITING_TEACHER, TEACHER, STUDENT, GUEST_STUDENT = 1, 3, 4, 5, 9
_ROLES = ["manager", "coursecreator", "editingteacher", "teacher", "student", "guest", "user", "frontpage"]
_MANUAL, _GUEST, _COHORT = "manual", "guest", "cohort"
_BIGGEST_CLASS, _SMALLEST_CLASS = 120, 5
_WITHOUT_STUDENTS = 1


@dataclass(frozen=True)
class Classes:
    """Members of the courses. Those of course i lie at `start[i]` up to `start[i] + size[i]` of the flat arrays."""

    students: Ints
    student_start: Ints
    student_size: Ints
    teachers: Ints
    teacher_start: Ints
    teacher_size: Ints


def classes_of(shape: SiteShape, courses: Courses, people: People) -> Classes:
    """5 to 120 students, more in popular courses, and 1 to 3 teachers a course. Course 1 has no student."""
    random = np.random.default_rng([shape.seed, 5])
    rank = np.argsort(np.argsort(-courses.popularity, kind="stable"), kind="stable")
    size = _SMALLEST_CLASS + ((_BIGGEST_CLASS - _SMALLEST_CLASS) / (1 + rank / 8) ** 0.7).astype(np.int64)
    size = np.minimum(size, shape.students)
    size[_WITHOUT_STUDENTS] = 0
    staff = np.minimum(1 + np.arange(len(size)) % 3, len(people.teachers))
    students = [random.choice(people.students, number, replace=False) for number in size.tolist()]
    teachers = [random.choice(people.teachers, number, replace=False) for number in staff.tolist()]
    return Classes(
        np.concatenate(students),
        np.cumsum(size) - size,
        size,
        np.concatenate(teachers),
        np.cumsum(staff) - staff,
        staff,
    )


def role_columns() -> dict[str, object]:
    """Columns of role: the stock roles in Moodle's order, and a custom one with the archetype student."""
    ids = list(range(1, len(_ROLES) + 2))
    return {
        "id": ids,
        "name": [*[""] * len(_ROLES), "Guest student"],
        "shortname": [*_ROLES, "gueststudent"],
        "description": "",
        "sortorder": ids,
        "archetype": [*_ROLES, "student"],
    }


def enrol_columns(courses: Courses) -> dict[str, object]:
    """Columns of enrol: manual and (disabled) guest in each course, cohort sync in every eighth."""
    numbers = courses.alive.tolist()
    rows = [(_enrol_id(i, _MANUAL), _MANUAL, 0, i + 2, STUDENT) for i in numbers]
    rows += [(_enrol_id(i, _GUEST), _GUEST, 1, i + 2, 0) for i in numbers]
    rows += [(_enrol_id(i, _COHORT), _COHORT, 0, i + 2, STUDENT) for i in numbers if _has_cohort(i)]
    names = ("id", "enrol", "status", "courseid", "roleid")
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def user_enrolment_columns(shape: SiteShape, courses: Courses, people: People, classes: Classes) -> dict[str, object]:
    """Columns of user_enrolments. One in 40 is suspended, one in 40 ended before the log does."""
    rows: list[tuple[int, int]] = []
    for number in courses.alive.tolist():
        students, teachers = _members(classes, people, number)
        manual = _enrol_id(number, _MANUAL)
        rows += [(manual, user) for user in dict.fromkeys([*students, *teachers])]
        rows += [(_enrol_id(number, _COHORT), user) for user in _cohort(number, students)]
    start, end = midnight(shape, shape.first_day), midnight(shape, shape.last_day)
    numbers = range(len(rows))
    return {
        "id": list(range(1, len(rows) + 1)),
        "enrolid": [enrol for enrol, _ in rows],
        "userid": [user for _, user in rows],
        "status": [int(number % 40 == 17) for number in numbers],
        "timestart": start - 20 * 86_400,
        "timeend": [(start + end) // 2 if number % 40 == 29 else 0 for number in numbers],
        "modifierid": ADMIN,
        "timecreated": start - 20 * 86_400,
        "timemodified": start - 20 * 86_400,
    }


def role_assignment_columns(
    shape: SiteShape, courses: Courses, people: People, classes: Classes, contexts: Contexts
) -> dict[str, object]:
    """Columns of role_assignments: in courses, and in places that must not count as one.

    A cohort's members have the same role twice. Suspended users keep their roles, deleted users have none.
    """
    rows = _roles_outside_courses(people, contexts)
    for number in courses.alive.tolist():
        students, teachers = _members(classes, people, number)
        context = int(contexts.course(np.array(number)))
        rows += [(GUEST_STUDENT if user % 61 == 0 else STUDENT, context, user, "", 0) for user in students]
        rows += [(TEACHER if place else EDITING_TEACHER, context, user, "", 0) for place, user in enumerate(teachers)]
        itemid = _enrol_id(number, _COHORT)
        rows += [(STUDENT, context, user, "enrol_cohort", itemid) for user in _cohort(number, students)]
    role, context_ids, user, component, item = (list(column) for column in zip(*rows, strict=True))
    return {
        "id": list(range(1, len(rows) + 1)),
        "roleid": role,
        "contextid": context_ids,
        "userid": user,
        "component": component,
        "itemid": item,
        "modifierid": ADMIN,
        "timemodified": midnight(shape, shape.first_day) - 20 * 86_400,
    }


def _roles_outside_courses(people: People, contexts: Contexts) -> list[tuple[int, int, int, str, int]]:
    """Roles in the system (10), in a category (40) and in two modules (70)."""
    student, teacher = int(people.students[0]), int(people.teachers[0])
    category = contexts.category(4)
    modules = contexts.module(np.array([0, 1])).tolist()
    return [
        (MANAGER, SYSTEM, ADMIN, "", 0),
        (STUDENT, SYSTEM, student, "", 0),
        (EDITING_TEACHER, category, teacher, "", 0),
        (STUDENT, category, student, "", 0),
        (TEACHER, modules[0], teacher, "", 0),
        (STUDENT, modules[1], student, "", 0),
    ]


def _members(classes: Classes, people: People, number: int) -> tuple[list[int], list[int]]:
    """(students, teachers) of a course that still have an account. In course 0 a teacher is a student as well."""
    first = int(classes.student_start[number])
    students = classes.students[first : first + int(classes.student_size[number])]
    first = int(classes.teacher_start[number])
    teachers = classes.teachers[first : first + int(classes.teacher_size[number])]
    living = students[~people.deleted[students]].tolist()
    return living + (teachers[:1].tolist() if number == 0 else []), teachers.tolist()


def _has_cohort(number: int) -> bool:
    return number % 8 == 0


def _cohort(number: int, students: list[int]) -> list[int]:
    return students[: len(students) // 3] if _has_cohort(number) else []


def _enrol_id(number: int, method: str) -> int:
    return number * 3 + 1 + (_MANUAL, _GUEST, _COHORT).index(method)
