"""Pulls: which mode a client gets, and that no row is lost, whatever changes between its pages."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from lms_etl import clock
from lms_etl.api.pulls.rules import Key, Mode, Place, Pull, Status, given, mode_of, place
from lms_etl.warehouse import tables
from lms_etl.warehouse.company_settings import CompanySettings
from lms_etl_tests.api.conftest import Api
from lms_etl_tests.api.progress import CLEAN, company, delete, form, load, member, pairs, refused, setting

NOW = 1_774_171_800
GOOD = Status(watermark=5, last=NOW - 3600, outcome="success", pulls_ended=1, content_mark="m")


@pytest.mark.parametrize(
    ("settings", "status", "mode"),
    [
        ({}, Status(), "first"),
        ({}, replace(GOOD, pulls_ended=0), "first"),
        ({}, GOOD, "incremental"),
        ({}, replace(GOOD, outcome="failed"), "full"),
        ({}, replace(GOOD, outcome="started"), "full"),
        ({}, replace(GOOD, last=NOW - 24 * 3600), "incremental"),
        ({}, replace(GOOD, last=NOW - 24 * 3600 - 1), "full"),
        ({"sync_window_hours": 1}, replace(GOOD, last=NOW - 3601), "full"),
        ({}, replace(GOOD, content_mark="other"), "full"),
        ({}, replace(GOOD, watermark=8), "full"),
        ({"sync_mode": 1}, Status(), "first"),
        ({"sync_mode": 1}, replace(GOOD, outcome="failed", last=0), "incremental"),
        ({"sync_mode": 2}, GOOD, "full"),
        ({"sync_mode": 3}, GOOD, "full"),
        ({"sync_mode": 3}, Status(), "full"),
    ],
)
def test_the_mode_follows_the_settings_and_what_is_noted(settings: dict[str, int], status: Status, mode: Mode) -> None:
    assert mode_of(CompanySettings(**settings), status, "m", 7, NOW) == mode  # type: ignore[arg-type]


def test_a_page_begins_behind_the_last_key_and_one_asked_for_again_at_its_offset() -> None:
    pull = Pull("full", 0, 7, NOW, 200, Key(9, 1))
    assert place(pull, 200) == Place(Key(9, 1), 0)
    assert place(pull, 300) == Place(Key(9, 1), 100)
    assert place(pull, 100) == Place(None, 100)
    assert place(replace(pull, ended=True), 200) is None
    assert place(replace(pull, ended=True), 100) == Place(None, 100)


def test_a_page_behind_a_gap_is_no_progress_and_one_asked_for_again_takes_the_pull_back() -> None:
    pull = Pull("full", 0, 7, NOW, 200, Key(9, 1))
    assert given(pull, 300, 100, Key(20, 1), False) == pull
    assert given(pull, 200, 50, Key(12, 1), False) == Pull("full", 0, 7, NOW, 250, Key(12, 1), True)
    assert given(pull, 100, 90, Key(8, 1), True) == Pull("full", 0, 7, NOW, 190, Key(8, 1))
    assert given(pull, 200, 0, None, False) == replace(pull, ended=True)


@pytest.fixture
def bi(make_api: Callable[..., Api], sqlite_url: str) -> Api:
    return prepared(make_api(sqlite_url))


@pytest.fixture
def bi_anywhere(make_api: Callable[..., Api], database_url: str) -> Api:
    return prepared(make_api(database_url))


def prepared(api: Api) -> Api:
    company(api.warehouse, 1)
    setting(api, 1, rate_limit=0)
    member(api, "one", 1)
    member(api, "other", 1)
    return api


def noted(api: Api) -> list[Any]:
    with api.warehouse.reading() as connection:
        return list(connection.execute(sa.select(tables.sync_status).order_by(tables.sync_status.c.id)))


def test_2500_rows_are_three_pages_and_then_only_changes(bi_anywhere: Api) -> None:
    api = bi_anywhere
    everything = [(user, course) for user in range(1, 501) for course in range(1, 6)]
    load(api.warehouse, 1, everything)
    got = [form(api, "one", limit=1000, offset=offset) for offset in (0, 1000, 2000)]
    assert [len(pairs(page)) for page in got] == [1000, 1000, 500]
    assert [page.headers["x-sync-mode"] for page in got] == ["first"] * 3
    assert [pair for page in got for pair in pairs(page)] == everything
    assert pairs(form(api, "one", limit=1000, offset=3000)) == []
    again = form(api, "one", limit=1000)
    assert (again.headers["x-sync-mode"], pairs(again)) == ("incremental", [])
    load(api.warehouse, 1, [(7, 1), (7, 2)], percentage=50)
    assert pairs(form(api, "one", limit=1000)) == [(7, 1), (7, 2)]
    assert pairs(form(api, "one", limit=1000)) == []
    [row] = noted(api)
    assert (row.last_sync_status, row.total_syncs, row.last_sync_records, row.change_number) == ("success", 4, 0, 2)


def test_a_full_page_is_not_the_last_one_since_nothing_tells_the_client_so(bi: Api) -> None:
    load(bi.warehouse, 1, [(user, 1) for user in range(1, 201)])
    assert [len(pairs(form(bi, "one", offset=offset))) for offset in (0, 100)] == [100, 100]
    assert form(bi, "one").headers["x-sync-mode"] == "first"
    assert [len(pairs(form(bi, "one", offset=offset))) for offset in (100, 200)] == [100, 0]
    assert form(bi, "one").headers["x-sync-mode"] == "incremental"


def test_the_watermark_stays_until_the_last_page(bi: Api) -> None:
    load(bi.warehouse, 1, [(user, 1) for user in range(1, 181)])
    form(bi, "one", offset=0)
    assert (noted(bi)[0].change_number, noted(bi)[0].total_syncs) == (0, 0)
    for offset in (0, 100):
        form(bi, "one", offset=offset)
    load(bi.warehouse, 1, [(user, 1) for user in range(1, 151)], percentage=1)
    assert pairs(form(bi, "one")) == [(user, 1) for user in range(1, 101)]
    assert noted(bi)[0].change_number == 1
    assert pairs(form(bi, "one")) == [(user, 1) for user in range(1, 101)]
    assert pairs(form(bi, "one", offset=100)) == [(user, 1) for user in range(101, 151)]
    assert noted(bi)[0].change_number == 2


Store = dict[tuple[int, int], float]


def pulled(api: Api, store: Store, between: Callable[[int], None], limit: int = 10) -> list[tuple[int, int]]:
    """Stores a pull as a client does; `between` happens before each page but the first. All keys that came."""
    keys: list[tuple[int, int]] = []
    for number in range(100):
        if number:
            between(number)
        answer = form(api, "one", limit=limit, offset=number * limit)
        if number == 0 and answer.headers["x-sync-mode"] != "incremental":
            store.clear()
        for row in answer.json():
            key = (row["userid"], row["courseid"])
            keys.append(key)
            if row.get("is_deleted"):
                store.pop(key, None)
            else:
                store[key] = row["percentage"]
        if len(answer.json()) < limit:
            return keys
    raise AssertionError("the pull does not end")


def truth(api: Api) -> Store:
    progress = tables.course_progress
    with api.warehouse.reading() as connection:
        live = sa.select(progress.c.userid, progress.c.courseid, progress.c.percentage).where(
            progress.c.is_deleted == 0
        )
        return {(user, course): float(percentage) for user, course, percentage in connection.execute(live)}


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_no_row_is_lost_while_syncs_run_between_the_pages(bi_anywhere: Api, mode: int) -> None:
    """Each sync changes rows of pages that came and of pages to come, adds rows, deletes some and brings some back."""
    api = bi_anywhere
    setting(api, 1, sync_mode=mode)
    load(api.warehouse, 1, [(user, course) for user in range(1, 41) for course in (1, 2)])

    def sync(number: int) -> None:
        load(api.warehouse, 1, [(number, 1), (40 - number, 2)], percentage=number, is_deleted=0)
        load(api.warehouse, 1, [(number, 3), (30 + number, 3)], percentage=number)
        delete(api.warehouse, 1, (number + 1, 1), (20, 1), (39 - number, 1))

    store: Store = {}
    before = set(truth(api))
    first = pulled(api, store, sync)
    assert before <= set(first)
    assert len(first) == len(set(first))
    sync(12)
    changed = pulled(api, store, sync)
    assert len(changed) == len(set(changed))
    pulled(api, store, lambda _: None)
    assert store == truth(api)


def test_a_page_asked_for_again_leaves_no_gap_behind_it(bi: Api) -> None:
    load(bi.warehouse, 1, [(user, 1) for user in range(2, 62, 2)])
    got = set(pairs(form(bi, "one", limit=10)))
    form(bi, "one", limit=10, offset=10)
    load(bi.warehouse, 1, [(3, 1), (5, 1)])
    got |= set(pairs(form(bi, "one", limit=10, offset=10)))
    got |= set(pairs(form(bi, "one", limit=10, offset=20)))
    got |= set(pairs(form(bi, "one", limit=10, offset=30)))
    assert {(user, 1) for user in range(2, 62, 2)} <= got


def test_a_page_left_out_keeps_the_watermark(bi: Api) -> None:
    load(bi.warehouse, 1, [(user, 1) for user in range(1, 31)])
    for offset in (0, 20):
        form(bi, "one", limit=10, offset=offset)
    assert noted(bi)[0].total_syncs == 0
    assert form(bi, "one", limit=10).headers["x-sync-mode"] == "first"


def test_a_last_page_that_got_lost_can_be_asked_for_again(bi: Api) -> None:
    load(bi.warehouse, 1, [(user, 1) for user in range(1, 16)])
    pages = [pairs(form(bi, "one", limit=10, offset=offset)) for offset in (0, 10, 10)]
    assert pages[1] == pages[2] == [(user, 1) for user in range(11, 16)]


def test_a_company_cleared_while_a_page_is_read_makes_the_next_pull_begin_anew(
    bi: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lms_etl.api.pulls import rows

    load(bi.warehouse, 1, [(1, 1)])
    form(bi, "one")
    load(bi.warehouse, 1, [(2, 1)])
    read = rows.page

    def cleared_then(*asked: Any) -> Any:
        found = read(*asked)
        with bi.warehouse.writing() as connection:
            connection.execute(sa.delete(tables.sync_status))
        return found

    with monkeypatch.context() as clearing:
        clearing.setattr(rows, "page", cleared_then)
        assert pairs(form(bi, "one")) == [(2, 1)]
    assert form(bi, "one").headers["x-sync-mode"] == "first"


def test_two_tokens_of_a_company_have_deltas_of_their_own(bi_anywhere: Api) -> None:
    api = bi_anywhere
    load(api.warehouse, 1, [(1, 1)])
    for who in ("one", "other"):
        assert pairs(form(api, who)) == [(1, 1)]
    load(api.warehouse, 1, [(2, 1)])
    assert pairs(form(api, "one")) == [(2, 1)]
    load(api.warehouse, 1, [(3, 1)])
    assert pairs(form(api, "one")) == [(3, 1)]
    assert pairs(form(api, "other")) == [(2, 1), (3, 1)]


def test_rows_of_the_watermarks_second_are_delivered(bi: Api) -> None:
    load(bi.warehouse, 1, [(1, 1)], last_updated=NOW)
    assert pairs(form(bi, "one")) == [(1, 1)]
    load(bi.warehouse, 1, [(2, 1)], last_updated=NOW)
    assert pairs(form(bi, "one")) == [(2, 1)]


def test_a_tombstone_comes_once_and_says_no_more_than_what_is_gone(bi_anywhere: Api) -> None:
    api = bi_anywhere
    load(api.warehouse, 1, [(1, 1), (2, 1)], percentage=100, status="completed")
    form(api, "one")
    delete(api.warehouse, 1, (1, 1))
    [row] = form(api, "one").json()
    assert (row["userid"], row["courseid"], row["status"], row["is_deleted"]) == (1, 1, "deleted", 1)
    assert row["firstname"] == row["lastname"] == row["email"] == ""
    assert form(api, "one").json() == []
    [left] = form(api, "other").json()
    assert (left["userid"], "is_deleted" in left) == (2, False)


def test_a_row_of_a_course_that_no_longer_counts_goes_as_a_tombstone(bi: Api) -> None:
    setting(bi, 1, course_1=1, course_2=1)
    load(bi.warehouse, 1, [(1, 1), (1, 2)])
    form(bi, "one")
    delete(bi.warehouse, 1, (1, 2))
    assert [row["is_deleted"] for row in form(bi, "one").json()] == [1]


def test_what_was_switched_on_since_comes_with_a_full_pull(bi: Api) -> None:
    setting(bi, 1, course_1=1)
    load(bi.warehouse, 1, [(1, 1), (1, 2)])
    assert pairs(form(bi, "one")) == [(1, 1)]
    assert pairs(form(bi, "one")) == []
    setting(bi, 1, course_2=1)
    assert pairs(form(bi, "one")) == [(1, 1), (1, 2)]
    setting(bi, 1, cache_ttl_minutes=5)
    assert form(bi, "one").headers["x-sync-mode"] == "incremental"


def test_each_mode_gives_what_it_says(bi: Api) -> None:
    load(bi.warehouse, 1, [(1, 1), (2, 1)])
    setting(bi, 1, sync_mode=3)
    for _ in range(2):
        assert pairs(form(bi, "one")) == [(1, 1), (2, 1)]
        assert pairs(form(bi, "one", limit=1, offset=1)) == [(2, 1)]
    assert noted(bi) == []
    setting(bi, 1, sync_mode=2)
    for _ in range(2):
        assert pairs(form(bi, "one")) == [(1, 1), (2, 1)]
    setting(bi, 1, sync_mode=1)
    assert pairs(form(bi, "one")) == []
    seen = noted(bi)
    setting(bi, 1, sync_mode=3)
    assert pairs(form(bi, "one")) == [(1, 1), (2, 1)]
    assert noted(bi) == seen


def test_auto_is_full_again_after_its_window(bi: Api, stand_at: Callable[[str], Any]) -> None:
    stand_at("2026-03-22 09:00")
    load(bi.warehouse, 1, [(1, 1)])
    modes = []
    for moment in ("2026-03-22 10:00", "2026-03-22 11:00", "2026-03-23 11:00", "2026-03-24 11:01"):
        stand_at(moment)
        modes.append(form(bi, "one").headers["x-sync-mode"])
    assert modes == ["first", "incremental", "incremental", "full"]


def test_a_failed_pull_is_followed_by_a_full_one(bi: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    load(bi.warehouse, 1, [(1, 1)])
    form(bi, "one")
    load(bi.warehouse, 1, [(2, 1)])
    with monkeypatch.context() as broken:
        broken.setattr(
            "lms_etl.api.pulls.rows.page", lambda connection, *_: connection.exec_driver_sql("select nothing")
        )
        assert form(bi, "one").status_code >= 500
    assert noted(bi)[0].last_sync_status == "failed"
    answer = form(bi, "one")
    assert (answer.headers["x-sync-mode"], pairs(answer)) == ("full", [(1, 1), (2, 1)])


def test_a_first_pull_reaches_back_as_far_as_is_set_and_keeps_what_is_not_completed(bi: Api) -> None:
    hour = 3600
    now = int(clock.now().timestamp())
    setting(bi, 1, first_sync_hours=24)
    load(bi.warehouse, 1, [(1, 1)], timecompleted=now - 23 * hour, status="completed")
    load(bi.warehouse, 1, [(2, 1)], timecompleted=now - 25 * hour, status="completed")
    load(bi.warehouse, 1, [(3, 1)])
    assert pairs(form(bi, "one", limit=1)) == [(1, 1)]
    assert pairs(form(bi, "one", limit=2, offset=1)) == [(3, 1)]
    load(bi.warehouse, 1, [(2, 1)], percentage=1)
    assert pairs(form(bi, "one")) == [(2, 1)]


def test_an_explicit_acknowledgement_moves_the_watermark_and_nothing_else_does(bi: Api) -> None:
    load(bi.warehouse, 1, [(1, 1), (2, 1)])
    one = form(bi, "one", ack="explicit", limit=1)
    assert "x-sync-ack" not in one.headers
    last = form(bi, "one", ack="explicit", limit=2, offset=1)
    assert form(bi, "one", ack="explicit").headers["x-sync-mode"] == "first"
    ack = {"ack": last.headers["x-sync-ack"]}
    assert bi.client.post(f"{CLEAN}/ack", json=ack, headers=bi.headers("other")).json()["error"]["code"] == "bad_cursor"
    told = bi.client.post(f"{CLEAN}/ack", json=ack, headers=bi.headers("one"))
    assert told.json() == {"status": True, "companyid": 1, "through": 1}
    assert pairs(form(bi, "one", ack="explicit")) == []


def walk(api: Api, between: Callable[[int], None] = lambda _: None, **parameters: Any) -> list[Any]:
    """The pages of a pull over the clean route."""
    pages = []
    asked = dict(parameters)
    while True:
        if pages:
            between(len(pages))
        answer = api.get(CLEAN, "one", params=asked)
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
        if not pages[-1]["has_next"]:
            return pages
        asked = {"limit": parameters["limit"], "cursor": pages[-1]["next_cursor"]}


def test_the_clean_route_walks_by_cursor_and_says_how_fresh_it_is(bi_anywhere: Api) -> None:
    api = bi_anywhere
    load(api.warehouse, 1, [(user, 1) for user in range(1, 26)])
    pages = walk(
        api,
        lambda number: load(api.warehouse, 1, [(number, 1), (number + 13, 1), (100, number)]) and None,
        limit=10,
        count=True,
    )
    assert [page["count"] for page in pages] == [10, 10, 7]
    assert {(row["userid"], row["courseid"]) for page in pages for row in page["data"]} >= {
        (u, 1) for u in range(1, 26)
    }
    assert pages[0]["total"] == 25
    assert (pages[0]["mode"], pages[0]["companyid"], pages[0]["through"]) == ("first", 1, 1)
    assert pages[0]["complete_through"] == "2026-03-22T09:30:00Z"
    assert pages[0]["as_of"].endswith("Z")
    delete(api.warehouse, 1, (25, 1))
    [changes] = walk(api, limit=1000)
    assert changes["mode"] == "incremental"
    assert {(row["userid"], row["courseid"]) for row in changes["data"]} == {
        (1, 1), (2, 1), (14, 1), (15, 1), (100, 1), (100, 2), (25, 1),
    }  # fmt: skip
    assert [row["userid"] for row in changes["data"] if row.get("is_deleted")] == [25]
    assert walk(api, limit=1000)[0]["data"] == []
    assert walk(api, limit=1000, mode="full")[0]["count"] == 26


def test_the_clean_route_waits_for_an_explicit_acknowledgement(bi: Api) -> None:
    load(bi.warehouse, 1, [(1, 1)])
    for _ in range(2):
        [page] = walk(bi, limit=10, ack="explicit")
        assert (page["mode"], page["count"]) == ("first", 1)
    bi.client.post(f"{CLEAN}/ack", json={"ack": page["ack"]}, headers=bi.headers("one")).raise_for_status()
    assert walk(bi, limit=10)[0]["mode"] == "incremental"


def test_a_cursor_is_good_for_its_token_and_company_only(bi: Api) -> None:
    company(bi.warehouse, 2)
    member(bi, "of-2", 2)
    load(bi.warehouse, 1, [(1, 1), (2, 1)])
    load(bi.warehouse, 2, [(9, 9)])
    cursor = bi.get(CLEAN, "one", params={"limit": 1}).json()["next_cursor"]
    for who in ("of-2", "other", "admin"):
        told = bi.get(CLEAN, who, params={"cursor": cursor})
        assert (told.status_code, told.json()["error"]["code"]) == (400, "bad_cursor")
    for wrong in ({"cursor": cursor[:-2]}, {"cursor": cursor, "companyid": 2}, {"cursor": "x"}):
        assert bi.get(CLEAN, "one", params=wrong).json()["error"]["code"] == "bad_cursor"
    with bi.warehouse.writing() as connection:
        connection.execute(
            sa.update(tables.api_filters).where(tables.api_filters.c.username == "one").values(category_id=2)
        )
    assert bi.get(CLEAN, "one", params={"cursor": cursor}).json()["error"]["code"] == "no_company"


def test_the_clean_route_refuses_with_statuses_of_http(bi: Api) -> None:
    load(bi.warehouse, 1, [(1, 1)])
    for who, parameters, status, code in (
        ("one", {"limit": 1001}, 400, "limit_too_large"),
        ("one", {"limit": 0}, 400, "invalid_parameter"),
        ("one", {"companyid": 5}, 403, "no_company"),
        ("nothing", {}, 403, "no_company"),
        ("one", {"ofset": 1}, 400, "invalid_parameter"),
        ("unknown", {}, 401, "unauthorized"),
    ):
        told = bi.get(CLEAN, who, params=parameters)
        assert (told.status_code, told.json()["error"]["code"]) == (status, code), parameters


def test_a_token_sees_its_companies_with_their_quotas(bi: Api) -> None:
    company(bi.warehouse, 2)
    load(bi.warehouse, 1, [(1, 1)])
    setting(bi, 1, rate_limit=5)
    for _ in range(4):
        form(bi, "one")
    [told] = bi.get("/api/report/companies", "one").json()["data"]
    assert (told["companyid"], told["shortname"], told["name"]) == (1, "c1", "Company 1")
    assert (told["quota"]["limit"], told["quota"]["used"], told["quota"]["status"]) == (5, 4, "warning")
    assert [each["companyid"] for each in bi.get("/api/report/companies").json()["data"]] == [1, 2]
    assert bi.get("/api/report/companies", "nothing").json()["data"] == []
    assert refused(form(bi, "admin")) == "invalidparameter"
