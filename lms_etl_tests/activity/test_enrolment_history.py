"""Head counts of past days, replayed: what a forward simulation of roles says at every moment, the replay says too."""

from collections import Counter
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lms_etl.activity.enrolment_history import COLUMNS as COUNTED
from lms_etl.activity.enrolment_history import EnrolmentHistory
from lms_etl.activity.head_counts import COLUMNS, basis_of, not_worse
from lms_etl.days import local_day

HOLDERS = ["courseid", "userid", "assigned_at", "student", "teacher"]
EVENTS = ["courseid", "userid", "timecreated", "change_by", "student", "teacher"]
ROLES = {"student": (1, 0), "teacher": (0, 1), "manager": (0, 0), "tutor": (1, 1)}

Assignment = tuple[int, int, str, int]
"""Course, user, role, and the enrolment that assigned it: the same role may be assigned by two."""

steps = st.lists(
    st.tuples(
        st.integers(0, 6),  # seconds since the step before
        st.tuples(st.integers(2, 4), st.integers(10, 13), st.sampled_from(sorted(ROLES)), st.integers(0, 1)),
    ),
    max_size=40,
)


def frame(rows: list[tuple[int, ...]], columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns, dtype="int64")


def counted(held: dict[Assignment, int]) -> dict[int, tuple[int, int, int]]:
    """Course and its students, teachers and assignments."""
    return {
        course: (
            len({user for place, user, role, _ in held if place == course and ROLES[role][0]}),
            len({user for place, user, role, _ in held if place == course and ROLES[role][1]}),
            sum(place == course for place, *_ in held),
        )
        for course in {place for place, *_ in held}
    }


def at(history: EnrolmentHistory, moment: int) -> pd.DataFrame:
    return pd.DataFrame(history.at(moment), columns=list(COUNTED))


def told(history: EnrolmentHistory, moment: int) -> dict[int, tuple[int, int, int]]:
    found = at(history, moment)
    numbers = found[["courseid", "num_students", "num_teachers", "assignments"]]
    return {row[0]: tuple(row[1:]) for row in numbers.itertuples(index=False, name=None)}


def simulated(
    steps: list[tuple[int, Assignment]],
) -> tuple[dict[Assignment, int], list[tuple[int, ...]], dict[int, Any]]:
    """Each step gives or takes one assignment. Returns what is held, the log's events, the counts before moments."""
    now, held = 1_000, {}
    events: list[tuple[int, ...]] = []
    before: dict[int, Any] = {now: {}}
    for later, assignment in steps:
        now += later
        before.setdefault(now, counted(held))
        course, user, role, _ = assignment
        given_now = assignment not in held
        events.append((course, user, now, 1 if given_now else -1, *ROLES[role]))
        if given_now:
            held[assignment] = now
        else:
            del held[assignment]
    before[now + 1] = counted(held)
    return held, events, before


def holders_of(held: dict[Assignment, int]) -> pd.DataFrame:
    return frame([(course, user, at, *ROLES[role]) for (course, user, role, _), at in held.items()], HOLDERS)


@settings(deadline=None)
@given(steps)
@example([(0, (2, 10, "student", 0)), (0, (2, 10, "student", 0)), (0, (2, 10, "student", 0))])
def test_the_replay_says_at_every_moment_what_was_true_then(steps: list[tuple[int, Assignment]]) -> None:
    held, events, before = simulated(steps)
    history = EnrolmentHistory(holders_of(held), frame(events, EVENTS))
    for moment, expected in before.items():
        assert told(history, moment) == expected
        assert set(at(history, moment)["basis"]) <= {"replayed"}


@settings(deadline=None)
@given(steps, st.integers(0, 40))
def test_events_before_the_moment_asked_for_are_not_needed(steps: list[tuple[int, Assignment]], place: int) -> None:
    """So a purge of what is older does not matter, and a range gives each day the same as the day alone."""
    held, events, before = simulated(steps)
    since = sorted(before)[place % len(before)]
    history = EnrolmentHistory(holders_of(held), frame([row for row in events if row[2] >= since], EVENTS))
    for moment in (moment for moment in before if moment >= since):
        assert told(history, moment) == before[moment]


@settings(deadline=None)
@given(steps, st.data())
def test_an_event_that_is_missing_never_makes_a_course_pretend(
    steps: list[tuple[int, Assignment]], data: st.DataObject
) -> None:
    """Where what is left cannot show the loss, it is a known limit; where it can, the basis says so."""
    held, events, before = simulated(steps)
    if not events:
        return
    lost = data.draw(st.integers(0, len(events) - 1))
    history = EnrolmentHistory(holders_of(held), frame(events[:lost] + events[lost + 1 :], EVENTS))
    for moment in before:
        found = at(history, moment)
        assert (found[["num_students", "num_teachers", "assignments"]] >= 0).all(axis=None)
        current = {row.courseid for row in found.itertuples() if row.basis == "current"}
        assert current <= {events[lost][0]}
        present = counted(held)
        assert all(told(history, moment)[course] == present[course] for course in current)


def test_a_role_lost_without_an_event_makes_the_days_before_it_was_given_current() -> None:
    """As when somebody empties a table by hand: the log tells that ben came, and not that he went."""
    events = frame([(2, 10, 100, 1, 1, 0), (2, 11, 200, 1, 1, 0), (3, 11, 200, 1, 1, 0)], EVENTS)
    history = EnrolmentHistory(frame([(2, 10, 100, 1, 0), (3, 11, 200, 1, 0)], HOLDERS), events)
    assert at(history, 201).to_dict("records") == [
        {"courseid": 2, "num_students": 1, "num_teachers": 0, "assignments": 1, "basis": "replayed"},
        {"courseid": 3, "num_students": 1, "num_teachers": 0, "assignments": 1, "basis": "replayed"},
    ]
    assert at(history, 150)[["courseid", "num_students", "basis"]].to_dict("records") == [
        {"courseid": 2, "num_students": 1, "basis": "current"}
    ]


def test_a_role_of_which_no_event_tells_makes_its_course_current() -> None:
    """As when the log was off while somebody was enrolled."""
    history = EnrolmentHistory(frame([(2, 10, 500, 1, 0), (2, 11, 40, 1, 0)], HOLDERS), frame([], EVENTS))
    assert at(history, 501)["basis"].tolist() == ["replayed"]
    assert at(history, 500)[["num_students", "basis"]].to_numpy().tolist() == [[2, "current"]]


def test_no_role_and_no_event_is_nobody() -> None:
    history = EnrolmentHistory(frame([], HOLDERS), frame([], EVENTS))
    assert list(at(history, 5).columns) == ["courseid", "num_students", "num_teachers", "assignments", "basis"]
    assert at(history, 5).empty


DAY = local_day(date(2026, 3, 22), ZoneInfo("UTC"))
NEWEST, LATER = date(2026, 3, 22), date(2026, 4, 2)


@pytest.mark.parametrize(
    ("newest", "stored", "whole_from", "forced", "basis"),
    [
        (NEWEST, set(), None, False, "observed"),
        (NEWEST, {"observed"}, None, False, "kept"),
        (NEWEST, {"observed"}, None, True, "observed"),
        (NEWEST, {"current"}, None, False, "observed"),
        (LATER, set(), None, False, "current"),
        (LATER, set(), DAY.end, False, "replayed"),
        (LATER, set(), DAY.end + 1, False, "current"),
        (LATER, {"observed"}, DAY.start, False, "kept"),
        (LATER, {"observed"}, DAY.start, True, "replayed"),
        (LATER, {"observed"}, None, True, "kept"),
        (LATER, {"observed"}, DAY.end + 1, True, "kept"),
        (LATER, {"current", "replayed"}, DAY.start, False, "replayed"),
        (LATER, {"current"}, None, True, "current"),
    ],
)
def test_an_observed_day_stays_and_any_other_is_told_as_well_as_it_can(
    newest: date, stored: set[str], whole_from: int | None, forced: bool, basis: str
) -> None:
    assert basis_of(DAY, newest, stored, whole_from, forced) == basis


def test_a_course_that_was_replayed_is_not_replaced_by_the_people_of_now() -> None:
    def people(*rows: tuple[int, int, str]) -> pd.DataFrame:
        return pd.DataFrame([(course, many, 1, basis) for course, many, basis in rows], columns=COLUMNS)

    stored = people((2, 20, "replayed"), (3, 30, "replayed"), (4, 40, "current"), (5, 50, "replayed"))
    now = people((2, 21, "replayed"), (3, 31, "current"), (4, 41, "current"), (6, 61, "current"))
    found = not_worse(stored, now)
    assert Counter(zip(found["courseid"], found["num_students"], found["basis"], strict=True)) == Counter(
        [(2, 21, "replayed"), (3, 30, "replayed"), (4, 41, "current"), (5, 50, "replayed"), (6, 61, "current")]
    )
