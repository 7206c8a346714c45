"""The courses of a site: names, categories, popularity, and the odd ones every real site has."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lms_etl.demo.categories import Category
from lms_etl.demo.shape import SiteShape
from lms_etl.demo.timeline import Ints, midnight, restore_moments

FOREVER = 1 << 40
"""An epoch second after every other."""

_SUBJECTS = [
    "Algorithms", "Statistics", "Microeconomics", "Anatomy", "Contract Law", "Organic Chemistry", "Ethics", "Databases",
    "Linear Algebra", "Marketing", "Thermodynamics", "Pedagogy", "World History", "Pharmacology", "Accounting",
    "Networks", "Ecology", "Workplace Safety", "Negotiation", "Machine Learning",
]  # fmt: skip
_LEVELS = ["Introduction to %s", "%s I", "%s II", "Advanced %s", "%s Seminar", "%s: Selected Topics"]
_ODD_NAMES = [
    'Entrepreneurship "Start-up", Ethics & Business',
    "日本語 I — 文法と会話",
    "Interface Design 🎨",
    "O'Brien's Statistics, Part 2; revised",
    "=2+5 Numbers & Logic",
    r"Typesetting with \LaTeX and C:\new\table",
]
_LONGEST = 254
_NULL_CATEGORY, _EMPTY_CATEGORY, _ARCHIVE = 1, 2, 3


@dataclass(frozen=True)
class Courses:
    """Arrays with one element a course; course number i has id i + 2, because id 1 is the front page.

    One course was deleted while the log ran: it keeps its place here and its rows in the log, but no row of any other
    table. `opens` and `closes` are epoch seconds: a restored course has no activity of its own before its restore.
    """

    fullname: list[str]
    shortname: list[str]
    idnumber: list[str]
    category: Ints
    visible: NDArray[np.bool_]
    popularity: NDArray[np.float64]
    opens: Ints
    closes: Ints
    deleted: int
    restored: Ints

    @property
    def ids(self) -> Ints:
        """Moodle's course id of each course."""
        return np.arange(len(self.fullname)) + 2

    @property
    def alive(self) -> Ints:
        """Numbers of the courses that still exist."""
        return np.delete(np.arange(len(self.fullname)), self.deleted)


def courses_of(shape: SiteShape, tree: list[Category]) -> Courses:
    """All courses of the site and the deleted one."""
    random = np.random.default_rng([shape.seed, 2])
    count = shape.courses + 1
    deleted = count // 2
    restored = np.arange(count - shape.restores, count)
    visible = np.arange(count) % 10 != 4
    visible[[deleted, *restored]] = True
    category = _categories(tree, visible, random)
    opens, closes = np.zeros(count, np.int64), np.full(count, FOREVER)
    opens[restored] = restore_moments(shape)
    start, end = midnight(shape, shape.first_day), midnight(shape, shape.last_day)
    closes[deleted] = start + (end - start) * 2 // 3
    names = [_name(number) for number in range(count)]
    return Courses(
        fullname=names,
        shortname=[f"{_code(tree, category[number])}{101 + number}" for number in range(count)],
        idnumber=[
            "" if number % 11 == 7 else f"{_code(tree, category[number])}{101 + number}" for number in range(count)
        ],
        category=category,
        visible=visible,
        popularity=_popularity(visible, [deleted, *restored], random),
        opens=opens,
        closes=closes,
        deleted=deleted,
        restored=restored,
    )


def course_columns(courses: Courses, shape: SiteShape) -> dict[str, object]:
    """Columns of course: the front page, then every course that was not deleted."""
    created = midnight(shape, shape.first_day) - 30 * 86_400
    alive = courses.alive.tolist()
    visible = [1, *courses.visible[alive].astype(int).tolist()]
    return {
        "id": [1, *courses.ids[alive].tolist()],
        "category": [0, *courses.category[alive].tolist()],
        "sortorder": [1, *(courses.category[alive] * 10_000 + courses.alive + 1).tolist()],
        "fullname": ["Demo University", *(courses.fullname[number] for number in alive)],
        "shortname": ["DEMO", *(courses.shortname[number] for number in alive)],
        "idnumber": ["", *(courses.idnumber[number] for number in alive)],
        "format": ["site", *["topics"] * len(alive)],
        "visible": visible,
        "visibleold": visible,
        "startdate": [0, *[created] * len(alive)],
        "timecreated": [created, *np.maximum(courses.opens[alive], created).tolist()],
        "timemodified": created,
        "enablecompletion": 1,
    }


def courses_by_category(courses: Courses) -> dict[int, int]:
    """Number of existing courses by category id."""
    return Counter(courses.category[courses.alive].tolist())


def _categories(tree: list[Category], visible: NDArray[np.bool_], random: np.random.Generator) -> Ints:
    """Units and programmes have most courses; the categories without a code have at least one visible course each."""
    deep = [category.id for category in tree if category.depth > 1]
    category = random.choice(np.array(deep, np.int64), len(visible))
    category[[0, 9]] = _NULL_CATEGORY
    category[[3, 8]] = _EMPTY_CATEGORY
    category[np.flatnonzero(~visible)[::2]] = _ARCHIVE
    return category


def _popularity(visible: NDArray[np.bool_], middling: list[int], random: np.random.Generator) -> NDArray[np.float64]:
    """Share of the traffic, Zipf-like by a shuffled rank. Course 2 has none; teachers alone visit hidden courses."""
    popularity = 1 / (random.permutation(len(visible)) + 3.0) ** 0.85
    popularity[middling] = np.median(popularity)
    popularity[~visible] *= 0.05
    popularity[2] = 0
    return popularity / popularity.sum()


def _code(tree: list[Category], category: int) -> str:
    """Letters for course codes, such as `ENG-1-`."""
    return f"{(tree[category - 1].idnumber or 'GEN')[:5].strip(' ,')}-"


def _name(number: int) -> str:
    if number == 18:
        return f"{'Long title ' * 24}"[: _LONGEST - 1] + "."
    if number % 5 == 1:
        suffix = f" ({number})" if number // 5 >= len(_ODD_NAMES) else ""
        return _ODD_NAMES[number // 5 % len(_ODD_NAMES)] + suffix
    return _LEVELS[number // len(_SUBJECTS) % len(_LEVELS)] % _SUBJECTS[number % len(_SUBJECTS)]
