"""Moments of the warehouse (UTC without an offset) as the text of an answer."""

from collections.abc import Sequence
from datetime import UTC, date, datetime


def second(value: datetime) -> str:
    """`2026-03-23 02:10:05`: the documented form, UTC, to the second."""
    return str(value)[:19]


def seconds(values: Sequence[datetime | None]) -> list[str | None]:
    """The same of many moments. The rows of a load share theirs, so few are written anew."""
    written = {value: second(value) for value in set(values) if value is not None}
    return [written.get(value) for value in values]  # type: ignore[arg-type]


def moment(value: datetime) -> str:
    """`2026-03-23T02:10:05.123456Z`: exact, with its offset."""
    return value.isoformat(timespec="microseconds") + "Z"


def unix(seconds: int) -> str | None:
    """`2026-03-23T02:10:05Z` of unix seconds; None for 0."""
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%dT%H:%M:%SZ}" if seconds else None


def day(value: date | None) -> str | None:
    """`2026-03-22`."""
    return value.isoformat() if value else None
