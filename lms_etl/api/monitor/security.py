"""What the Security tab shows: tokens, quotas, failed authentications, unusual use, and the newest errors."""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from lms_etl.alerts.levels import judged
from lms_etl.api.monitor.spans import naive
from lms_etl.warehouse import call_log
from lms_etl.warehouse.tables import api_tokens, api_users
from lms_etl.warehouse.warehouse import Warehouse

DAYS = 7
ERRORS_SHOWN = 20
SUSPICIOUS = ("auth_failures", "many_addresses", "many_companies", "many_calls")


def shown(warehouse: Warehouse, now: datetime) -> dict[str, Any]:
    """Everything on the tab, as the template names it; `now` is aware."""
    settings, moment = warehouse.settings, now.astimezone(UTC).replace(tzinfo=None)
    today = now.astimezone(settings.zone).date()
    day_ago = int(now.timestamp()) - 24 * call_log.HOUR
    with warehouse.reading() as connection:
        active, endless = active_tokens(connection, moment)
        quotas = call_log.quotas(connection, today - timedelta(days=DAYS - 1))
        failures = call_log.failures_by_address(connection, moment - timedelta(days=1))
        errors = call_log.errors(connection, day_ago, ERRORS_SHOWN)
        judgements = judged(connection, settings, moment)
    over = [each for each in quotas if each.state == "exceeded" or (each.state == "warning" and each.day == str(today))]
    return {
        "active": active,
        "endless": endless,
        "quotas": over,
        "exceeded": sum(each.state == "exceeded" for each in over),
        "exceeded_today": sum(each.state == "exceeded" and each.day == str(today) for each in over),
        "failures": sum(count for _, count in failures),
        "addresses": len(failures),
        "suspicious": [each for each in judgements if each.kind in SUSPICIOUS and each.verdict == "bad"],
        "errors": [{**error._mapping, "at": naive(error.timeaccessed)} for error in errors],
    }


def active_tokens(connection: sa.Connection, now: datetime) -> tuple[int, int]:
    """How many tokens are accepted now, and how many of them never expire."""
    tokens, users = api_tokens.c, api_users.c
    live = (
        tokens.revoked_at.is_(None),
        users.disabled_at.is_(None),
        sa.or_(tokens.expires_at.is_(None), tokens.expires_at > now),
    )
    query = (
        sa.select(sa.func.count(), sa.func.count(sa.case((tokens.expires_at.is_(None), 1))))
        .join_from(api_tokens, api_users, users.username == tokens.username)
        .where(*live)
    )
    row = connection.execute(query).one()
    return int(row[0]), int(row[1])
