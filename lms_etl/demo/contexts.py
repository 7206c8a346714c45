"""Ids and rows of the context table, where every category, user, course and module of the site has its place."""

from dataclasses import dataclass

import numpy as np

from lms_etl.demo.categories import Category
from lms_etl.demo.courses import Courses
from lms_etl.demo.modules import Modules
from lms_etl.demo.timeline import Ints

SYSTEM = 1
FRONT_PAGE = 2


@dataclass(frozen=True)
class Contexts:
    """Context ids by arithmetic: system 1, front page 2, then the categories, users, courses and modules in order."""

    categories: int
    users: int
    courses: int

    def category(self, category_id: int) -> int:
        """Context id of a category."""
        return FRONT_PAGE + category_id

    def user(self, user_id: Ints) -> Ints:
        """Context ids of users."""
        return user_id + (FRONT_PAGE + self.categories)

    def course(self, number: Ints) -> Ints:
        """Context ids of courses, by course number."""
        return number + (FRONT_PAGE + self.categories + self.users + 1)

    def module(self, number: Ints) -> Ints:
        """Context ids of course modules, by module number."""
        return number + (FRONT_PAGE + self.categories + self.users + self.courses + 1)


def context_columns(
    contexts: Contexts, tree: list[Category], living_users: Ints, courses: Courses, modules: Modules
) -> dict[str, object]:
    """Columns of context. Deleted users, the deleted course and its modules have none any more."""
    rows = [(SYSTEM, 10, 0, "/1"), (FRONT_PAGE, 50, 1, "/1/2")]
    paths = {}
    for category in tree:
        paths[category.id] = "/1" + "".join(f"/{contexts.category(int(step))}" for step in category.path.split("/")[1:])
        rows.append((contexts.category(category.id), 40, category.id, paths[category.id]))
    ids = contexts.user(living_users).tolist()
    rows += [(own, 30, user, f"/1/{own}") for own, user in zip(ids, living_users.tolist(), strict=True)]
    course_paths = {}
    for number, own in zip(courses.alive.tolist(), contexts.course(courses.alive).tolist(), strict=True):
        course_paths[number] = f"{paths[int(courses.category[number])]}/{own}"
        rows.append((own, 50, number + 2, course_paths[number]))
    kept = np.flatnonzero(modules.course != courses.deleted)
    for number, course, own in zip(
        kept.tolist(), modules.course[kept].tolist(), contexts.module(kept).tolist(), strict=True
    ):
        rows.append((own, 70, number + 1, f"{course_paths[course]}/{own}"))
    id_, level, instance, path = (list(column) for column in zip(*rows, strict=True))
    depth = [text.count("/") for text in path]
    return {"id": id_, "contextlevel": level, "instanceid": instance, "path": path, "depth": depth}
