"""The control page: what is asked for is queued once, what is dangerous is asked twice, and no other site can ask."""

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from lms_etl.warehouse import progress_queue, tables
from lms_etl.warehouse.registry import utc_now
from lms_etl_tests.alerts.listeners import Webhook, webhook
from lms_etl_tests.api.conftest import Api
from lms_etl_tests.api.monitor.conftest import MakeApi, log_in
from lms_etl_tests.service_rows import a_call, calls, company, put, seconds

CONTROL = "/monitor/control"


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as listening:
        yield listening


@pytest.fixture
def control(monitor: Api) -> Api:
    """A monitor that knows two companies."""
    company(monitor.warehouse, 1, "acme")
    company(monitor.warehouse, 2, "globex")
    return monitor


def form_of(api: Api) -> str:
    return re.findall(r'name="form" value="(.*?)"', api.client.get(CONTROL).text)[0]


def ask(api: Api, action: str, headers: dict[str, str] | None = None, **values: str) -> Any:
    """Sends the form of an action as a browser does."""
    data = {"form": form_of(api)} | values
    return api.client.post(f"{CONTROL}/{action}", data=data, headers=headers, follow_redirects=False)


def told(api: Api, action: str, **values: str) -> str:
    """What the page says after an action."""
    assert ask(api, action, **values).status_code == 303
    page = api.client.get(CONTROL).text
    found = re.findall(r'<p class="(?:done|problem)" role="(?:status|alert)">(.*?)</p>', page, re.DOTALL)
    return str(found[0]) if found else ""


def queued(api: Api) -> list[tuple[str, str, str]]:
    runs = tables.etl_job_runs.c
    with api.warehouse.reading() as connection:
        query = sa.select(runs.live_key, runs.trigger, runs.status).where(runs.job_name == progress_queue.JOB)
        return [tuple(row) for row in connection.execute(query.order_by(runs.id))]


@pytest.mark.parametrize(
    ("action", "values", "key"),
    [
        ("changes", {}, "course_progress:changes:all:-"),
        ("changes", {"company": "2", "hours_back": "48"}, "course_progress:changes:2:48"),
        ("full", {"company": "1"}, "course_progress:full:1:-"),
        ("reconcile", {}, "course_progress:reconcile:all:-"),
        ("cleanup", {"company": "2"}, "course_progress:cleanup:2:-"),
    ],
)
def test_a_sync_is_queued_and_listed(control: Api, action: str, values: dict[str, str], key: str) -> None:
    said = told(control, action, **values)
    assert re.match(r"Request \d+ is queued", said)
    assert queued(control) == [(key, "ui", "QUEUED")]
    assert "asked for by admin" in control.client.get(CONTROL).text


def test_the_same_sync_is_queued_once(control: Api) -> None:
    told(control, "full")
    assert "queued or running already" in told(control, "full")
    told(control, "full", company="1")
    assert len(queued(control)) == 2


def test_what_an_action_came_to_is_told_once(control: Api) -> None:
    assert told(control, "full")
    assert "is queued" not in control.client.get(CONTROL).text


@pytest.mark.parametrize(
    ("action", "values", "words"),
    [
        ("changes", {"hours_back": "-3"}, "whole number"),
        ("changes", {"hours_back": "9999"}, "from 1 to 8760"),
        ("full", {"company": "77"}, "no such company"),
        ("clear", {"company": "1"}, "tick that you are sure"),
        ("clear", {"sure": "yes"}, "choose one company"),
        ("test-alert", {}, "Set ALERT_URLS"),
    ],
)
def test_what_cannot_be_done_is_said_and_not_done(
    control: Api, action: str, values: dict[str, str], words: str
) -> None:
    assert words in told(control, action, **values)
    assert queued(control) == []


def test_a_form_of_another_site_or_session_does_nothing(control: Api) -> None:
    assert ask(control, "full", form="guessed").status_code == 403
    assert ask(control, "full", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert ask(control, "nonsense").status_code == 404
    assert queued(control) == []


def test_without_a_log_in_no_action_is_done(control: Api) -> None:
    form = form_of(control)
    control.client.cookies.clear()
    answer = control.client.post(f"{CONTROL}/full", data={"form": form}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/monitor/login")
    assert queued(control) == []


def test_clearing_leaves_the_company_without_rows(control: Api) -> None:
    pytest.importorskip("lms_etl.progress.commands")
    row = {"userid": 3, "courseid": 2, "firstname": "A", "lastname": "B", "email": "a@example.org",
           "coursename": "Safety", "percentage": 50, "change_number": 1}  # fmt: skip
    put(control.warehouse, tables.course_progress, {**row, "companyid": 1}, {**row, "companyid": 2})
    assert "1 rows deleted" in told(control, "clear", company="1", sure="yes")
    with control.warehouse.reading() as connection:
        left = connection.execute(sa.select(tables.course_progress.c.companyid)).scalars().all()
    assert left == [2]


def test_a_test_alert_goes_to_every_channel(make_api: MakeApi, sqlite_url: str, hook: Webhook) -> None:
    api = make_api(sqlite_url, alert_urls=hook.url)
    log_in(api, api.tokens["admin"])
    assert told(api, "test-alert").startswith("Accepted by json 127.0.0.1")
    assert hook.titles == ["[lms_etl] TEST: alerts reach you"]


def test_exports_hold_the_recorded_rows_and_nothing_that_a_spreadsheet_runs(control: Api) -> None:
    now = utc_now()
    recent, old = seconds(now - timedelta(days=2)), seconds(now - timedelta(days=40))
    calls(
        control.warehouse, a_call(timeaccessed=old), a_call(timeaccessed=recent, username="=cmd()"),
        a_call(timeaccessed=recent),
    )  # fmt: skip
    put(control.warehouse, tables.auth_attempts,
        {"attempted_at": now, "ip_address": "192.0.2.9", "endpoint": "x", "reason": "unknown"})  # fmt: skip
    answer = control.client.get(f"{CONTROL}/export/calls.csv")
    assert re.fullmatch(r'attachment; filename="calls-\d{8}.csv"', answer.headers["content-disposition"])
    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["username"] for row in found] == ["'=cmd()", "powerbi"]
    assert set(found[0]) == set(tables.api_calls.c.keys())
    as_json = control.client.get(f"{CONTROL}/export/calls.json", params={"days": 60}).json()
    assert [row["username"] for row in as_json] == ["powerbi", "=cmd()", "powerbi"]
    assert as_json[0]["response_time_ms"] == 120
    assert control.client.get(f"{CONTROL}/export/syncs.json").json() == []
    assert json.loads(control.client.get(f"{CONTROL}/export/attempts.json").text)[0]["ip_address"] == "192.0.2.9"
    for path in ("tokens.csv", "calls.xml", "calls.csv?days=0"):
        assert control.client.get(f"{CONTROL}/export/{path}").status_code == 404
