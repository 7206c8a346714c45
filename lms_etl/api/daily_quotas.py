"""The daily quota of a company: a counter that is exact however many calls come at once.

A call is let through by one conditional update, which the database does for one call after the other. The day is the
site's: it ends at its midnight.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from lms_etl import days
from lms_etl.service_counts import standing
from lms_etl.warehouse.company_settings import CompanySettings
from lms_etl.warehouse.tables import company_quotas as quotas

# An insertion that fails on MySQL leaves a shared lock, and two calls that hold one wait for each other for ever; this
# one takes the row's own lock.
_DAY = {
    "postgresql": postgresql.insert(quotas).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(quotas).on_conflict_do_nothing(),
    "mysql": mysql.insert(quotas).on_duplicate_key_update(used=quotas.c.used),
}

# Made once: every call executes them.
_ROW = sa.and_(quotas.c.companyid == sa.bindparam("company"), quotas.c.quota_date == sa.bindparam("day", type_=sa.Date))
_LET_THROUGH = (
    sa.update(quotas)
    .where(_ROW, quotas.c.used < sa.bindparam("at_most"))
    .values(used=quotas.c.used + 1, daily_limit=sa.bindparam("daily_limit"))
)
_REFUSE = sa.update(quotas).where(_ROW).values(refused=quotas.c.refused + 1, daily_limit=sa.bindparam("daily_limit"))
_STANDING = sa.select(quotas.c.used, quotas.c.refused).where(_ROW)
UNLIMITED = 2**31 - 1


@dataclass(frozen=True)
class Counted:
    """The quota after a call was counted. `limit` None: unlimited. `reset`: unix seconds of the next midnight."""

    used: int
    refused: int
    limit: int | None
    allowed: bool
    reset: int

    @property
    def remaining(self) -> int | None:
        return None if self.limit is None else max(0, self.limit - self.used)

    @property
    def headers(self) -> dict[str, str]:
        """What an answer says of it; nothing where there is no limit."""
        if self.limit is None:
            return {}
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
            "X-RateLimit-Status": standing(self.used, self.limit),
        }


def limit_of(settings: CompanySettings, site_limit: int) -> int | None:
    """Calls a day of a company; its own setting goes before the site's, and 0 in either means unlimited (None)."""
    own = site_limit if settings.rate_limit is None else settings.rate_limit
    return own or None


def today(now: datetime, zone: ZoneInfo) -> tuple[date, int]:
    """The day of the quota, and unix seconds of its end."""
    day = now.astimezone(zone).date()
    return day, days.midnight(day + timedelta(days=1), zone)


def count(connection: sa.Connection, companyid: int, limit: int | None, now: datetime, zone: ZoneInfo) -> Counted:
    """Counts a call of a company. The caller commits at once: until then the next call waits."""
    day, reset = today(now, zone)
    row = {"company": companyid, "day": day}
    counting = {**row, "at_most": UNLIMITED if limit is None else limit, "daily_limit": limit}
    allowed = bool(connection.execute(_LET_THROUGH, counting).rowcount)
    found = connection.execute(_STANDING, row).first()
    if found is None:
        connection.execute(_DAY[connection.dialect.name], {"companyid": companyid, "quota_date": day})
        allowed = bool(connection.execute(_LET_THROUGH, counting).rowcount)
    if not allowed:
        connection.execute(_REFUSE, {**row, "daily_limit": limit})
    if found is None or not allowed:
        found = connection.execute(_STANDING, row).one()
    return Counted(found.used, found.refused, limit, allowed, reset)
