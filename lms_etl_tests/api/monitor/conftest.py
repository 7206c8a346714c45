"""The monitor on a warehouse of each dialect, and one in SQLite that somebody has logged in to."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from lms_etl.api.monitor.session import COOKIE
from lms_etl_tests.api.conftest import Api

FORM = "application/x-www-form-urlencoded"


def log_in(api: Api, token: str, **more: Any) -> Any:
    return api.client.post("/monitor/login", data={"token": token, **more}, follow_redirects=False)


@pytest.fixture
def monitor(small_api: Api) -> Api:
    """The application on SQLite; its client is logged in as the admin."""
    answer = log_in(small_api, small_api.tokens["admin"])
    assert answer.status_code == 303
    return small_api


@pytest.fixture
def stranger(monitor: Api) -> TestClient:
    """Another browser, which nobody has logged in with."""
    client = TestClient(monitor.app, raise_server_exceptions=False)
    assert COOKIE not in client.cookies
    return client


MakeApi = Callable[..., Api]
