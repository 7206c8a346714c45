"""The people of each day of a run: observed the day after, replayed from Moodle's log, or those of now.

What is told well is never replaced by what is told worse: an observed day stays for ever, a replayed course until it
can be replayed again.
"""

from datetime import date
from functools import cached_property
from typing import Any

import pandas as pd

from lms_etl import clock
from lms_etl.activity.enrolment_history import EnrolmentHistory
from lms_etl.day_rows import Rows
from lms_etl.days import LocalDay, last_complete_day
from lms_etl.settings import current
from lms_etl.sources.moodle import Moodle, RoleHistory
from lms_etl.warehouse import bulk, tables
from lms_etl.warehouse.warehouse import Warehouse

COLUMNS = tables.loaded_columns(tables.user_counts)


def basis_of(day: LocalDay, newest: date, stored: set[str], whole_from: int | None, forced: bool) -> str:
    """How a day's people are to be told: kept as they are stored, observed, replayed or current.

    `newest` is the last complete day, whose people are those of now; `stored` the bases of the day's rows; `whole_from`
    the moment from which the log is whole, None where nothing can be replayed. Force replaces what was observed by a
    replay or by a newer observation, never by the people of now.
    """
    whole = whole_from is not None and whole_from <= day.end
    best = "observed" if day.date == newest else "replayed" if whole else "current"
    if "observed" in stored and (best == "current" or not forced):
        return "kept"
    return best


def not_worse(stored: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """The rows told now; a course that was replayed before and cannot be told better than `current` keeps its row."""
    better = told[told["basis"] != "current"]
    kept = stored[(stored["basis"] == "replayed") & ~stored["courseid"].isin(better["courseid"])]
    return pd.concat([told[~told["courseid"].isin(kept["courseid"])], kept[COLUMNS]], ignore_index=True)


class HeadCounts:
    """The people of the days of one run. However long the range, Moodle's roles and role events are read once."""

    def __init__(
        self, moodle: Moodle, warehouse: Warehouse, days: list[LocalDay], loaded: set[date], forced: bool
    ) -> None:
        self.moodle, self.warehouse, self.days, self.loaded, self.forced = moodle, warehouse, days, loaded, forced
        self.newest = last_complete_day(current().zone)

    def of(self, day: LocalDay) -> Rows:
        """The rows of one day, ready to load."""
        stored = self.warehouse.frame(tables.user_counts, [day.date]) if day.date in self.loaded else None
        bases = set() if stored is None else set(stored["basis"])
        basis = basis_of(day, self.newest, bases, self._whole_from(day, bases), self.forced)
        if stored is not None and basis == "kept":
            return _rows(bulk.columns_of(stored), "observed", int(stored["num_students"].sum()))
        if basis == "replayed":
            people = self.history.at(day.end)
        else:
            people = {**self.present, "basis": [basis] * len(self.present["courseid"])}
        read = sum(people["assignments"])
        if stored is not None and basis != "observed":
            people = bulk.columns_of(not_worse(stored, pd.DataFrame(people)[COLUMNS]))
        return _rows(people, basis, read)

    def _whole_from(self, day: LocalDay, stored: set[str]) -> int | None:
        """When the log is whole from; not asked of Moodle for a day that needs no replay."""
        settings = self.moodle.settings
        if day.date == self.newest or ("observed" in stored and not self.forced):
            return None
        # Whether an enrolment was live, or its user suspended, is not in the log.
        return None if settings.active_enrolments_only or not settings.replay_enrolments else self.roles.log_start

    @cached_property
    def roles(self) -> RoleHistory:
        return self.moodle.role_history(min(day.end for day in self.days))

    @cached_property
    def history(self) -> EnrolmentHistory:
        return EnrolmentHistory(self.roles.holders, self.roles.events)

    @cached_property
    def present(self) -> dict[str, list[Any]]:
        return bulk.columns_of(self.moodle.user_counts(now=int(clock.now().timestamp())))


def _rows(people: dict[str, list[Any]], basis: str, read: int) -> Rows:
    columns = {name: people[name] for name in COLUMNS}
    return Rows(columns, read, None, {"students": sum(columns["num_students"]), "basis": basis})
