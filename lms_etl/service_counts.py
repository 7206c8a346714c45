"""What was recorded of companies, users and quotas, as numbers; judged in service_levels. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

REFUSALS = ("ratelimitexceeded", "toomanyrequests", "invalidtoken")
"""Error codes of calls refused at the door, by a quota or for their token: neither answered nor failed."""

NEARLY_USED = 80
"""Percent of a quota from which on it is nearly used up."""

Standing = Literal["ok", "warning", "exceeded"]


@dataclass(frozen=True)
class CompanySyncs:
    """What the syncs of one company came to. Moments are UTC without an offset; counts are of the last day."""

    companyid: int
    name: str
    enabled: bool
    known_since: datetime
    newest: str | None = None
    newest_at: datetime | None = None
    newest_error: str | None = None
    ended: str | None = None
    ended_error: str | None = None
    ended_at: datetime | None = None
    last_success: datetime | None = None
    syncs: int = 0
    failed: int = 0
    created: int = 0
    updated: int = 0
    deleted: int = 0


@dataclass(frozen=True)
class CompanyCalls:
    """Calls of one company in a time; `asked` of them looked into the cache, `hits` found it there."""

    companyid: int | None
    name: str
    calls: int
    answered: int
    refused: int
    milliseconds: float
    records: int
    asked: int
    hits: int

    @property
    def failed(self) -> int:
        return self.calls - self.answered - self.refused


@dataclass(frozen=True)
class UserCalls:
    """Calls on behalf of one user in an hour, from how many addresses, for how many companies."""

    username: str
    calls: int
    addresses: int
    companies: int


@dataclass(frozen=True)
class Quota:
    """What one company has used of its quota on one day; `limit` None for none."""

    companyid: int
    name: str
    day: str
    used: int
    refused: int
    limit: int | None

    @property
    def percent(self) -> int | None:
        """Whole percent used, rounded down; None without a limit."""
        return None if not self.limit else self.used * 100 // self.limit

    @property
    def state(self) -> Standing | Literal["unlimited"]:
        """`warning` from 80 percent, `exceeded` from 100 on or once a call was refused."""
        if self.refused:
            return "exceeded"
        return standing(self.used, self.limit) if self.limit else "unlimited"


def standing(used: int, limit: int | None) -> Standing:
    """How far a quota is used up; one without a limit never is."""
    if limit is None or 100 * used < NEARLY_USED * limit:
        return "ok"
    return "warning" if used < limit else "exceeded"


def rate(part: int, whole: int) -> float | None:
    """A share from 0 to 1; None of nothing."""
    return part / whole if whole else None


def mean(total: float, count: int) -> float | None:
    return total / count if count else None
