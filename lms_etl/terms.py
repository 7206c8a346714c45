"""Terms of the site: named spans of local days, as LMS_ETL_TERMS writes them."""

from datetime import date
from itertools import pairwise
from typing import NamedTuple

from lms_etl.days import BadDay, parse


class Term(NamedTuple):
    """Days from first to last, both included, under a name."""

    name: str
    first: date
    last: date


def terms_of(text: str) -> tuple[Term, ...]:
    """The terms of `2025 odd=2025-09-01..2026-01-31, 2025 even=2026-02-01..2026-07-31`, by their first day.

    Raises ValueError with what is wrong: no day belongs to two terms, and no two terms have one name.
    """
    terms = sorted((_term(part) for part in text.split(",") if part.strip()), key=lambda term: term.first)
    for one, next_one in pairwise(terms):
        if next_one.first <= one.last:
            raise ValueError(f"'{one.name}' and '{next_one.name}' share days")
    if len({term.name for term in terms}) < len(terms):
        raise ValueError("two terms have the same name")
    return tuple(terms)


def _term(part: str) -> Term:
    name, _, days = part.partition("=")
    first, _, last = days.partition("..")
    try:
        term = Term(name.strip(), parse(first.strip()), parse(last.strip()))
    except BadDay as error:
        raise ValueError(f"{error} (in '{part.strip()}'; a term is name=first day..last day)") from None
    if not term.name or term.first > term.last:
        raise ValueError(f"'{part.strip()}' is no term; write name=first day..last day")
    return term
