"""Everything about a site that is decided before its first log row is written."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lms_etl.demo.categories import Category, category_tree
from lms_etl.demo.contexts import Contexts
from lms_etl.demo.courses import FOREVER, Courses, courses_of
from lms_etl.demo.enrolments import Classes, classes_of
from lms_etl.demo.events import Kinds, kinds
from lms_etl.demo.modules import Modules, modules_of
from lms_etl.demo.people import People, people_of
from lms_etl.demo.shape import SiteShape
from lms_etl.demo.timeline import Timeline, timeline


@dataclass(frozen=True)
class Plan:
    """The parts of one site; small beside its log (about 60 bytes a user, 100 a module, 100 an hour)."""

    shape: SiteShape
    tree: list[Category]
    courses: Courses
    modules: Modules
    people: People
    classes: Classes
    contexts: Contexts
    kinds: Kinds
    timeline: Timeline

    @cached_property
    def busiest(self) -> int:
        """Number of the most popular course that is open from the first to the last day."""
        always = (self.courses.opens == 0) & (self.courses.closes == FOREVER)
        return int(np.argmax(self.courses.popularity * always))


def plan_of(shape: SiteShape) -> Plan:
    """The plan of the site with that shape; the same shape gives the same plan."""
    tree = category_tree(shape)
    courses = courses_of(shape, tree)
    people = people_of(shape)
    return Plan(
        shape=shape,
        tree=tree,
        courses=courses,
        modules=modules_of(shape, courses),
        people=people,
        classes=classes_of(shape, courses, people),
        contexts=Contexts(len(tree), people.count, len(courses.fullname)),
        kinds=kinds(),
        timeline=timeline(shape),
    )
