"""Results, export and roll-up over HTTP: the documented shapes, paging, formats, caching and compression."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lms_etl_tests.api.conftest import PLACES, Api, courses_in
from lms_etl_tests.api.reading.loaded import load_day, report
from lms_etl_tests.warehouse.rows import DAY, NEXT_DAY

FIELDS = [
    "id", "course_id", "id_number", "course_name", "course_shortname", "num_teachers", "num_students",
    "file_views", "video_views", "forum_views", "quiz_views", "assignment_views", "url_views", "total_views",
    "avg_activity_per_student_per_day", "active_days", "extraction_date", "created_at", "updated_at",
]  # fmt: skip


def test_an_export_has_the_documented_envelope_and_fields(api: Api) -> None:
    told = api.get(f"export?limit=1000&offset=0&date={DAY}").json()
    assert told["status"] is True
    assert (told["limit"], told["offset"], told["has_next"], told["extraction_date"]) == (1000, 0, False, str(DAY))
    assert datetime.strptime(told["timestamp"], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
    assert (told["complete_through"], told["total"]) == (str(NEXT_DAY), 5) or told["total"] is None
    assert list(told["data"][0])[: len(FIELDS)] == FIELDS
    assert told["as_of"].endswith("Z")


def test_results_of_a_day_have_the_documented_envelope(api: Api) -> None:
    told = api.get(f"results/{DAY}?limit=2&offset=4").json()
    assert told["filters"] == {"date": str(DAY)}
    assert told["pagination"] == {"limit": 2, "offset": 4, "count": 1, "total_count": 5, "has_more": False}
    assert {row["extraction_date"] for row in told["data"]} == {str(DAY)}
    first = api.get(f"results/{DAY}?limit=4").json()
    assert first["pagination"] == {"limit": 4, "offset": 0, "count": 4, "total_count": 5, "has_more": True}


def test_results_without_a_date_are_of_all_days(small_api: Api) -> None:
    told = small_api.get("results").json()
    assert (told["pagination"]["total_count"], told["count"], told["filters"]) == (10, 10, {})


def test_an_export_without_a_date_is_of_yesterday(small_api: Api) -> None:
    yesterday = datetime.now(tz=UTC).date() - timedelta(days=1)
    told = small_api.get("export").json()
    assert (told["limit"], told["extraction_date"], told["data"]) == (1000, str(yesterday), [])


@pytest.mark.parametrize("way", ["offset", "cursor"])
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 10])
def test_walking_the_pages_gives_every_row_once(small_api: Api, way: str, limit: int) -> None:
    seen: list[tuple[str, int]] = []
    question = f"export?from={DAY}&to={NEXT_DAY}&limit={limit}"
    address = question
    while True:
        page = small_api.get(address).json()
        seen += [(row["extraction_date"], row["moodle_course_id"]) for row in page["data"]]
        if not page["has_next"]:
            break
        on = f"offset={len(seen)}&snapshot={page['snapshot']}" if way == "offset" else None
        address = f"{question}&{on}" if on else f"export?cursor={page['next_cursor']}&limit={limit}"
    assert seen == sorted((str(day), course) for day in (DAY, NEXT_DAY) for course in PLACES)


BAD = [
    "limit=0", "limit=10001", "limit=-1", "limit=x", "limit=", "limit=1.5", "limit=1e3", "limit=1_000", "limit=%201",
    "offset=-1", "offset=x", "offset=99999999999999999999", "date=2024-02-30", "date=2024-13-01", "date=x", "date=",
    "date=2024-01-15T00:00:00", "date=1705276800", "from=2026-02-30", "from=2026-03-23&to=2026-03-22",
    "date=2026-03-22&from=2026-03-22", "cursor=x", "cursor=%00", "snapshot=x", "format=pdf", "format=",
    "updated_since=yesterday", "updated_since=5", "updated_since=0001-01-01T00:00:00Z", "course_id=%00",
    f"course_id={'x' * 300}", "moodle_course_id=x", "all=perhaps", "count=2", "dates=2026-03-22", "limit=1&limit=2",
]  # fmt: skip


@pytest.mark.parametrize("question", BAD)
def test_a_parameter_that_cannot_be_used_is_400_and_named(small_api: Api, question: str) -> None:
    answer = small_api.get(f"export?{question}")
    assert answer.status_code == 400, answer.text
    told = answer.json()
    assert told["status"] is False
    assert told["error"]["code"] in ("invalid_parameter", "bad_range", "bad_cursor", "bad_snapshot")
    assert told["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("day", ["2024-02-30", "2024-13-01", "x", "20260322", "2026-03-22'", "2026-03-22;drop table x"])
def test_results_of_what_is_no_day_are_400(small_api: Api, day: str) -> None:
    assert small_api.get(f"results/{day}").status_code == 400


@pytest.mark.parametrize("limit", [1, 1000, 10_000])
def test_the_limit_goes_from_1_to_10000(small_api: Api, limit: int) -> None:
    assert small_api.get(f"export?limit={limit}&date={DAY}").json()["limit"] == limit


QUOTES = ("'", '"', "' or '1'='1", "'; drop table user_activity_etl; --", "\\", "%", "_", "🦉", "{0}", "%s", ":day")


@pytest.mark.parametrize("text", QUOTES)
def test_quotes_in_a_parameter_have_no_effect_on_sql(api: Api, text: str) -> None:
    for parameter in ("course_id", "cursor", "snapshot", "date", "from", "updated_since", "limit", "format"):
        answer = api.client.get("/api/user_activity_etl/export", params={parameter: text}, headers=api.headers("admin"))
        assert answer.status_code == 400 or (answer.status_code, answer.json()["data"]) == (200, []), parameter
    assert len(courses_in(api.get(f"results/{DAY}"))) == 5


def test_a_course_id_is_found_whatever_it_holds(api: Api) -> None:
    odd = "K'\"%_\\🦉"
    load_day(api.warehouse, DAY, report(11, course_id=odd), report(12, course_id=odd.upper() + "x"))
    found = api.client.get(
        "/api/user_activity_etl/export", params={"course_id": odd, "date": str(DAY)}, headers=api.headers("admin")
    )
    assert courses_in(found) == {11}


ACCEPTED = [
    ("*/*", "application/json"),
    ("application/json", "application/json"),
    ("text/csv", "text/csv"),
    ("text/*", "text/csv"),
    ("application/x-ndjson", "application/x-ndjson"),
    ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
    ("text/html;q=0.9, text/csv;q=0.5, application/json;q=0.1", "text/csv"),
    ("text/csv;q=0, application/json", "application/json"),
    ("TEXT/CSV", "text/csv"),
]


@pytest.mark.parametrize(("accept", "given"), ACCEPTED)
def test_the_accept_header_chooses_the_format(small_api: Api, accept: str, given: str) -> None:
    answer = small_api.get(f"export?date={DAY}", headers={"Accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == given


@pytest.mark.parametrize("accept", ["text/html", "image/png", "text/csv;q=0", "nonsense"])
def test_a_format_that_cannot_be_given_is_406(small_api: Api, accept: str) -> None:
    answer = small_api.get(f"export?date={DAY}", headers={"Accept": accept})
    assert (answer.status_code, answer.json()["error"]["code"]) == (406, "not_acceptable")


def test_format_goes_before_the_accept_header_and_names_a_file(small_api: Api) -> None:
    answer = small_api.get(f"export?date={DAY}&format=csv", headers={"Accept": "application/json"})
    assert answer.headers["content-disposition"] == 'attachment; filename="export.csv"'
    assert answer.headers["x-complete-through"] == str(NEXT_DAY)
    assert answer.text.splitlines()[0].lstrip("\ufeff").startswith("id,course_id,id_number,course_name")
    assert len(answer.text.splitlines()) == 6


def test_a_formula_in_a_course_name_is_harmless_in_csv(small_api: Api) -> None:
    load_day(small_api.warehouse, DAY, report(11, course_name="=cmd|'/c calc'!A1"))
    safe = small_api.get(f"export?date={DAY}&format=csv").text
    assert ",=cmd" not in safe
    raw = small_api.get(f"export?date={DAY}&format=csv&spreadsheet_safe=false").text
    assert "=cmd|" in raw


def test_an_answer_that_has_not_changed_is_304(api: Api) -> None:
    for question in (f"export?date={DAY}", f"results/{DAY}", "results", f"rollup?from={DAY}&to={DAY}"):
        first = api.get(question)
        again = api.get(question, headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b""), question
        assert again.headers["etag"] == first.headers["etag"]
    load_day(api.warehouse, DAY, report(11, total_views=99))
    for question in (f"export?date={DAY}", f"results/{DAY}", "results", f"rollup?from={DAY}&to={DAY}"):
        assert api.get(question, headers={"If-None-Match": first.headers["etag"]}).status_code == 200


def test_each_format_and_page_has_an_etag_of_its_own(small_api: Api) -> None:
    questions = [f"export?date={DAY}{more}" for more in ("", "&format=csv", "&limit=2", "&offset=1", "&course_id=K1")]
    etags = [small_api.get(question).headers["etag"] for question in questions]
    etags.append(small_api.get(f"export?date={DAY}", headers={"Accept": "application/x-ndjson"}).headers["etag"])
    assert len(set(etags)) == len(etags)


def test_large_answers_are_compressed_for_those_who_take_it(small_api: Api) -> None:
    question = f"/api/user_activity_etl/export?from={DAY}&to={NEXT_DAY}"
    packed = small_api.get(question, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["vary"]
    plain = small_api.get(question, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert packed.json()["data"] == plain.json()["data"]
    parquet = small_api.get(f"{question}&format=parquet", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in parquet.headers


def test_a_whole_export_is_one_stream(small_api: Api) -> None:
    answer = small_api.get(f"export?from={DAY}&to={NEXT_DAY}&all=true&format=ndjson")
    assert len(answer.text.splitlines()) == 10
    assert all(json.loads(line)["extraction_date"] in (str(DAY), str(NEXT_DAY)) for line in answer.text.splitlines())


def test_an_increment_holds_only_what_changed(api: Api) -> None:
    since = api.get(f"export?from={DAY}&to={NEXT_DAY}").json()["next_updated_since"]
    assert api.get("export", params={"updated_since": since}).json()["data"] == []
    rows = [report(course, course_id=f"K{where[0]}", total_views=course) for course, where in PLACES.items()]
    load_day(api.warehouse, DAY, *rows[:-1], rows[-1] | {"total_views": 1000})
    told = api.get("export", params={"updated_since": since}).json()
    assert [(row["moodle_course_id"], row["total_views"]) for row in told["data"]] == [(31, 1000)]


@pytest.mark.parametrize(
    ("who", "places"), [("admin", {1: 23, 2: 43, 3: 31}), ("directorate-1", {1: 23}), ("unit-20", {2: 21})]
)
def test_a_rollup_sums_only_the_callers_rows(api: Api, who: str, places: dict[int, int]) -> None:
    question = f"rollup?period=range&from={DAY}&to={DAY}"
    units = api.get(f"{question}&by=unit", who).json()["data"]
    parents: dict[int, int] = {}
    for row in units:
        parents[row["directorate_id"]] = parents.get(row["directorate_id"], 0) + row["total_views"]
    directorates = api.get(f"{question}&by=directorate", who).json()["data"]
    assert {row["directorate_id"]: row["total_views"] for row in directorates} == places == parents
    [site] = api.get(f"{question}&by=site", who).json()["data"]
    assert site["total_views"] == sum(places.values())


@pytest.mark.parametrize("question", ["period=year", "by=user", "from=x", "limit=5", "period=term"])
def test_a_rollup_that_does_not_exist_is_400(small_api: Api, question: str) -> None:
    assert small_api.get(f"rollup?{question}").status_code == 400


def test_a_client_that_leaves_gives_its_connection_back(small_api: Api) -> None:
    rows: list[Any] = [report(number, course_name="x" * 200) for number in range(1, 20_001)]
    load_day(small_api.warehouse, DAY, *rows)
    for _ in range(25):
        with small_api.client.stream(
            "GET", f"/api/user_activity_etl/export?date={DAY}&all=true&format=csv", headers=small_api.headers("admin")
        ) as answer:
            assert answer.status_code == 200
    deadline = time.monotonic() + 10
    while small_api.warehouse.engine.pool.checkedout() and time.monotonic() < deadline:  # type: ignore[attr-defined]
        time.sleep(0.05)
    assert small_api.warehouse.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
