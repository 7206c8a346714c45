"""The web service as BI tools call it in Moodle: fields and formats, errors, order of the checks, isolation."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from lms_etl.warehouse import tables
from lms_etl.warehouse.company_settings import FIELDS
from lms_etl_tests.api.conftest import Api
from lms_etl_tests.api.progress import (
    COMPLETED,
    FUNCTION,
    SERVICE,
    calls,
    company,
    form,
    load,
    member,
    pairs,
    refused,
    setting,
)


@pytest.fixture
def bi(make_api: Callable[..., Api], sqlite_url: str) -> Api:
    """Two companies in Jakarta, a reader of each, one of both, and one of none."""
    return prepared(make_api(sqlite_url, timezone="Asia/Jakarta"))


@pytest.fixture
def bi_anywhere(make_api: Callable[..., Api], database_url: str) -> Api:
    """The same, once on each dialect."""
    return prepared(make_api(database_url, timezone="Asia/Jakarta"))


def prepared(api: Api) -> Api:
    company(api.warehouse, 1, 2)
    for number in (1, 2):
        load(api.warehouse, number, [(user, course) for user in (10, 11) for course in (4, 5)])
        member(api, f"of-{number}", number)
    member(api, "of-both", 1, 2)
    return api


def test_a_row_has_the_twelve_fields_in_their_formats(bi_anywhere: Api) -> None:
    done = {"timecompleted": COMPLETED, "timestarted": COMPLETED - 60, "percentage": 33.33, "status": "completed"}
    load(bi_anywhere.warehouse, 1, [(10, 4)], **done)
    answer = form(bi_anywhere, "of-1")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-complete-through"] == "2026-03-22T09:30:00Z"
    assert answer.headers["x-as-of"].endswith("Z")
    first, second, *_ = answer.json()
    assert list(first) == list(FIELDS)
    assert first == {
        "userid": 10,
        "firstname": "Ana",
        "lastname": "Of 1",
        "email": "ana@example.org",
        "courseid": 4,
        "coursename": "Safety",
        "timecompleted": "2026-03-22 16:30:00",
        "timecompleted_unix": COMPLETED,
        "timestarted": "2026-03-22 16:29:00",
        "timestarted_unix": COMPLETED - 60,
        "percentage": 33.33,
        "status": "completed",
    }
    assert (second["timecompleted"], second["timecompleted_unix"]) == ("", 0)
    assert isinstance(second["percentage"], float)


def test_the_token_comes_in_the_form_or_in_the_header_and_the_limit_is_100(bi: Api) -> None:
    load(bi.warehouse, 1, [(user, 4) for user in range(100, 250)])
    assert len(pairs(form(bi, "of-1"))) == 100
    fields = {"wsfunction": FUNCTION, "moodlewsrestformat": "json", "limit": "7"}
    assert len(pairs(bi.client.post(SERVICE, data=fields, headers=bi.headers("of-1")))) == 7
    in_parts = {name: (None, value) for name, value in {**fields, "wstoken": bi.tokens["of-1"]}.items()}
    assert len(pairs(bi.client.post(SERVICE, files=in_parts))) == 7
    half = bi.client.post(
        f"{SERVICE}?wsfunction={FUNCTION}&moodlewsrestformat=json", data={"wstoken": bi.tokens["of-1"]}
    )
    assert len(pairs(half)) == 100


REFUSALS: list[tuple[str | None, dict[str, Any], str]] = [
    (None, {}, "invalidtoken"),
    ("unknown", {}, "invalidtoken"),
    ("expired", {}, "invalidtoken"),
    ("revoked", {}, "invalidtoken"),
    ("nothing", {}, "nocompanyassociation"),
    ("of-1", {"companyid": 2}, "nocompanyassociation"),
    ("of-1", {"companyid": 99}, "nocompanyassociation"),
    ("admin", {"companyid": 99}, "nocompanyassociation"),
    ("of-1", {"limit": 1001}, "limittoolarge"),
    ("of-1", {"limit": 0}, "invalidparameter"),
    ("of-1", {"limit": -1}, "invalidparameter"),
    ("of-1", {"limit": "ten"}, "invalidparameter"),
    ("of-1", {"limit": "9" * 400}, "invalidparameter"),
    ("of-1", {"offset": -1}, "invalidparameter"),
    ("of-1", {"offset": "1;drop"}, "invalidparameter"),
    ("of-1", {"ofset": 1}, "invalidparameter"),
    ("of-1", {"companyid": "one"}, "invalidparameter"),
    ("of-1", {"wsfunction": "core_user_get_users"}, "invalidparameter"),
    ("of-1", {"moodlewsrestformat": "xml"}, "invalidparameter"),
    ("of-1", {"ack": "no"}, "invalidparameter"),
]


def test_each_refusal_has_its_errorcode_and_status_200(bi: Api) -> None:
    told = [(who, fields, refused(form(bi, who, **fields))) for who, fields, _ in REFUSALS]
    assert told == REFUSALS


def test_a_disabled_user_is_no_user(bi: Api) -> None:
    with bi.warehouse.writing() as connection:
        connection.execute(
            sa.update(tables.api_users)
            .where(tables.api_users.c.username == "of-1")
            .values(disabled_at=sa.func.current_timestamp())
        )
    assert refused(form(bi, "of-1")) == "invaliduser"


def test_who_reads_several_companies_says_which_one(bi: Api) -> None:
    for who in ("of-both", "admin"):
        told = form(bi, who)
        assert refused(told) == "invalidparameter"
        assert "companyid" in told.json()["message"]
        assert form(bi, who, companyid=2).json()[0]["lastname"] == "Of 2"


def test_a_company_that_is_gone_is_none(bi: Api) -> None:
    with bi.warehouse.writing() as connection:
        connection.execute(sa.update(tables.companies).where(tables.companies.c.companyid == 1).values(live=0))
    assert refused(form(bi, "of-1")) == "nocompanyassociation"


def test_get_is_refused_unless_it_is_switched_on(
    make_api: Callable[..., Api], new_database: Callable[[str], str]
) -> None:
    for allowed in (False, True):
        api = prepared(make_api(new_database("sqlite"), api_allow_get=allowed))
        fields = {"wsfunction": FUNCTION, "moodlewsrestformat": "json"}
        by_header = api.client.get(SERVICE, params=fields, headers=api.headers("of-1"))
        by_url = api.client.get(SERVICE, params={**fields, "wstoken": api.tokens["of-1"]})
        if allowed:
            assert [len(pairs(each)) for each in (by_header, by_url)] == [4, 0]
        else:
            assert refused(by_header) == refused(by_url) == "invalidrequestmethod"
        posted = api.client.post(f"{SERVICE}?wstoken={api.tokens['of-1']}", data=fields)
        assert refused(posted) == "invalidtoken"
        assert "not into the URL" in posted.json()["message"]


def test_a_field_that_is_switched_off_is_gone_at_once_also_from_the_cache(bi: Api) -> None:
    setting(bi, 1, sync_mode=2)
    for _ in range(2):
        assert "email" in form(bi, "of-1").json()[0]
    assert calls(bi)[-1]["cache_hit"] == 1
    setting(bi, 1, field_email=0, field_userid=0)
    assert list(form(bi, "of-1").json()[0]) == [name for name in FIELDS if name not in ("email", "userid")]


def test_courses_that_are_switched_off_have_no_rows(bi: Api) -> None:
    setting(bi, 1, sync_mode=2)
    assert {course for _, course in pairs(form(bi, "of-1"))} == {4, 5}
    setting(bi, 1, course_4=1)
    assert {course for _, course in pairs(form(bi, "of-1"))} == {4}
    setting(bi, 1, new_courses=1)
    assert {course for _, course in pairs(form(bi, "of-1"))} == {4, 5}
    setting(bi, 1, new_courses=0, course_4=0)
    assert form(bi, "of-1").json() == []


def test_a_server_that_fails_is_no_empty_answer(bi: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("s3cret")

    monkeypatch.setattr("lms_etl.api.pulls.rows.page", fail)
    answer = form(bi, "of-1")
    assert (answer.status_code, answer.json()["errorcode"]) == (500, "internalerror")
    assert "s3cret" not in answer.text
    assert calls(bi)[-1]["error_code"] == "internalerror"


def test_a_company_that_was_never_synced_is_503(bi: Api) -> None:
    with bi.warehouse.writing() as connection:
        connection.execute(sa.update(tables.companies).values(synced_through=0, change_number=0))
        connection.execute(sa.delete(tables.course_progress))
    answer = form(bi, "of-1")
    assert (answer.status_code, answer.json()["errorcode"]) == (503, "notsynced")


def test_no_parameter_leads_to_another_company(bi_anywhere: Api) -> None:
    api = bi_anywhere
    for fields in ({}, {"limit": 1}, {"offset": 1}, {"offset": 3}, {"limit": 1000, "offset": 0}):
        for who in ("of-1", "of-2", "of-1"):
            assert {row["lastname"] for row in form(api, who, **fields).json()} <= {f"Of {who[-1]}"}
    for crafted in ("1 or 1=1", "1,2", "2", "-1", "1' or '1'='1", "%32"):
        assert refused(form(api, "of-1", companyid=crafted)) in ("invalidparameter", "nocompanyassociation")


def test_no_log_holds_a_token_nor_a_query(bi: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        form(bi, "of-1")
        form(bi, "unknown", limit=5000)
        bi.client.get(SERVICE, params={"wstoken": bi.tokens["of-1"], "wsfunction": FUNCTION})
    ours = " ".join(str(vars(record)) for record in caplog.records if not record.name.startswith("http"))
    assert bi.tokens["of-1"] not in ours
    assert bi.tokens["unknown"] not in ours
    assert "wstoken" not in ours
    stored = str(calls(bi))
    with bi.warehouse.reading() as connection:
        stored += str(connection.execute(sa.select(tables.auth_attempts)).all())
    assert bi.tokens["of-1"][12:] not in stored
    assert bi.tokens["unknown"][12:] not in stored
