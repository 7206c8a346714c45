"""What the log holds of requests: one JSON line each with its id, and never a token, a parameter or a row."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from lms_etl.api import request_log
from lms_etl_tests.api.conftest import Api, signed
from lms_etl_tests.api.reading.loaded import load_day, report
from lms_etl_tests.warehouse.rows import DAY


@pytest.fixture
def lines() -> Iterator[Any]:
    """A function that gives the lines of the log so far, read as JSON."""
    stream = io.StringIO()
    request_log.configure("info", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    for name in ("lms_etl.api", "uvicorn", "uvicorn.error"):
        named = request_log.logging.getLogger(name)
        named.handlers, named.propagate = [], True
        named.setLevel(request_log.logging.NOTSET)


def test_a_request_is_one_line_with_its_id_user_and_route(small_api: Api, lines: Any) -> None:
    small_api.get(f"results/{DAY}?limit=2", "unit-20", headers={"X-Request-ID": "from-the-client"})
    [line] = [line for line in lines() if line.get("event") == "request"]
    assert (line["request_id"], line["user"], line["method"], line["status"]) == (
        "from-the-client",
        "unit-20",
        "GET",
        200,
    )
    assert line["route"] == "/api/user_activity_etl/results/{date}"
    assert line["seconds"] >= 0
    assert line["bytes"] > 0
    assert line["time"].endswith("+00:00")


def test_failed_attempts_and_quotas_are_logged_with_address_and_reason(small_api: Api, lines: Any) -> None:
    for who in ("unknown", "expired", "revoked", "disabled"):
        small_api.get("status", who)
    told = {(line["reason"], line["client"]) for line in lines() if line.get("event") == "unauthorized"}
    assert told == {("unknown", "testclient"), ("expired", "testclient"), ("revoked", "testclient")}
    ids = {line["request_id"] for line in lines()}
    assert None not in ids
    assert len(ids) == 4


def test_no_line_holds_a_token_a_parameter_or_a_row(jwt_api: Api, lines: Any) -> None:
    load_day(jwt_api.warehouse, DAY, report(11, course_name="Advanced Basketry", course_id="BASKET"))
    jwt_api.tokens["jwt"] = signed(fakultas="D1")
    for who in jwt_api.tokens:
        for question in (f"export?date={DAY}&course_id=BASKET", "export?course_id=BASKET&limit=x", "logs", "runs/x"):
            jwt_api.get(question, who)
        jwt_api.post("run_pipeline", who, json={"date": "2024-02-30", "reason": "BASKET"})
    text = json.dumps(lines())
    assert not [name for name, token in jwt_api.tokens.items() if token in text or token[12:] in text]
    assert "BASKET" not in text
    assert "Basketry" not in text
    assert "Bearer" not in text.replace("there is no bearer token", "")
    assert len(lines()) >= 5 * len(jwt_api.tokens)


def test_metrics_count_requests_and_tell_the_state_of_the_warehouse(api: Api) -> None:
    api.get("status")
    api.get("/nothing")
    api.get("/nothing/else")
    api.post("run_pipeline", json={"date": str(DAY), "force": True})
    text = api.get("/metrics", "nothing").text
    assert 'lms_etl_api_requests_total{method="GET",route="/api/user_activity_etl/status",status="200"} 1.0' in text
    assert 'lms_etl_api_requests_total{method="GET",route="none",status="404"} 2.0' in text
    assert 'lms_etl_live_runs{status="queued"} 1.0' in text
    assert "lms_etl_warehouse_up 1.0" in text
    assert "lms_etl_complete_through_timestamp_seconds 1.774224e+09" in text


def test_any_word_as_a_method_makes_no_new_series(small_api: Api) -> None:
    for number in range(20):
        small_api.client.request(f"WORD{number}", "/health/live")
    assert "WORD" not in small_api.get("/metrics").text


def test_uvicorns_own_log_of_requests_has_no_query(lines: Any) -> None:
    record = request_log.logging.LogRecord(
        "uvicorn.access",
        20,
        "",
        0,
        '%s - "%s %s HTTP/%s" %d',
        ("::1", "GET", "/server.php?wstoken=lms_x", "1.1", 200),
        None,
    )
    access = request_log.logging.getLogger("uvicorn.access")
    assert access.filter(record)
    assert record.getMessage() == '::1 - "GET /server.php HTTP/1.1" 200'
    access.filters.clear()
