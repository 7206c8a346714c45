"""Who may do what: every route with every kind of caller, and no way to a row outside the caller's filter."""

import csv
import io
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lms_etl.api import users
from lms_etl_tests.api.conftest import PLACES, PREFIX, PRIVATE_KEY, PUBLIC_PEM, Api, courses_in, signed
from lms_etl_tests.warehouse.rows import DAY, NEXT_DAY

OPEN = {("GET", "/health/live"), ("GET", "/health/ready")}
MOODLE = {("POST", "/webservice/rest/server.php")}
"""Its errors are Moodle's: test_moodle_service.py."""
COMPANY = {("GET", "/api/report/course_progress"), ("POST", "/api/report/course_progress/ack")}
"""For who reads a company, an admin among them."""
READ = {
    ("GET", "/metrics"),
    ("GET", "/api/report/companies"),
    *(("GET", f"{PREFIX}/{path}") for path in ("status", "results", "results/{date}", "export", "rollup")),
}
ADMIN = {
    *(("GET", f"{PREFIX}/{path}") for path in ("scheduler_data", "scheduler", "logs", "runs/{id}")),
    *(("POST", f"{PREFIX}/{path}") for path in ("run_pipeline", "run_activity_counts", "run_user_counts")),
    *(("POST", f"{PREFIX}/{path}") for path in ("run_main_etl", "runs/{id}/stop", "clear", "clean_data")),
}
SECRETLESS = (None, "Bearer", "Bearer ", "Basic YWRtaW46YWRtaW4=", "Bearer x", "Bearer ümlaut", "Bearer a.b.c")
WORTHLESS = ("unknown", "right prefix, wrong secret", "expired", "revoked", "disabled")
READERS = {"directorate-1": {11, 12}, "unit-20": {21}, "nothing": set()}
ALL = set(PLACES)


def routes(api: Api) -> set[tuple[str, str]]:
    """Every method and path that the application says it has."""
    paths = api.client.get("/openapi.json").json()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def ask(api: Api, method: str, path: str, headers: dict[str, Any]) -> Any:
    path = path.replace("{date}", str(DAY)).replace("{id}", "1")
    body = {"json": {"date": str(DAY)}} if method == "POST" and "stop" not in path else {}
    if path.endswith("/ack"):
        body = {"json": {"ack": "x"}}
    return api.client.request(method, path, headers=headers, **body)


def test_every_route_has_its_place_in_the_matrix(small_api: Api) -> None:
    assert routes(small_api) == OPEN | READ | ADMIN | COMPANY | MOODLE


@pytest.mark.parametrize("header", SECRETLESS)
def test_no_route_but_the_open_ones_answers_without_a_token(small_api: Api, header: str | None) -> None:
    headers = {"Authorization": header.encode()} if header else {}
    for method, path in sorted(READ | ADMIN | COMPANY):
        answer = ask(small_api, method, path, headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized"), path
        assert answer.headers["www-authenticate"] == "Bearer"
    for method, path in OPEN:
        assert ask(small_api, method, path, headers).status_code == 200


@pytest.mark.parametrize("who", WORTHLESS)
def test_a_token_that_is_unknown_expired_or_revoked_opens_nothing(api: Api, who: str) -> None:
    for method, path in sorted(READ | ADMIN | COMPANY):
        answer = ask(api, method, path, api.headers(who))
        assert answer.status_code == 401, (path, answer.text)
        assert answer.json()["message"] == "Unauthorized"


def test_a_user_whose_privilege_is_gone_is_told_so_everywhere(small_api: Api) -> None:
    with small_api.warehouse.writing() as connection:
        connection.exec_driver_sql("update api_tokens set revoked_at = null where username = 'disabled'")
    for method, path in sorted(READ | ADMIN | COMPANY):
        answer = ask(small_api, method, path, small_api.headers("disabled"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "no_privilege")


@pytest.mark.parametrize("who", READERS)
def test_a_reader_may_read_and_nothing_else(small_api: Api, who: str) -> None:
    for method, path in sorted(ADMIN):
        answer = ask(small_api, method, path, small_api.headers(who))
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "admin_only"), path
    for method, path in sorted(READ):
        assert ask(small_api, method, path, small_api.headers(who)).status_code == 200, path


@pytest.mark.parametrize("who", ["admin", *READERS])
def test_without_a_company_there_is_no_course_progress(small_api: Api, who: str) -> None:
    for method, path in sorted(COMPANY):
        answer = ask(small_api, method, path, small_api.headers(who))
        expected = (400, "bad_cursor") if path.endswith("/ack") else (403, "no_company")
        assert (answer.status_code, answer.json()["error"]["code"]) == expected


def test_a_malformed_body_is_no_way_around_the_token(small_api: Api) -> None:
    assert small_api.client.post("/api/report/course_progress/ack", content=b"{").status_code == 401
    for _, path in sorted(route for route in ADMIN if route[0] == "POST"):
        address = path.replace("{id}", "x")
        assert small_api.client.post(address, content=b"{").status_code == 401
        assert small_api.client.post(address, content=b"{", headers=small_api.headers("nothing")).status_code == 403


def test_an_admin_may_do_everything(small_api: Api) -> None:
    for method, path in sorted(READ | ADMIN):
        answer = ask(small_api, method, path, small_api.headers("admin"))
        assert answer.status_code in (200, 202, 409), (path, answer.text)


QUESTIONS = [
    "results",
    f"results/{DAY}",
    f"results/{NEXT_DAY}?limit=10000",
    f"export?date={DAY}",
    f"export?from={DAY}&to={NEXT_DAY}",
    "export?from=1970-01-01&all=true",
    f"export?updated_since={datetime.now(tz=UTC) - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
    f"export?date={DAY}&course_id=K2",
    f"export?date={DAY}&course_id=K3",
    f"export?date={DAY}&moodle_course_id=31",
    f"export?date={DAY}&moodle_course_id=11",
    f"export?date={DAY}&offset=1",
    f"export?date={DAY}&course_id=K1'%20or%20'1'='1",
    "rollup",
    f"rollup?period=range&from={DAY}&to={NEXT_DAY}",
]


@pytest.mark.parametrize("who", [*READERS, "admin"])
def test_no_parameter_leads_to_a_row_outside_the_filter(api: Api, who: str) -> None:
    own = READERS.get(who, ALL)
    seen: set[int] = set()
    for question in QUESTIONS:
        found = courses_in(api.get(question, who))
        assert found <= own, question
        seen |= found
    assert seen == own


@pytest.mark.parametrize("format_", ["csv", "ndjson", "parquet", "arrow", "xlsx"])
@pytest.mark.parametrize("who", READERS)
def test_no_format_holds_a_row_outside_the_filter(small_api: Api, who: str, format_: str) -> None:
    answer = small_api.get(f"export?from={DAY}&to={NEXT_DAY}&format={format_}", who)
    assert answer.status_code == 200
    assert courses_of_file(format_, answer.content) == READERS[who]


def courses_of_file(format_: str, content: bytes) -> set[int]:
    """The Moodle ids in a file of a format."""
    if format_ == "csv":
        return {int(row["moodle_course_id"]) for row in csv.DictReader(io.StringIO(content.decode("utf-8-sig")))}
    if format_ == "ndjson":
        return {json.loads(line)["moodle_course_id"] for line in content.splitlines()}
    if format_ == "xlsx":
        import zipfile

        text = zipfile.ZipFile(io.BytesIO(content)).read("xl/worksheets/sheet1.xml").decode()
        shared = zipfile.ZipFile(io.BytesIO(content)).namelist()
        assert "xl/workbook.xml" in shared
        return {course for course in ALL if f">Course {course}<" in text}
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = (
        pq.read_table(io.BytesIO(content))
        if format_ == "parquet"
        else pa.ipc.open_stream(io.BytesIO(content)).read_all()
    )
    return set(table.column("moodle_course_id").to_pylist())


def test_a_cursor_of_an_admin_gives_a_reader_only_own_rows(api: Api) -> None:
    page = api.get(f"export?from={DAY}&to={NEXT_DAY}&limit=2").json()
    for parameter in (f"cursor={page['next_cursor']}", f"from={DAY}&to={NEXT_DAY}&snapshot={page['snapshot']}"):
        answer = api.get(f"export?{parameter}", "unit-20")
        assert answer.status_code == 409 or courses_in(answer) <= {21}


def test_an_etag_of_an_admin_is_none_of_a_readers(api: Api) -> None:
    question = f"export?date={DAY}"
    etag = api.get(question).headers["etag"]
    again = {"If-None-Match": etag}
    assert api.get(question, headers=again).status_code == 304
    for who, own in READERS.items():
        answer = api.get(question, who, headers=again)
        assert courses_in(answer) == own
        assert answer.headers["etag"] != etag
        assert answer.headers["cache-control"] == "private, no-cache"
        assert "Authorization" in answer.headers["vary"]


def test_a_reader_who_gets_another_filter_reads_by_it_at_once(api: Api) -> None:
    assert courses_in(api.get(f"results/{DAY}", "unit-20")) == {21}
    with api.warehouse.writing() as connection:
        users.set_privilege(connection, "unit-20", "reader", units=[21])
    assert courses_in(api.get(f"results/{DAY}", "unit-20")) == {22}


def test_status_tells_a_reader_no_numbers_and_no_errors(small_api: Api) -> None:
    told = small_api.get("status", "unit-20").json()["data"]
    assert told["steps"]["user_activity"]["status"] == "completed"
    assert not {"id", "numrow", "error"} & {name for step in told["steps"].values() for name in step}
    assert "numrow" in small_api.get("status").json()["data"]["steps"]["user_activity"]


GOOD_JWTS: list[tuple[dict[str, Any], set[int]]] = [
    ({"fakultas": "D1"}, {11, 12}),
    ({"fakultas": " d1 "}, {11, 12}),
    ({"kampus": "D2"}, {21, 22}),
    ({"fakultas": 2}, {21, 22}),
    ({"fakultas": ["D1", "D3"]}, {11, 12, 31}),
    ({"prodi": "U20"}, {21}),
    ({"fakultas": "D1", "prodi": "U11"}, {12}),
    ({"fakultas": "D1", "prodi": "U20"}, set()),
    ({"fakultas": "D1", "prodi": "unheard of"}, set()),
    ({"fakultas": "unheard of"}, set()),
    ({"fakultas": True}, set()),
    ({"fakultas": "1"}, set()),
    ({"admin": True}, set()),
    ({"admin": True, "fakultas": "D3"}, {31}),
    ({"sub": "admin", "admin": True}, ALL),
    ({"sub": "admin"}, set()),
    ({"sub": "admin", "admin": "true"}, set()),
    ({"sub": "admin", "admin": False, "prodi": "U10"}, {11}),
    ({"sub": "directorate-1"}, {11, 12}),
    ({"sub": "directorate-1", "fakultas": "D2"}, set()),
    ({"sub": "directorate-1", "fakultas": ["D1", "D2"]}, {11, 12}),
    ({"sub": "directorate-1", "prodi": "U10"}, {11}),
    ({"sub": "unit-20", "fakultas": "D2"}, {21}),
    ({"sub": "nothing"}, set()),
]


@pytest.mark.parametrize(("claims", "own"), GOOD_JWTS, ids=lambda value: str(value)[:60])
def test_the_claims_of_a_jwt_narrow_what_the_table_gives(jwt_api: Api, claims: dict[str, Any], own: set[int]) -> None:
    for key, algorithm in ((signed(**claims), "HS256"), (signed(PRIVATE_KEY, "RS256", **claims), "RS256")):
        jwt_api.tokens["jwt"] = key
        assert courses_in(jwt_api.get(f"results/{DAY}", "jwt")) == own, algorithm
        assert jwt_api.get("logs", "jwt").status_code == (200 if own == ALL else 403)


def bad_jwts() -> dict[str, str]:
    """JWTs that no route may believe, all of an admin."""
    admin: dict[str, Any] = {"sub": "admin", "admin": True}
    past = int(time.time()) - 60
    header, payload, signature = signed(**admin).split(".")
    other = signed(**{**admin, "sub": "somebody"}).split(".")[1]
    return {
        "expired": signed(**admin, exp=past),
        "not yet": signed(**admin, nbf=int(time.time()) + 600),
        "no expiry": signed(**{**admin, "exp": None}),
        "other issuer": signed(**{**admin, "iss": "https://elsewhere.example.org"}),
        "no issuer": signed(**{**admin, "iss": None}),
        "other audience": signed(**{**admin, "aud": "another_service"}),
        "no audience": signed(**{**admin, "aud": None}),
        "other secret": signed("another secret of thirty-two characters!", **admin),
        "no algorithm": signed(None, "none", **admin),
        "HS512": signed("x" * 64, "HS512", **admin),
        "payload changed": f"{header}.{other}.{signature}",
        "no signature": f"{header}.{payload}.",
        "no username": signed(**{**admin, "sub": None}),
        "username a number": signed(sub=7, admin=True),
        "public key as secret": confused(admin),
    }


def confused(claims: dict[str, Any]) -> str:
    """A token signed by HS256 with the public key, which PyJWT itself refuses to make."""
    import base64
    import hashlib
    import hmac

    header, payload, _ = signed(**claims).split(".")
    digest = hmac.new(PUBLIC_PEM.encode(), f"{header}.{payload}".encode(), hashlib.sha256).digest()
    return f"{header}.{payload}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


@pytest.mark.parametrize("case", bad_jwts())
def test_a_jwt_that_is_not_exactly_right_opens_nothing(jwt_api: Api, case: str) -> None:
    jwt_api.tokens["jwt"] = bad_jwts()[case]
    for method, path in sorted(READ | ADMIN):
        assert ask(jwt_api, method, path, jwt_api.headers("jwt")).status_code == 401, path


@pytest.mark.parametrize("name", ["nobody", "ADMIN", "admin ", "disabled", "a" * 500])
def test_a_jwt_of_a_user_without_privilege_is_refused(jwt_api: Api, name: str) -> None:
    jwt_api.tokens["jwt"] = signed(sub=name, admin=True, fakultas="D1")
    answer = jwt_api.get(f"results/{DAY}", "jwt")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "no_privilege")


def test_jwts_are_refused_where_no_key_is_set(small_api: Api) -> None:
    small_api.tokens["jwt"] = signed(sub="admin", admin=True)
    assert small_api.get("status", "jwt").status_code == 401


def test_usernames_are_exact_on_every_database(api: Api) -> None:
    with api.warehouse.reading() as connection:
        for name in ("ADMIN", "admin ", "Admin"):
            with pytest.raises(users.NoPrivilege):
                users.privilege_of(connection, name)
        assert users.privilege_of(connection, "admin").admin
