"""The daily quota of a company: exact under parallel calls, by its own limit, until the site's midnight."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from lms_etl import service_counts
from lms_etl.api import daily_quotas
from lms_etl.warehouse import tables
from lms_etl.warehouse.company_settings import CompanySettings
from lms_etl_tests.api.conftest import Api
from lms_etl_tests.api.progress import CLEAN, calls, company, form, load, member, pairs, refused, setting
from lms_etl_tests.warehouse.rows import lay_tables, warehouse_at


@pytest.fixture
def bi(make_api: Callable[..., Api], sqlite_url: str) -> Api:
    return prepared(make_api(sqlite_url, timezone="Asia/Jakarta"))


def prepared(api: Api) -> Api:
    company(api.warehouse, 1, 2)
    for number in (1, 2):
        load(api.warehouse, number, [(1, 1)])
    for who, number in (("ana", 1), ("ben", 1), ("cy", 2)):
        member(api, who, number)
    return api


@pytest.mark.parametrize(
    ("own", "site", "limit"), [(None, 100, 100), (5, 100, 5), (0, 100, None), (None, 0, None), (7, 0, 7)]
)
def test_a_company_has_its_own_limit_or_the_sites_and_0_is_unlimited(
    own: int | None, site: int, limit: int | None
) -> None:
    assert daily_quotas.limit_of(CompanySettings(rate_limit=own), site) == limit


@pytest.mark.parametrize(
    ("used", "limit", "standing"),
    [(79, 100, "ok"), (80, 100, "warning"), (99, 100, "warning"), (100, 100, "exceeded"), (10**6, None, "ok")],
)
def test_the_standing_is_a_warning_from_80_percent_on(used: int, limit: int | None, standing: str) -> None:
    assert service_counts.standing(used, limit) == standing


def test_200_calls_at_once_with_a_limit_of_100_are_100_successes(
    make_api: Callable[..., Api], database_url: str
) -> None:
    api = prepared(make_api(database_url))
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: form(api, "ana"), range(200)))
    told = Counter("refused" if isinstance(each.json(), dict) else "given" for each in answers)
    assert told == {"given": 100, "refused": 100}
    with api.warehouse.reading() as connection:
        [row] = connection.execute(sa.select(tables.company_quotas)).all()
    assert (row.companyid, row.used, row.refused, row.daily_limit) == (1, 100, 100, 100)


def test_a_fresh_day_is_counted_exactly_without_deadlocks(database_url: str) -> None:
    """Thirty first calls at once, each in a transaction of its own, as processes of the API make them."""
    now = datetime(2026, 3, 22, 12, tzinfo=UTC)
    with warehouse_at(database_url) as warehouse:
        lay_tables(warehouse)

        def call(_: int) -> bool:
            with warehouse.writing() as connection:
                return daily_quotas.count(connection, 1, 10, now, ZoneInfo("UTC")).allowed

        with ThreadPoolExecutor(10) as pool:
            assert sum(pool.map(call, range(30))) == 10


def test_the_limit_is_shared_by_the_users_of_a_company_and_no_other(bi: Api) -> None:
    setting(bi, 1, rate_limit=5)
    codes = [form(bi, who).json() for who in ("ana", "ben", "ana", "ben", "ana")]
    assert all(isinstance(each, list) for each in codes)
    assert refused(form(bi, "ben")) == refused(form(bi, "ana")) == "ratelimitexceeded"
    assert pairs(form(bi, "cy")) == [(1, 1)]
    setting(bi, 1, rate_limit=0)
    assert pairs(form(bi, "ana")) == []


def test_the_quota_begins_anew_at_the_sites_midnight(bi: Api, stand_at: Callable[[str], Any]) -> None:
    setting(bi, 1, rate_limit=1)
    stand_at("2026-03-22 16:59:59")
    answer = form(bi, "ana")
    midnight = int(datetime(2026, 3, 22, 17, tzinfo=UTC).timestamp())
    assert int(answer.headers["x-ratelimit-reset"]) == midnight
    assert refused(form(bi, "ana")) == "ratelimitexceeded"
    stand_at("2026-03-22 17:00:00")
    assert isinstance(form(bi, "ana").json(), list)


def test_answers_say_what_is_left_and_warn_from_80_percent_on(bi: Api) -> None:
    setting(bi, 1, rate_limit=5)
    seen = [form(bi, "ana").headers for _ in range(6)]
    assert [each["x-ratelimit-remaining"] for each in seen] == ["4", "3", "2", "1", "0", "0"]
    assert [each["x-ratelimit-status"] for each in seen] == ["ok", "ok", "ok", "warning", "exceeded", "exceeded"]
    assert {each["x-ratelimit-limit"] for each in seen} == {"5"}
    assert int(seen[-1]["retry-after"]) > 0
    assert "x-ratelimit-limit" not in prepared_unlimited(bi).headers


def prepared_unlimited(api: Api) -> Any:
    setting(api, 2, rate_limit=0)
    return form(api, "cy")


def test_the_clean_route_is_429_with_limit_remaining_and_reset(bi: Api) -> None:
    setting(bi, 1, rate_limit=1)
    form(bi, "ana")
    told = bi.get(CLEAN, "ben")
    assert (told.status_code, told.json()["error"]["code"]) == (429, "daily_limit_reached")
    detail = told.json()["error"]["detail"]
    assert (detail["limit"], detail["remaining"]) == (1, 0)
    assert int(told.headers["retry-after"]) > 0
    assert int(told.headers["x-ratelimit-reset"]) == detail["reset"]


def test_a_violation_is_one_row_of_the_log_a_day(bi: Api, stand_at: Callable[[str], Any]) -> None:
    setting(bi, 1, rate_limit=1)
    for day in ("2026-03-22 12:00", "2026-03-23 12:00"):
        stand_at(day)
        for who in ("ana", "ana", "ben", "ana"):
            form(bi, who)
    violations = [row for row in calls(bi) if row["error_code"] == "ratelimitexceeded"]
    assert [(row["companyid"], row["company_shortname"], row["username"]) for row in violations] == [
        (1, "c1", "ana")
    ] * 2
    assert len(calls(bi)) == 4


def test_the_checks_come_in_the_documented_order(bi: Api) -> None:
    """Token, quota, company, method and parameters."""
    setting(bi, 1, rate_limit=1)
    form(bi, "ana")
    assert refused(form(bi, "unknown", limit=5000)) == "invalidtoken"
    assert refused(form(bi, "ana", limit=5000)) == "ratelimitexceeded"
    with bi.warehouse.writing() as connection:
        connection.execute(sa.update(tables.companies).values(live=0))
    assert refused(form(bi, "ana")) == "ratelimitexceeded"
    assert refused(form(bi, "cy", limit=5000)) == "nocompanyassociation"
