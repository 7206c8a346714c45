"""The application on a warehouse with a small report, and a caller of every kind."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lms_etl.api import tokens, users
from lms_etl.api.app import create_app
from lms_etl.settings import Settings
from lms_etl.warehouse import registry
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.api.reading.loaded import load_courses, load_day, place, report
from lms_etl_tests.warehouse.rows import DAY, NEXT_DAY, lay_tables

PREFIX = "/api/user_activity_etl"
SECRET = "a secret of more than thirty-two characters"
ISSUER, AUDIENCE = "https://login.example.org", "lms_etl"
PRIVATE_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_PEM = (
    PRIVATE_KEY.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
PLACES = {11: (1, 10), 12: (1, 11), 21: (2, 20), 22: (2, 21), 31: (3, None)}
"""Courses with their directorate and unit."""


def signed(key: Any = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """A JWT of our issuer that lives for a minute, unless its claims say otherwise."""
    standard = {"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 60, "sub": "jwt-reader"}
    payload = {name: value for name, value in {**standard, **claims}.items() if value is not None}
    return jwt.encode(payload, key, algorithm=algorithm)


@dataclass
class Api:
    """The application of a test, its client, and the tokens of its users."""

    app: FastAPI
    client: TestClient
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def warehouse(self) -> Warehouse:
        opened: Warehouse = self.app.state.warehouse
        return opened

    def headers(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[who]}"}

    def get(self, path: str, who: str = "admin", **more: Any) -> Any:
        headers = self.headers(who) | more.pop("headers", {})
        return self.client.get(path if path.startswith("/") else f"{PREFIX}/{path}", headers=headers, **more)

    def post(self, path: str, who: str = "admin", **more: Any) -> Any:
        headers = self.headers(who) | more.pop("headers", {})
        return self.client.post(f"{PREFIX}/{path}", headers=headers, **more)


def add_users(warehouse: Warehouse) -> dict[str, str]:
    """An admin, a reader of directorate 1, one of unit 20, one of nothing, and tokens that are worth nothing."""
    made: dict[str, str] = {}
    with warehouse.writing() as connection:
        users.set_privilege(connection, "admin", "admin")
        users.set_privilege(connection, "directorate-1", "reader", directorates=[1])
        users.set_privilege(connection, "unit-20", "reader", units=[20])
        users.set_privilege(connection, "nothing", "reader")
        users.set_privilege(connection, "jwt-reader", "reader")
        users.set_privilege(connection, "disabled", "reader", directorates=[1])
        for name in ("admin", "directorate-1", "unit-20", "nothing", "disabled"):
            made[name] = tokens.create(connection, name, None)
        made["expired"] = tokens.create(connection, "admin", registry.utc_now() - timedelta(seconds=1))
        made["revoked"] = tokens.create(connection, "admin", None)
        tokens.revoke(connection, made["revoked"][: tokens.PREFIX])
        users.disable(connection, "disabled")
        made["unknown"] = f"lms_{'0' * 8}_{'A' * 43}"
        made["right prefix, wrong secret"] = made["admin"][: tokens.PREFIX] + "_" + "A" * 43
    return made


def fill(warehouse: Warehouse) -> None:
    """Two days of five courses in three directorates."""
    load_courses(warehouse, *(place(course, *where) for course, where in PLACES.items()))
    for day in (DAY, NEXT_DAY):
        load_day(
            warehouse,
            day,
            *(report(course, course_id=f"K{where[0]}", total_views=course) for course, where in PLACES.items()),
        )


@dataclass(frozen=True)
class Template:
    """A filled SQLite warehouse that tests copy: making one takes a second, and most tests need one."""

    file: Path
    tokens: dict[str, str]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The warehouse that tests on SQLite begin with."""
    file = tmp_path_factory.mktemp("template") / "warehouse.db"
    with closing(Warehouse(Settings(warehouse_database_url=f"sqlite:///{file}"))) as warehouse:
        lay_tables(warehouse)
        fill(warehouse)
        return Template(file, add_users(warehouse))


@pytest.fixture
def make_api(template: Template) -> Iterator[Callable[..., Api]]:
    """A function from a database's URL and settings to a filled Api."""
    with ExitStack() as stack:

        def make(url: str, **settings: Any) -> Api:
            if url.startswith("mysql"):
                url += "&ssl_disabled=true"
            made: dict[str, str] = {}
            if url.startswith("sqlite"):
                shutil.copy(template.file, url.removeprefix("sqlite:///"))
                made = dict(template.tokens)
            app = create_app(Settings(warehouse_database_url=url, **settings))
            if not made:
                lay_tables(app.state.warehouse)
                fill(app.state.warehouse)
                made = add_users(app.state.warehouse)
            return Api(app, stack.enter_context(TestClient(app, raise_server_exceptions=False)), made)

        yield make


@pytest.fixture
def api(make_api: Callable[..., Api], database_url: str) -> Api:
    """The application, once on each dialect."""
    return make_api(database_url)


@pytest.fixture
def small_api(make_api: Callable[..., Api], sqlite_url: str) -> Api:
    """The application on SQLite, for what does not depend on the dialect."""
    return make_api(sqlite_url)


@pytest.fixture
def jwt_api(make_api: Callable[..., Api], sqlite_url: str) -> Api:
    """The application that also believes JWTs of both algorithms."""
    return make_api(
        sqlite_url,
        api_jwt_secret=SECRET,
        api_jwt_public_key=PUBLIC_PEM,
        api_jwt_issuer=ISSUER,
        api_jwt_audience=AUDIENCE,
    )


def courses_in(answer: Any) -> set[int]:
    """The Moodle ids in a JSON answer."""
    assert answer.status_code == 200, answer.text
    return {row["moodle_course_id"] for row in answer.json()["data"]}
