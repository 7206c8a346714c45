"""The periods of a roll-up: calendar weeks and months, configured terms, or the days asked for as one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, get_args

Kind = Literal["week", "month", "term", "range"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True)
class Period:
    """Days from first to last, both included, under a name: 2026-W12, 2026-03, a term's own name."""

    name: str
    first: date
    last: date


def periods(kind: Kind, first: date, last: date, terms: tuple[Period, ...] = ()) -> Iterator[Period]:
    """The periods that lie in the days from first to last, in order.

    One that reaches over an end is cut there: its own first and last day say so. A day of no term belongs to none.
    """
    if kind == "range":
        yield Period(f"{first}..{last}", first, last)
    elif kind == "term":
        for term in sorted(terms, key=lambda each: each.first):
            if term.first <= last and first <= term.last:
                yield Period(term.name, max(first, term.first), min(last, term.last))
    else:
        begin = first
        while begin <= last:
            end = min(_end_of_week(begin) if kind == "week" else _end_of_month(begin), last)
            yield Period(_week(begin) if kind == "week" else f"{begin:%Y-%m}", begin, end)
            begin = end + timedelta(days=1)


def _week(day: date) -> str:
    """ISO 8601: the week with the year's first Thursday is its first, so 2027-01-01 is in 2026-W53."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def _end_of_week(day: date) -> date:
    return day + timedelta(days=7 - day.isoweekday())


def _end_of_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
