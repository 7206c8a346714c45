"""What the call log says: calls by hour, company and user, quotas, failed authentications. Each is one statement."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from lms_etl.service_counts import REFUSALS, CompanyCalls, Quota, UserCalls
from lms_etl.warehouse.tables import api_calls as calls
from lms_etl.warehouse.tables import auth_attempts, companies, company_quotas

HOUR = 3600
_ANSWERED = calls.c.error_code.is_(None)
_REFUSED = calls.c.error_code.in_(REFUSALS)


def _how_many(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
    return sa.func.sum(sa.case((condition, 1), else_=0))


_COUNTS = (
    sa.func.count().label("calls"),
    _how_many(_ANSWERED).label("answered"),
    _how_many(_REFUSED).label("refused"),
    # Refusals take no time: in the mean they would make a slow API look fast.
    sa.func.sum(sa.case((_REFUSED, 0), else_=calls.c.response_time_ms)).label("milliseconds"),
    sa.func.sum(calls.c.record_count).label("records"),
    sa.func.count(calls.c.cache_hit).label("asked"),
    sa.func.sum(sa.func.coalesce(calls.c.cache_hit, 0)).label("hits"),
)


class Counts(NamedTuple):
    """Calls of a time: how many were answered and refused, what they took and held, and what the cache did."""

    calls: int = 0
    answered: int = 0
    refused: int = 0
    milliseconds: float = 0
    records: int = 0
    asked: int = 0
    hits: int = 0

    @property
    def judged(self) -> int:
        """Calls that were let through."""
        return self.calls - self.refused

    @property
    def failed(self) -> int:
        return self.judged - self.answered


def _counts(row: Any) -> Counts:
    calls, answered, refused, milliseconds, *others = row[-len(Counts._fields) :]
    return Counts(int(calls), int(answered), int(refused), float(milliseconds), *map(int, others))


def by_hour(connection: sa.Connection, first: int, hours: int) -> list[Counts]:
    """Calls in each of `hours` hours from `first`, unix seconds."""
    number = ((calls.c.timeaccessed - first) // HOUR).label("number")
    wanted = (calls.c.timeaccessed >= first, calls.c.timeaccessed < first + hours * HOUR)
    query = sa.select(number, *_COUNTS).where(*wanted).group_by(sa.text("number"))
    found = {int(row[0]): _counts(row) for row in connection.execute(query)}
    return [found.get(index, Counts()) for index in range(hours)]


def by_company(connection: sa.Connection, since: int, most: int | None = None) -> list[CompanyCalls]:
    """Calls of each company since then, unix seconds, the busiest first. Calls of nobody's company are left out."""
    query = (
        sa.select(calls.c.companyid, sa.func.max(calls.c.company_shortname), *_COUNTS)
        .where(calls.c.timeaccessed >= since, calls.c.companyid.is_not(None))
        .group_by(calls.c.companyid)
        .order_by(sa.desc("calls"), calls.c.companyid)
    )
    found = connection.execute(query.limit(most) if most else query)
    return [CompanyCalls(row[0], row[1] or f"{row[0]}", *_counts(row)) for row in found]


def by_user(connection: sa.Connection, since: int) -> list[UserCalls]:
    """Calls on behalf of each user since then, unix seconds, the busiest first."""
    number = sa.func.count().label("calls")
    query = (
        sa.select(
            calls.c.username,
            number,
            sa.func.count(calls.c.ip_address.distinct()),
            sa.func.count(calls.c.companyid.distinct()),
        )
        .where(calls.c.timeaccessed >= since, calls.c.username.is_not(None))
        .group_by(calls.c.username)
        .order_by(sa.desc("calls"), calls.c.username)
    )
    return [UserCalls(*row) for row in connection.execute(query)]


def quotas(connection: sa.Connection, first: date) -> list[Quota]:
    """What each company has used of its quota on each day from `first` on, the newest and fullest first."""
    table = company_quotas.c
    query = (
        sa.select(
            table.companyid, companies.c.shortname, table.quota_date, table.used, table.refused, table.daily_limit
        )
        .join_from(company_quotas, companies, companies.c.companyid == table.companyid, isouter=True)
        .where(table.quota_date >= first)
        .order_by(table.quota_date.desc(), table.refused.desc(), table.used.desc(), table.companyid)
    )
    return [
        Quota(row.companyid, row.shortname or f"{row.companyid}", str(row.quota_date), row.used, row.refused,
              row.daily_limit)
        for row in connection.execute(query)
    ]  # fmt: skip


def failures_by_address(connection: sa.Connection, since: datetime) -> list[tuple[str, int]]:
    """Failed authentications of each address since then (UTC), the most first."""
    number = sa.func.count().label("number")
    query = (
        sa.select(auth_attempts.c.ip_address, number)
        .where(auth_attempts.c.attempted_at >= since)
        .group_by(auth_attempts.c.ip_address)
        .order_by(sa.desc("number"), auth_attempts.c.ip_address)
    )
    return [(address, count) for address, count in connection.execute(query)]


def errors(connection: sa.Connection, since: int, most: int) -> Sequence[Any]:
    """The newest calls that were not answered: when, whose, what, which error."""
    names = ("timeaccessed", "company_shortname", "username", "endpoint", "error_code", "error_message",
             "response_time_ms", "ip_address")  # fmt: skip
    query = (
        sa.select(*(calls.c[name] for name in names))
        .where(calls.c.timeaccessed >= since, calls.c.error_code.is_not(None))
        .order_by(calls.c.timeaccessed.desc(), calls.c.id.desc())
        .limit(most)
    )
    return connection.execute(query).all()
