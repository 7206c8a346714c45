"""Errors: one shape with stable codes, and never a traceback, a statement, a path or a secret."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from lms_etl.api.errors import CODES
from lms_etl_tests.api.conftest import PREFIX, Api
from lms_etl_tests.servers import Server
from lms_etl_tests.warehouse.rows import DAY

SECRETS = ("Traceback", "select ", "SELECT", "sqlite", "psycopg", "pymysql", "/tmp", "lms_etl/", "s3cret")
DOWN = {
    "postgresql": "postgresql://etl:s3cret@127.0.0.1:1/lms",
    "mysql": "mysql://etl:s3cret@127.0.0.1:1/lms",
}


def told(answer: Any) -> tuple[int, str]:
    """Status and code of an error, after a look at its shape."""
    body = answer.json()
    assert set(body) == {"status", "message", "error", "request_id"}
    assert set(body["error"]) == {"code", "detail"}
    assert body["status"] is False
    assert body["request_id"] == answer.headers["x-request-id"]
    assert (answer.status_code, body["error"]["code"]) == (CODES[body["error"]["code"]][0], body["error"]["code"])
    assert not [word for word in SECRETS if word in answer.text], answer.text
    return answer.status_code, body["error"]["code"]


@pytest.mark.parametrize("dialect", DOWN)
def test_a_database_that_is_down_is_503_and_the_process_lives(
    make_api: Callable[..., Api], sqlite_url: str, dialect: str
) -> None:
    api = make_api(sqlite_url)
    api.warehouse.engine.dispose()
    api.warehouse.settings.warehouse_database_url = DOWN[dialect]
    for name in ("engine", "url"):
        api.warehouse.__dict__.pop(name, None)
    for method, path in (("GET", "status"), ("GET", "export"), ("POST", "run_pipeline")):
        answer = api.client.request(method, f"{PREFIX}/{path}", headers=api.headers("admin"))
        assert told(answer) == (503, "database_unavailable")
        assert answer.json()["message"] == "Failed to connect to database"
        assert answer.headers["retry-after"]
    assert api.client.get("/health/live").status_code == 200
    ready = api.client.get("/health/ready")
    assert (ready.status_code, ready.json()["warehouse"], ready.json()["status"]) == (503, "bad", False)
    assert not [word for word in SECRETS if word in ready.text]


@pytest.mark.parametrize("server_of", ["mariadb", "postgres"])
def test_after_a_restart_of_the_database_the_next_request_is_answered(
    make_api: Callable[..., Api], request: pytest.FixtureRequest, server_of: str
) -> None:
    server: Server = request.getfixturevalue(server_of)
    with server.fresh_database() as url:
        api = make_api(url)
        assert api.get("status").status_code == 200
        with api.warehouse.engine.connect() as connection:
            for (number,) in connection.execute(sa.text(others(server_of))).fetchall():
                connection.execute(sa.text(kill(server_of)), {"number": number})
        assert api.get("status").status_code == 200
        api.warehouse.close()


def others(server: str) -> str:
    if server == "postgres":
        return "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    return "select id from information_schema.processlist where db = database() and id <> connection_id()"


def kill(server: str) -> str:
    return "select pg_terminate_backend(:number)" if server == "postgres" else "kill :number"


def test_a_warehouse_without_tables_or_of_another_version_is_503(api: Api) -> None:
    with api.warehouse.engine.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '0001'"))
    assert told(api.post("run_pipeline")) == (503, "schema_outdated")
    ready = api.client.get("/health/ready")
    assert (ready.status_code, ready.json()["warehouse"], ready.json()["schema_version"]) == (503, "good", "bad")
    with api.warehouse.engine.begin() as connection:
        connection.execute(sa.text("drop view bi_user_activity"))
        connection.execute(sa.text("drop table user_activity_etl"))
    assert told(api.get(f"results/{DAY}")) == (503, "schema_outdated")


def test_ready_tells_how_fresh_the_data_is(small_api: Api) -> None:
    ready = small_api.client.get("/health/ready").json()
    assert ready == {
        "status": True,
        "warehouse": "good",
        "schema_version": "good",
        "quotas": "none",
        "complete_through": "2026-03-23",
        "fresh": False,
    }


def test_what_nobody_expected_is_500_with_the_request_id_and_the_traceback_in_the_log(
    small_api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("select s3cret from lms_etl/api")

    monkeypatch.setattr("lms_etl.api.run_states.status", fail)
    with caplog.at_level(logging.ERROR, "lms_etl.api"):
        answer = small_api.get("status", headers={"X-Request-ID": "my-own-id"})
    assert told(answer) == (500, "internal_error")
    assert answer.json()["request_id"] == "my-own-id"
    assert "ZeroDivisionError" in caplog.text


def test_pages_and_methods_that_do_not_exist_have_the_same_shape(small_api: Api) -> None:
    assert told(small_api.get("/nothing")) == (404, "not_found")
    assert told(small_api.get("results/")) == (404, "not_found")
    answer = small_api.client.delete(f"{PREFIX}/clear", headers=small_api.headers("admin"))
    assert told(answer) == (405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize("given", ["x" * 65, "a b", "ümlaut", "a\tb", "../..", ""])
def test_a_request_id_that_could_forge_a_log_line_is_replaced(small_api: Api, given: str) -> None:
    answer = small_api.client.get("/health/live", headers={"X-Request-ID": given.encode()})
    assert answer.headers["x-request-id"] != given
    assert answer.headers["x-request-id"].isalnum() or given == "../.."


def test_every_answer_has_the_safe_headers(small_api: Api) -> None:
    for answer in (small_api.get("status"), small_api.get("/nothing"), small_api.get("export"), small_api.get("/docs")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"]
        assert "server" not in answer.headers


def test_messages_never_repeat_what_was_sent(small_api: Api) -> None:
    answer = small_api.get("export?limit=<script>alert(1)</script>")
    assert answer.status_code == 400
    assert "<script>" not in answer.text
    assert json.loads(answer.text)["error"]["detail"][0]["parameter"] == "limit"
