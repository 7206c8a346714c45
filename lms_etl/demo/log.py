"""The rows of logstore_standard_log, made in chunks so that any number of rows needs the same memory."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lms_etl.demo.contexts import FRONT_PAGE as FRONT_PAGE_CONTEXT
from lms_etl.demo.contexts import SYSTEM as SYSTEM_CONTEXT
from lms_etl.demo.departures import add_departures
from lms_etl.demo.events import RELATED, SOURCES, Kinds
from lms_etl.demo.people import ADMIN
from lms_etl.demo.plan import Plan
from lms_etl.demo.timeline import Ints
from lms_etl.demo.visits import Rows, actors_of, rows_of, students_of

CHUNK = 100_000
"""Rows made and loaded at a time. Another size gives other rows."""

_FRONT_PAGE = 1
_IPS = [f"10.{n >> 8}.{n & 255}.{n * 7 % 250 + 1}" if n % 9 else f"2001:db8:{n:x}::{n * 5 + 1:x}" for n in range(4096)]
_ADDRESSES = np.array(_IPS, object)


def log_chunks(plan: Plan) -> Iterator[dict[str, list[object]]]:
    """The whole log in id order, as lists of equal length by column name; only the last chunk is shorter."""
    for number, first in enumerate(range(0, plan.shape.log_rows, CHUNK)):
        random = np.random.default_rng([plan.shape.seed, 6, number])
        rows = rows_of(plan, first, min(first + CHUNK, plan.shape.log_rows), random)
        columns = _columns(plan, rows, random)
        add_departures(plan, rows, columns)
        yield columns


def _columns(plan: Plan, rows: Rows, random: np.random.Generator) -> dict[str, list[object]]:
    kinds, kind, level = plan.kinds, rows.kind, plan.kinds.level[rows.kind]
    user = actors_of(plan, rows, random)
    related = _related(plan, rows, user, random)
    front = _on_front_page(kinds, rows, random)
    course = np.where(front, _FRONT_PAGE, rows.course + 2)
    values = _values(plan, rows, course, user, related)
    origin = _origins(kinds, rows, level, random)
    at_level = [level == 70, level == 50, level == 30]
    course_context = np.where(front, FRONT_PAGE_CONTEXT, plan.contexts.course(rows.course))
    context = [plan.contexts.module(rows.module), course_context, plan.contexts.user(user)]
    logged_in_as = (random.random(len(user)) < 0.0008) & (level >= 50) & (user > ADMIN) & (origin == "web")
    return {
        "id": rows.number.tolist(),
        **{name: np.array(texts, object)[kind].tolist() for name, texts in kinds.text.items()},
        "objectid": _or_none(values[SOURCES.index("object")], kinds.objectid_source[kind] > 0),
        "edulevel": kinds.edulevel[kind].tolist(),
        "contextid": np.select(at_level, context, SYSTEM_CONTEXT).tolist(),
        "contextlevel": level.tolist(),
        "contextinstanceid": np.select(at_level, [rows.module + 1, course, user], 0).tolist(),
        "userid": user.tolist(),
        "courseid": np.where(level >= 50, course, 0).tolist(),
        "relateduserid": _or_none(related, related > 0),
        "anonymous": kinds.anonymous[kind].tolist(),
        "other": _others(plan, rows, values),
        "timecreated": rows.time.tolist(),
        "origin": origin.tolist(),
        "ip": _addresses(origin, user),
        "realuserid": _or_none(np.full(len(user), ADMIN), logged_in_as),
    }


def _related(plan: Plan, rows: Rows, user: Ints, random: np.random.Generator) -> Ints:
    """relateduserid, or 0 for none."""
    related = plan.kinds.related[rows.kind]
    student = students_of(plan, rows.course, random.random(len(user)))
    return np.select([related == RELATED.index("self"), related == RELATED.index("student")], [user, student], 0)


def _on_front_page(kinds: Kinds, rows: Rows, random: np.random.Generator) -> NDArray[np.bool_]:
    """One course page in twenty is the site's front page, which is course 1."""
    course_viewed = kinds.text["eventname"].index(r"\core\event\course_viewed")
    return (rows.kind == course_viewed) & (random.random(len(rows.kind)) < 0.05) & ~rows.restored


def _values(plan: Plan, rows: Rows, course: Ints, user: Ints, related: Ints) -> Ints:
    """Ids by SOURCES (first axis) and row (second axis); 0 where there is none."""
    by_name = {
        "instance": plan.modules.instance[rows.module],
        "module": rows.module + 1,
        "course": course,
        "user": user,
        "related": related,
        "serial": 1000 + rows.number // 3,
        "username": user,
    }
    values = np.array([by_name.get(name, np.zeros_like(user)) for name in SOURCES])
    values[SOURCES.index("object")] = values[plan.kinds.objectid_source[rows.kind], np.arange(len(user))]
    return values


def _others(plan: Plan, rows: Rows, values: Ints) -> list[object]:
    """The column `other`. The site moved from PHP's format to JSON after a tenth of its days."""
    kinds, source = plan.kinds, plan.kinds.other_source[rows.kind]
    begin, end = int(plan.timeline.start[0]), int(plan.timeline.start[-1])
    old = rows.time < begin + (end - begin) // 10
    fixed = np.array(
        [[kinds.other(kind, "", php) for php in (False, True)] for kind in range(len(kinds.other_key))], object
    )
    texts: list[object] = fixed[rows.kind, old.astype(int)].tolist()
    own = np.flatnonzero(source >= 0)
    of_row = values[source[own], own].tolist()
    named = (source[own] == SOURCES.index("username")).tolist()
    for row, kind, php, value, name in zip(
        own.tolist(), rows.kind[own].tolist(), old[own].tolist(), of_row, named, strict=True
    ):
        texts[row] = kinds.other(kind, plan.people.username[value] if name else value, php)
    return texts


def _origins(kinds: Kinds, rows: Rows, level: Ints, random: np.random.Generator) -> NDArray[np.object_]:
    """web, ws (the mobile app), cli, or None for restored rows: a backup keeps neither origin nor address."""
    origin = np.array(kinds.origin, object)[rows.kind]
    origin[(origin == "web") & (level >= 50) & (random.random(len(level)) < 0.27)] = "ws"
    origin[rows.restored] = None
    return origin


def _addresses(origin: NDArray[np.object_], user: Ints) -> list[object]:
    """ip: one a user, none for rows from the command line or a restore."""
    address = _ADDRESSES[user * 37 % len(_ADDRESSES)]
    address[(origin == "cli") | (origin == None)] = None  # noqa: E711
    return address.tolist()


def _or_none(values: Ints, present: NDArray[np.bool_]) -> list[object]:
    optional = values.astype(object)
    optional[~present] = None
    return optional.tolist()
