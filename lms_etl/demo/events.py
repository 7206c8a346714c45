"""The kinds of events that a site logs, how often each happens, and how Moodle writes its `other`.

`events.csv` has one row a kind, taken from a real log. `place` is a module type (level 70), `module` (any type),
course (50), user (30) or system (10); `weight` is relative within the place. `actor`: student, teacher, grader
(userid -1), nobody (0) or admin. `object` and the value in `other` name where the id comes from.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lms_etl.demo.modules import TYPES
from lms_etl.demo.schema import csv_rows
from lms_etl.demo.timeline import Ints

MODULE, COURSE, USER, SYSTEM = range(len(TYPES), len(TYPES) + 4)
"""Numbers of the places that are not a module type; a module type has its own number."""

PLACES = (*TYPES, "module", "course", "user", "system")
ACTORS = ("student", "teacher", "grader", "nobody", "admin")
RELATED = ("", "self", "student")
SOURCES = ("none", "instance", "module", "course", "user", "related", "serial", "object", "username")
"""Where an objectid or the value in `other` comes from; -1 means that `other` is a fixed text."""

_LEVEL = {"course": 50, "user": 30, "system": 10}


@dataclass(frozen=True)
class Kinds:
    """One element a kind of event, ordered by place.

    `text` holds the columns eventname, component, action, target, objecttable and crud. `actor`, `related`,
    `objectid_source` and `other_source` are positions in ACTORS, RELATED and SOURCES. `place_last`, one element per
    place, is the last kind there.
    """

    text: dict[str, list[str | None]]
    origin: list[str]
    level: Ints
    edulevel: Ints
    anonymous: Ints
    actor: Ints
    related: Ints
    objectid_source: Ints
    other_source: Ints
    other_key: list[str]
    other_fixed: list[str]
    reach: NDArray[np.float64]
    place_last: Ints

    def draw(self, place: Ints, uniform: NDArray[np.float64]) -> Ints:
        """A kind for each row, among those of its place, by a uniform random number for each row."""
        last = self.place_last[place]
        low = np.r_[0, self.reach][np.r_[-1, self.place_last][place] + 1]
        return np.minimum(np.searchsorted(self.reach, low + uniform * (self.reach[last] - low), side="right"), last)

    def other(self, kind: int, value: object, serialised: bool) -> str:
        """The column `other`: JSON, or what PHP's serialize writes where the site keeps the old format."""
        key = self.other_key[kind]
        if not key:
            return "N;" if serialised else "null"
        text = str(value) if self.other_source[kind] >= 0 else self.other_fixed[kind]
        if serialised:
            return f'a:1:{{s:{len(key)}:"{key}";s:{len(text)}:"{text}";}}'
        return f'{{"{key}":"{text}"}}'


def kinds() -> Kinds:
    """All kinds in `events.csv`."""
    rows = sorted(csv_rows("events.csv"), key=lambda row: PLACES.index(row["place"]))
    place = np.array([PLACES.index(row["place"]) for row in rows])
    other = [row["other"].partition("=") for row in rows]
    text = {
        name: [row[name] or None for row in rows] for name in ("eventname", "action", "target", "objecttable", "crud")
    }
    text["component"] = [_component(row["eventname"]) for row in rows]
    return Kinds(
        text=text,
        origin=[row["origin"] for row in rows],
        level=np.array([_LEVEL.get(row["place"], 70) for row in rows]),
        edulevel=np.array([int(row["edulevel"]) for row in rows]),
        anonymous=np.array([int(row["anonymous"]) for row in rows]),
        actor=np.array([ACTORS.index(row["actor"]) for row in rows]),
        related=np.array([RELATED.index(row["related"]) for row in rows]),
        objectid_source=np.array([SOURCES.index(row["object"]) for row in rows]),
        other_source=np.array([SOURCES.index(value) if value in SOURCES else -1 for _, _, value in other]),
        other_key=[key for key, _, _ in other],
        other_fixed=[value for _, _, value in other],
        reach=np.cumsum([float(row["weight"]) for row in rows]),
        place_last=np.searchsorted(place, np.arange(len(PLACES)), side="right") - 1,
    )


def _component(eventname: str) -> str:
    """`mod_quiz` of `\\mod_quiz\\event\\attempt_started`."""
    return eventname.split("\\")[1]
