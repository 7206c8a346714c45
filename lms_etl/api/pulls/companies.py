"""The companies that a token reads, and how much of their quota of today is used up."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from lms_etl.api import daily_quotas
from lms_etl.api.reading import times
from lms_etl.api.scope import Scope
from lms_etl.service_counts import standing
from lms_etl.settings import Settings
from lms_etl.warehouse.company_settings import CompanySettings, settings_of_all
from lms_etl.warehouse.tables import companies, company_quotas


def readable(connection: sa.Connection, scope: Scope, settings: Settings, now: datetime) -> list[dict[str, Any]]:
    """The live companies of a scope by number; all of them for an admin."""
    day, reset = daily_quotas.today(now, settings.zone)
    today = sa.and_(company_quotas.c.companyid == companies.c.companyid, company_quotas.c.quota_date == day)
    query = (
        sa.select(companies, company_quotas.c.used)
        .join_from(companies, company_quotas, today, isouter=True)
        .where(companies.c.live == 1)
        .order_by(companies.c.companyid)
    )
    if not scope.admin:
        query = query.where(companies.c.companyid.in_(sorted(scope.companies)))
    own = settings_of_all(connection)
    found = []
    for row in connection.execute(query):
        limit = daily_quotas.limit_of(own.get(row.companyid, CompanySettings()), settings.api_daily_limit)
        used = row.used or 0
        quota = {"limit": limit, "used": used, "status": standing(used, limit), "reset": reset}
        names = {"companyid": row.companyid, "shortname": row.shortname, "name": row.name}
        found.append({**names, "complete_through": times.unix(row.synced_through), "quota": quota})
    return found
