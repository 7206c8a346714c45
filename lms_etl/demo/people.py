"""The users of a site: two that every Moodle has, students, teachers; some suspended, some deleted."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lms_etl.demo.shape import SiteShape
from lms_etl.demo.timeline import Ints, midnight

GUEST, ADMIN = 1, 2
_FIRST_STUDENT = 3
_FIRST = [
    "Ayu",
    "Budi",
    "Citra",
    "Dewi",
    "Eko",
    "Fatima",
    "Grace",
    "Hana",
    "Ivan",
    "José",
    "Ngozi",
    "Søren",
    "Yuki",
    "伟",
]
_LAST = ["Pratama", "O'Neill", "Santoso", "Kowalski", "Nguyễn", "Smith-Jones", "Okafor", "田中", "Müller", "da Silva"]


@dataclass(frozen=True)
class People:
    """Ids and states of the users. `username`, `suspended` and `deleted` are indexed by user id (0 is nobody)."""

    students: Ints
    teachers: Ints
    username: list[str]
    suspended: NDArray[np.bool_]
    deleted: NDArray[np.bool_]

    @property
    def count(self) -> int:
        """Number of users, which is also the highest user id."""
        return len(self.username) - 1

    @property
    def living(self) -> Ints:
        """Ids of the users that are not deleted."""
        return np.flatnonzero(~self.deleted)[1:]


def people_of(shape: SiteShape) -> People:
    """Guest 1, admin 2, the students from 3 on, then one teacher for every three courses."""
    random = np.random.default_rng([shape.seed, 4])
    students = np.arange(_FIRST_STUDENT, _FIRST_STUDENT + shape.students)
    teachers = students[-1] + 1 + np.arange(max(4, shape.courses // 3))
    state = random.random(int(teachers[-1]) + 1)
    state[: _FIRST_STUDENT + 2], state[teachers] = 0.5, 0.5
    state[[_FIRST_STUDENT + 2, _FIRST_STUDENT + 3]] = 0.02, 0.04
    names = ["", "guest", "admin", *(f"s{id_:06d}" for id_ in students), *(f"t{id_:06d}" for id_ in teachers)]
    return People(students, teachers, names, (state >= 0.03) & (state < 0.06), state < 0.03)


def user_columns(people: People, shape: SiteShape) -> dict[str, object]:
    """Columns of user. A deleted user's name and address are replaced the way Moodle does it."""
    ids = list(range(1, people.count + 1))
    created = midnight(shape, shape.first_day) - 45 * 86_400
    gone = people.deleted.tolist()
    email = [f"{people.username[id_]}@example.invalid" for id_ in ids]
    return {
        "id": ids,
        "confirmed": 1,
        "mnethostid": 1,
        "deleted": [int(gone[id_]) for id_ in ids],
        "suspended": people.suspended[1:].astype(int).tolist(),
        "username": [f"{email[id_ - 1]}.{created}" if gone[id_] else people.username[id_] for id_ in ids],
        "idnumber": ["" if gone[id_] or id_ <= ADMIN else f"ID{id_:07d}" for id_ in ids],
        "firstname": ["Guest user", "Admin", *(_FIRST[id_ * 5 % len(_FIRST)] for id_ in ids[2:])],
        "lastname": [" ", "User", *(_LAST[id_ * 7 // 3 % len(_LAST)] for id_ in ids[2:])],
        "email": [
            hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() if gone[id_] else text
            for id_, text in zip(ids, email, strict=True)
        ],
        "timecreated": created,
        "timemodified": created,
    }
