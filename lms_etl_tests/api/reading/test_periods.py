"""The periods of a roll-up as tables of cases."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lms_etl.api.reading.periods import Kind, Period, periods

TERMS = (
    Period("even", date(2026, 2, 1), date(2026, 7, 31)),
    Period("odd", date(2025, 9, 1), date(2026, 1, 15)),
)

CASES: list[tuple[Kind, str, str, list[tuple[str, str, str]]]] = [
    ("week", "2026-03-18", "2026-03-23", [
        ("2026-W12", "2026-03-18", "2026-03-22"), ("2026-W13", "2026-03-23", "2026-03-23")]),
    ("week", "2026-12-31", "2027-01-04", [
        ("2026-W53", "2026-12-31", "2027-01-03"), ("2027-W01", "2027-01-04", "2027-01-04")]),
    ("month", "2028-02-28", "2028-03-01", [
        ("2028-02", "2028-02-28", "2028-02-29"), ("2028-03", "2028-03-01", "2028-03-01")]),
    ("month", "2026-12-31", "2026-12-31", [("2026-12", "2026-12-31", "2026-12-31")]),
    ("term", "2026-01-10", "2026-02-03", [
        ("odd", "2026-01-10", "2026-01-15"), ("even", "2026-02-01", "2026-02-03")]),
    ("term", "2026-01-16", "2026-01-31", []),
    ("range", "2026-01-16", "2026-01-31", [("2026-01-16..2026-01-31", "2026-01-16", "2026-01-31")]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "first", "last", "expected"), CASES)
def test_days_are_cut_into_periods(kind: Kind, first: str, last: str, expected: list[tuple[str, str, str]]) -> None:
    found = periods(kind, date.fromisoformat(first), date.fromisoformat(last), TERMS)
    assert [(each.name, str(each.first), str(each.last)) for each in found] == expected


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(0, 900), st.sampled_from(["week", "month"]))
def test_every_day_is_in_exactly_one_week_and_month(first: date, length: int, kind: Kind) -> None:
    last = first + timedelta(days=length)
    found = list(periods(kind, first, last))
    days = [each.first + timedelta(days=n) for each in found for n in range((each.last - each.first).days + 1)]
    assert days == [first + timedelta(days=n) for n in range(length + 1)]
    assert len({each.name for each in found}) == len(found)
