"""Days as unbroken spans: what an alert is about, and what of it is still to be mended. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

_NEXT = timedelta(days=1)
_SPANS_WRITTEN = 3


@dataclass(frozen=True)
class Spans:
    """Days of the calendar as spans (first, last), in order, neither touching nor overlapping."""

    spans: tuple[tuple[date, date], ...] = ()

    @classmethod
    def of(cls, days: Iterable[date]) -> "Spans":
        """The given days, in any order."""
        return cls._joined((day, day) for day in days)

    @classmethod
    def between(cls, first: date, last: date) -> "Spans":
        """All days from first to last, both included."""
        return cls(((first, last),))

    @classmethod
    def read(cls, text: str | None) -> "Spans":
        """What `written` gave; nothing for an empty text."""
        pairs = (each.split("/") for each in (text or "").split())
        return cls(tuple((date.fromisoformat(pair[0]), date.fromisoformat(pair[-1])) for pair in pairs))

    @classmethod
    def _joined(cls, spans: Iterable[tuple[date, date]]) -> "Spans":
        joined: list[tuple[date, date]] = []
        for first, last in sorted(spans):
            if joined and first <= joined[-1][1] + _NEXT:
                joined[-1] = (joined[-1][0], max(joined[-1][1], last))
            else:
                joined.append((first, last))
        return cls(tuple(joined))

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __or__(self, other: "Spans") -> "Spans":
        return self._joined(self.spans + other.spans)

    def __sub__(self, other: "Spans") -> "Spans":
        left = list(self.spans)
        for start, end in other.spans:
            left = [
                piece
                for first, last in left
                for piece in ((first, min(last, start - _NEXT)), (max(first, end + _NEXT), last))
                if piece[0] <= piece[1]
            ]
        return self._joined(left)

    def written(self) -> str:
        """As a column holds it: `2026-03-01/2026-03-05 2026-03-09`."""
        return " ".join(str(first) if first == last else f"{first}/{last}" for first, last in self.spans)

    def __str__(self) -> str:
        """As people read it: `2026-03-01 to 2026-03-05, 2026-03-09`."""
        words = [str(first) if first == last else f"{first} to {last}" for first, last in self.spans]
        more = len(words) - _SPANS_WRITTEN
        return ", ".join(words[:_SPANS_WRITTEN]) + (f" and {more} more" if more > 0 else "")
