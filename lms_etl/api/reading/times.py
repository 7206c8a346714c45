"""Moments of the warehouse (UTC without an offset) as the text of an answer."""

from datetime import date, datetime


def second(value: datetime) -> str:
    """`2026-03-23 02:10:05`: the documented form, UTC, to the second."""
    return value.isoformat(" ", "seconds") if not value.microsecond else value.replace(microsecond=0).isoformat(" ")


def moment(value: datetime) -> str:
    """`2026-03-23T02:10:05.123456Z`: exact, with its offset."""
    return value.isoformat(timespec="microseconds") + "Z"


def day(value: date | None) -> str | None:
    """`2026-03-22`."""
    return value.isoformat() if value else None
