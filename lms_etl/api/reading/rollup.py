"""Roll-ups: the report over weeks, months, terms or any days, by course, unit, directorate or the whole site."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, Literal, get_args

import sqlalchemy as sa

from lms_etl import databases, statements
from lms_etl.api.reading import rows
from lms_etl.api.reading.answer import Answer
from lms_etl.api.reading.changes import state
from lms_etl.api.reading.columns import VIEWS, Column
from lms_etl.api.reading.cursors import digest_of
from lms_etl.api.reading.freshness import Freshness, freshness
from lms_etl.api.reading.periods import KINDS, Kind, Period, periods
from lms_etl.api.reading.problems import BadAsk
from lms_etl.api.reading.times import day, moment, second
from lms_etl.api.scope import Scope
from lms_etl.warehouse.warehouse import SETTING, Warehouse

By = Literal["course", "unit", "directorate", "site"]
LEVELS: tuple[str, ...] = get_args(By)

_PERIOD = [Column("period", "text", False), Column("first_day", "day", False), Column("last_day", "day", False)]
_PLACE = [
    Column("directorate_id", "number"),
    Column("directorate", "text"),
    Column("unit_id", "number"),
    Column("unit", "text"),
]
_COURSE = [
    Column("moodle_course_id", "number", False),
    *(Column(name, "text") for name in ("course_id", "id_number", "course_name", "course_shortname")),
    *_PLACE,
]
_PEOPLE = [Column(name, "number", False) for name in ("num_teachers", "num_students")]
_COUNTS = [Column(name, "number", False) for name in (*VIEWS, "total_views")]
_MEASURES = [
    Column("avg_activity_per_student_per_day", "decimal"),
    Column("active_days", "number", False),
    Column("distinct_active_days", "number", False),
    Column("student_views", "number"),
]


@dataclass(frozen=True)
class RollupAsk:
    """Which periods and which level. Days are local days of the site, both included; an open end is where days end."""

    period: Kind = "month"
    by: By = "course"
    first: date | None = None
    last: date | None = None


class Rollup(Answer):
    """The answer to a RollupAsk; all its rows come in one stream, period by period."""

    def __init__(
        self, warehouse: Warehouse, connection: sa.Connection, scope: Scope, ask: RollupAsk, fresh: Freshness
    ) -> None:
        super().__init__(warehouse, connection, fresh)
        self._scope, self._ask = scope, ask
        self._periods = list(_asked_periods(warehouse, ask, fresh))
        self.columns = columns_of(ask.by)
        first, last = (self._periods[0].first, self._periods[-1].last) if self._periods else (None, None)
        found = state(connection, first, last, scope, fresh.as_of)
        self._state = found.version, found.places

    @property
    def etag(self) -> str:
        """Weak; changes with the days of the periods, and with the places of courses."""
        return f'W/"{digest_of(self._ask, self._periods, self._scope.mark, self._state, self.complete_through)}"'

    @property
    def envelope(self) -> dict[str, Any]:
        """What was asked for, and how fresh it is."""
        return {
            "period": self._ask.period,
            "by": self._ask.by,
            "from": day(self._periods[0].first if self._periods else self._ask.first),
            "to": day(self._periods[-1].last if self._periods else self._ask.last),
            "has_next": False,
            "timestamp": second(self.as_of),
            "complete_through": day(self.complete_through),
            "as_of": moment(self.as_of),
            **self.besides,
        }

    def _rows(self) -> Iterator[rows.Rows]:
        name = "course_period" if self._ask.by == "course" else "place_period"
        for period in self._periods:
            found = self._connection.execute(_statement(name), self._parameters(period))
            for part in found.mappings().partitions(rows.CHUNK):
                yield [self._row(period, dict(row)) for row in part]

    def _parameters(self, period: Period) -> dict[str, Any]:
        asked = {"first_day": period.first, "last_day": period.last, **self._scope.parameters}
        if self._ask.by != "course":
            asked |= {"by_directorate": int(self._ask.by != "site"), "by_unit": int(self._ask.by == "unit")}
        return asked

    def _row(self, period: Period, row: dict[str, Any]) -> list[Any]:
        first, last = row["first_active"], row["last_active"]
        days = (last - first).days + 1 if first else 0
        average = exact_average(int(row["total_views"]), int(row["num_students"]), days)
        made = {"period": period.name, "first_day": period.first, "last_day": period.last, "active_days": days}
        row |= made | {"avg_activity_per_student_per_day": average}
        return [_plain(row[column.name], column) for column in self.columns]


def open_rollup(warehouse: Warehouse, scope: Scope, ask: RollupAsk) -> Rollup:
    """Opens the answer. Raises BadAsk (400) or DatabaseProblem."""
    if ask.period not in KINDS or ask.by not in LEVELS:
        raise BadAsk("bad_rollup", f"period is one of {', '.join(KINDS)}; by is one of {', '.join(LEVELS)}.")
    if ask.first and ask.last and ask.first > ask.last:
        raise BadAsk("bad_range", f"from ({ask.first}) is after to ({ask.last}).")
    if ask.period == "term" and not warehouse.settings.terms:
        raise BadAsk("no_terms", "No terms are configured; set LMS_ETL_TERMS.")
    connection = rows.view_of(warehouse)
    try:
        with databases.plain_errors(SETTING, warehouse.url):
            return Rollup(warehouse, connection, scope, ask, freshness(connection))
    except BaseException:
        connection.close()
        raise


def columns_of(by: By) -> list[Column]:
    """The columns of a roll-up by that level."""
    place = {"course": _COURSE, "unit": _PLACE, "directorate": _PLACE[:2], "site": []}[by]
    courses = [] if by == "course" else [Column("courses", "number", False)]
    return [*_PERIOD, *place, *courses, *_PEOPLE, *_COUNTS, *_MEASURES]


def exact_average(total_views: int, num_students: int, active_days: int) -> Decimal | None:
    """Views by student by day, rounded half up in whole numbers as sql/warehouse/user_activity.sql does; None for 0."""
    divisor = 2 * num_students * active_days
    if not divisor:
        return None
    return Decimal((200 * total_views + num_students * active_days) // divisor).scaleb(-2)


def _asked_periods(warehouse: Warehouse, ask: RollupAsk, fresh: Freshness) -> Iterator[Period]:
    """The periods among the days that are loaded: outside of them there is nothing to sum."""
    if fresh.first is None or fresh.newest is None:
        return iter(())
    first = max(ask.first or fresh.first, fresh.first)
    last = min(ask.last or fresh.newest, fresh.newest)
    terms = tuple(Period(*term) for term in warehouse.settings.terms)
    return periods(ask.period, first, last, terms) if first <= last else iter(())


@cache
def _statement(name: str) -> sa.TextualSelect:
    """A statement of sql/warehouse with the types that SQLite does not tell."""
    text = statements.statement(f"warehouse/{name}", numbers=("directorates", "units"))
    text = text.bindparams(sa.bindparam("first_day", type_=sa.Date), sa.bindparam("last_day", type_=sa.Date))
    return text.columns(first_active=sa.Date, last_active=sa.Date)


def _plain(value: Any, column: Column) -> Any:
    """Sums come as decimals from some databases."""
    return int(value) if column.kind == "number" and value is not None else value
