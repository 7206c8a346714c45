"""The call log and failed authentication: what is stored, that no answer waits for it, and that none is lost."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from lms_etl.api import tokens
from lms_etl.api.app import create_app
from lms_etl.api.calls import Journal
from lms_etl.settings import Settings
from lms_etl.warehouse import tables
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.api.conftest import Api
from lms_etl_tests.api.progress import CLEAN, FUNCTION, SERVICE, calls, company, form, load, member, pairs


@pytest.fixture
def bi(make_api: Callable[..., Api], sqlite_url: str) -> Api:
    return prepared(make_api(sqlite_url))


@pytest.fixture
def bi_anywhere(make_api: Callable[..., Api], database_url: str) -> Api:
    return prepared(make_api(database_url))


def prepared(api: Api) -> Api:
    company(api.warehouse, 1)
    load(api.warehouse, 1, [(1, 1), (2, 1)])
    member(api, "ana", 1)
    return api


def attempts(api: Api) -> list[Any]:
    assert api.app.state.journal.flush()
    with api.warehouse.reading() as connection:
        return list(connection.execute(sa.select(tables.auth_attempts).order_by(tables.auth_attempts.c.id)))


def test_a_call_is_stored_with_everything_that_is_known(bi_anywhere: Api) -> None:
    bi = bi_anywhere
    fields = {"wstoken": bi.tokens["ana"], "wsfunction": FUNCTION, "limit": "1"}
    bi.client.post(SERVICE, data=fields, headers={"User-Agent": "Power\x7fBI " + "x" * 300})
    form(bi, "ana", limit=5000)
    bi.get(CLEAN, "ana", params={"limit": 7})
    good, bad, clean = calls(bi)
    assert good["userid"] > 0
    assert (good["username"], good["companyid"], good["company_shortname"]) == ("ana", 1, "c1")
    assert (good["endpoint"], good["record_count"], good["error_code"], good["cache_hit"]) == (FUNCTION, 1, None, 0)
    assert good["response_time_ms"] > 0
    assert abs(good["timeaccessed"] - time.time()) < 60
    assert (good["ip_address"], good["user_agent"]) == ("testclient", "Power?BI " + "x" * 246)
    assert good["additional_data"] == '{"request_method": "POST", "limit": 1, "offset": 0, "mode": "first"}'
    assert (bad["error_code"], bad["record_count"], bad["username"]) == ("limittoolarge", 0, "ana")
    assert "5000" in bad["error_message"]
    assert (clean["endpoint"], clean["record_count"], clean["error_code"]) == (CLEAN, 2, None)


def test_failed_authentication_of_every_route_is_stored_with_its_address(bi: Api) -> None:
    form(bi, "unknown")
    form(bi, None)
    bi.get("status", "expired")
    bi.get(CLEAN, "revoked")
    bi.get("export", "right prefix, wrong secret")
    found = [(row.endpoint, row.reason, row.ip_address) for row in attempts(bi)]
    assert found == [
        (SERVICE, "unknown", "testclient"),
        (SERVICE, "there is no bearer token", "testclient"),
        ("/api/user_activity_etl/status", "expired", "testclient"),
        (CLEAN, "revoked", "testclient"),
        ("/api/user_activity_etl/export", "unknown", "testclient"),
    ]
    assert calls(bi) == []


def test_an_answer_does_not_wait_for_the_log(bi: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    written, journal = threading.Event(), bi.app.state.journal
    write = journal._written

    def slow(portion: Any) -> bool:
        written.wait(30)
        done: bool = write(portion)
        return done

    monkeypatch.setattr(journal, "_written", slow)
    assert len(pairs(form(bi, "ana"))) == 2
    assert not journal.flush(0.01)
    written.set()
    assert len(calls(bi)) == 1


def test_no_call_is_lost_when_the_api_ends(sqlite_url: str, template: Any) -> None:
    import shutil

    from fastapi.testclient import TestClient

    shutil.copy(template.file, sqlite_url.removeprefix("sqlite:///"))
    app = create_app(Settings(warehouse_database_url=sqlite_url))
    api = Api(app, TestClient(app), dict(template.tokens))
    with api.client:
        company(api.warehouse, 1)
        member(api, "ana", 1)
        app.state.journal._written = lambda portion: time.sleep(0.05) or Journal._written(app.state.journal, portion)
        for _ in range(20):
            form(api, "ana")
    other = Warehouse(Settings(warehouse_database_url=sqlite_url))
    with other.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.api_calls)).scalar_one() == 20
    other.close()


def test_rows_wait_while_the_warehouse_is_away(bi: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lms_etl.api.calls.PAUSE_SECONDS", 0.05)
    journal, writing, failures = bi.app.state.journal, bi.warehouse.writing, []

    def away() -> Any:
        if threading.current_thread().name == "call log" and len(failures) < 3:
            failures.append(1)
            raise sa.exc.OperationalError("insert", {}, Exception("away"))
        return writing()

    monkeypatch.setattr(bi.warehouse, "writing", away)
    form(bi, "ana")
    form(bi, "ana")
    assert journal.flush()
    assert (len(failures), len(calls(bi))) == (3, 2)


def test_tokens_of_the_setting_are_taken_and_none_is_there_by_default(
    make_api: Callable[..., Api], sqlite_url: str
) -> None:
    first, second = "an old token of the webhook list", "lms_another"
    listed = f"admin:{tokens.hash_of(first)}, directorate-1:{tokens.hash_of(second)}"
    api = make_api(sqlite_url, webhook_tokens=listed)
    api.tokens |= {"first": first, "second": second, "third": "your-webhook-token-here"}
    assert [api.get("logs", who).status_code for who in ("first", "second", "third")] == [200, 403, 401]
    assert api.get("status", "second").status_code == 200
    assert tokens.hash_of(first) not in repr(api.warehouse.settings)
