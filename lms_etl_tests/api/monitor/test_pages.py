"""The pages: three tabs behind a log-in, what they say when there is nothing, and what they never allow."""

import re
import stat
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from lms_etl.api.monitor import charts
from lms_etl.api.monitor.session import COOKIE, kept_secret
from lms_etl.settings import Settings
from lms_etl.warehouse import tables
from lms_etl_tests.api.conftest import Api
from lms_etl_tests.api.monitor.conftest import MakeApi, log_in
from lms_etl_tests.api.monitor.filled import fill
from lms_etl_tests.service_rows import put

TABS = ("/monitor", "/monitor/performance", "/monitor/security")
PAGES = (*TABS, "/monitor/control")


def tabs_of(html: str) -> list[tuple[str, str, bool]]:
    """Address and title of each tab, and whether it is the current one."""
    [nav] = re.findall(r'<nav class="tabs".*?</nav>', html, re.DOTALL)
    return [
        (address, title, "aria-current" in more)
        for address, more, title in re.findall(r'<a href="(.*?)"(.*?)>(.*?)<', nav)
    ]


def test_the_monitor_opens_on_auto_sync_and_has_exactly_three_tabs(monitor: Api) -> None:
    tabs = tabs_of(monitor.client.get("/monitor").text)
    assert tabs == [
        ("/monitor", "Auto-Sync", True), ("/monitor/performance", "Performance", False),
        ("/monitor/security", "Security", False),
    ]  # fmt: skip
    for address in TABS:
        assert [tab[0] for tab in tabs_of(monitor.client.get(address).text) if tab[2]] == [address]
    assert not any(tab[2] for tab in tabs_of(monitor.client.get("/monitor/control").text))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/monitor", ("No company is known yet", "make demo", "/monitor/control", "No data")),
        ("/monitor/performance", ("No call in the last 24 hours", "lms-etl token create")),
        ("/monitor/security", ("No company was at its daily limit", "No call failed")),
        ("/monitor/control", ("Nothing was asked for yet",)),
    ],
)
def test_an_empty_page_says_what_to_do(monitor: Api, path: str, words: tuple[str, ...]) -> None:
    page = monitor.client.get(path)
    assert page.status_code == 200
    assert [word for word in words if word not in page.text] == []


@pytest.mark.parametrize("path", [*PAGES, "/monitor/control/export/calls.csv"])
def test_without_a_log_in_a_page_leads_to_it_and_back(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path, follow_redirects=False)
    assert answer.status_code == 303
    wanted = path if path in PAGES[1:] else ""
    assert answer.headers["location"] == "/monitor/login" + (f"?to={wanted}" if wanted else "")
    assert "Token of an administrator" in stranger.get(path).text


def test_a_script_is_told_that_nobody_is_logged_in(stranger: TestClient) -> None:
    assert stranger.get("/monitor/live/auto-sync", follow_redirects=False).status_code == 401


@pytest.mark.parametrize(
    ("who", "status", "words"),
    [
        ("directorate-1", 403, "not an administrator"),
        ("unknown", 401, "no token"),
        ("expired", 401, "no token"),
        ("revoked", 401, "no token"),
        ("right prefix, wrong secret", 401, "no token"),
    ],
)
def test_only_a_live_token_of_an_admin_logs_in(small_api: Api, who: str, status: int, words: str) -> None:
    answer = log_in(small_api, small_api.tokens[who])
    assert (answer.status_code, COOKIE in answer.cookies) == (status, False)
    assert words in answer.text
    assert small_api.tokens[who] not in answer.text


def test_failed_log_ins_are_limited_as_those_of_the_api(make_api: MakeApi, sqlite_url: str) -> None:
    api = make_api(sqlite_url, api_failed_limit="3/minute")
    assert [log_in(api, "nonsense").status_code for _ in range(5)] == [401, 401, 401, 429, 429]


def test_the_cookie_is_for_this_browser_and_site_alone(small_api: Api) -> None:
    answer = log_in(small_api, small_api.tokens["admin"], to="/monitor/security")
    assert answer.headers["location"] == "/monitor/security"
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=strict", "Path=/monitor", "Max-Age=43200"):
        assert part in cookie
    assert small_api.tokens["admin"] not in cookie
    elsewhere = log_in(small_api, small_api.tokens["admin"], to="https://evil.example.org/")
    assert elsewhere.headers["location"] == "/monitor"


def test_over_https_the_cookie_never_travels_in_the_clear(small_api: Api) -> None:
    secure = TestClient(small_api.app, base_url="https://testserver")
    answer = secure.post("/monitor/login", data={"token": small_api.tokens["admin"]}, follow_redirects=False)
    assert "Secure" in answer.headers["set-cookie"]


def change(api: Api, table: sa.Table, **values: Any) -> None:
    with api.warehouse.writing() as connection:
        connection.execute(sa.update(table).values(**values))


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (tables.api_tokens, {"revoked_at": datetime(2026, 1, 1)}),  # noqa: DTZ001
        (tables.api_tokens, {"expires_at": datetime(2026, 1, 1)}),  # noqa: DTZ001
        (tables.api_users, {"disabled_at": datetime(2026, 1, 1)}),  # noqa: DTZ001
        (tables.api_users, {"role": "reader"}),
    ],
)
def test_who_loses_token_or_privilege_is_logged_out_at_once(
    monitor: Api, table: sa.Table, values: dict[str, Any]
) -> None:
    assert monitor.client.get("/monitor", follow_redirects=False).status_code == 200
    change(monitor, table, **values)
    assert monitor.client.get("/monitor", follow_redirects=False).status_code == 303


def test_a_session_ends_with_its_hours_and_by_logging_out(monitor: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    form = form_of(monitor.client.get("/monitor").text)
    monitor.client.post("/monitor/logout", data={"form": "another"}, follow_redirects=False)
    assert COOKIE in monitor.client.cookies
    monitor.client.post("/monitor/logout", data={"form": form}, follow_redirects=False)
    assert COOKIE not in monitor.client.cookies
    log_in(monitor, monitor.tokens["admin"])
    monitor.app.state.monitor_sessions.seconds = -1
    assert monitor.client.get("/monitor", follow_redirects=False).status_code == 303


def form_of(html: str) -> str:
    return re.findall(r'name="form" value="(.*?)"', html)[0]


def test_a_forged_cookie_is_no_session(stranger: TestClient) -> None:
    stranger.cookies.set(COOKIE, "eyJ0b2tlbiI6MSwiZm9ybSI6IngifQ.aaaa.bbbb")
    assert stranger.get("/monitor", follow_redirects=False).status_code == 303


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path: Any) -> None:
    file = tmp_path / "home" / "monitor.secret"
    secret = kept_secret(file)
    assert len(secret) >= 48
    assert kept_secret(file) == secret
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["monitor.secret"]


def test_no_page_allows_anything_from_elsewhere_or_written_into_it(monitor: Api) -> None:
    fill(monitor.warehouse, datetime.now(tz=UTC))
    for path in (*PAGES, "/monitor/live/auto-sync", "/monitor/live/performance", "/monitor/live/security"):
        page = monitor.client.get(path)
        policy = page.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "http" not in policy
        assert page.headers["cache-control"] == "no-store"
        assert not re.findall(r"https?://", page.text), path
        assert not re.findall(r"<style|\sstyle=|\son\w+=|<script(?! src=\"/monitor/static/)", page.text), path


def test_rows_are_shown_as_text_and_never_as_html(monitor: Api) -> None:
    name = "<script>alert(1)</script>"
    row = {"companyid": 1, "shortname": name, "name": name, "origin": "site"}
    put(monitor.warehouse, tables.companies, row)
    page = monitor.client.get("/monitor").text
    assert name not in page
    assert "&lt;script&gt;" in page


def test_every_table_has_a_caption_and_scopes_and_every_chart_words(monitor: Api) -> None:
    fill(monitor.warehouse, datetime.now(tz=UTC))
    for path in PAGES:
        html = monitor.client.get(path).text
        found = re.findall(r"<table.*?</table>", html, re.DOTALL)
        assert found, path
        for table in found:
            assert re.search(r"<caption>\S", table), path
            assert not re.search(r"<th(?![^>]*scope=)[ >]", table), path
        for chart in re.findall(r"<svg.*?>", html):
            assert re.search(r'role="img" aria-label="[^"]{20,}"', chart), path
        assert html.count("<h1>") == 1


def test_a_filled_page_shows_the_recorded_numbers(monitor: Api) -> None:
    fill(monitor.warehouse, datetime.now(tz=UTC))
    auto_sync = monitor.client.get("/monitor").text
    for words in ("Cobalt Bank", "Failing", "Borealis Energy has used up its quota", "met", "late"):
        assert words in auto_sync
    security = monitor.client.get("/monitor/live/security").text
    assert "<html" not in security
    assert "ratelimitexceeded" in security


def test_a_warehouse_that_is_not_migrated_is_told_on_a_page(monitor: Api) -> None:
    with monitor.warehouse.engine.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '0005'"))
    page = monitor.client.get("/monitor")
    assert page.status_code == 503
    assert "lms-etl migrate" in page.text


def test_static_files_may_be_kept_and_others_are_not_served(stranger: TestClient) -> None:
    css = stranger.get("/monitor/static/monitor.css")
    assert (css.status_code, css.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in css.headers["cache-control"]
    assert stranger.get("/monitor/static/..%2Fpages.py").status_code == 404
    assert stranger.get("/monitor/static/session.py").status_code == 404


def test_a_secret_that_is_short_is_refused() -> None:
    with pytest.raises(ValueError, match="32 characters"):
        Settings(monitor_secret="short")


def test_a_chart_has_no_style_or_script_and_says_each_bar() -> None:
    told = [charts.Bar(90, "Mon: 90 % <of> 10"), charts.Bar(None)]
    svg = str(charts.bars("Success by day", ["Mon", "Tue"], {"good": told}, largest=100, unit=" %"))
    assert not re.findall(r"<style|style=|<script|http", svg)
    assert "<title>Mon: 90 % &lt;of&gt; 10</title>" in svg
    assert svg.count('class="series good"') == 1


def test_the_live_part_is_as_fresh_as_the_rows(monitor: Api) -> None:
    assert "No company is known yet" in monitor.client.get("/monitor/live/auto-sync").text
    fill(monitor.warehouse, datetime.now(tz=UTC) - timedelta(minutes=1))
    assert "Cobalt Bank" in monitor.client.get("/monitor/live/auto-sync").text
