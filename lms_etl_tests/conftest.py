"""Fixtures for every test: real servers, fresh databases, and no trace of the user's own settings."""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lms_etl import clock
from lms_etl.settings import current
from lms_etl_tests.servers import MariaDB, PostgreSQL, Server, start_or_skip

SETTINGS = ("ALERT_", "API_", "DAGSTER_", "ETL_", "LMS_ETL_", "MOODLE_", "OLTP_", "REDIS_", "WAREHOUSE_")
# The code location reads its settings when it is imported, before any fixture: nothing of the user's may be there then,
# neither variables nor a `.env` nor the demo in the home folder.
for name in [name for name in os.environ if name.startswith(SETTINGS) and not name.startswith("LMS_ETL_TEST_")]:
    del os.environ[name]
with tempfile.TemporaryDirectory(prefix="lms_etl_") as nowhere, chdir(nowhere):
    os.environ["LMS_ETL_HOME"] = nowhere
    current()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the long tests first: one that starts last would run alone at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


SERVERS = {"mariadb": "mariadb", "postgresql": "postgres"}


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Takes the user's settings, `.env` and home away, so that no test reads, writes or alerts anything of theirs."""
    for name in list(os.environ):
        if name.startswith(SETTINGS) and not name.startswith("LMS_ETL_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LMS_ETL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def stand_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], datetime]:
    """A function that stops the clock at a time of UTC, `2026-03-22 02:00`, or of the offset it is written with."""

    def stand(text: str) -> datetime:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        monkeypatch.setattr(clock, "now", lambda: moment)
        return moment

    return stand


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """The session's MariaDB, started by the first test that asks for it; each xdist worker has its own."""
    server = start_or_skip(MariaDB(in_memory=True))
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    """The session's PostgreSQL, started by the first test that asks for it; each xdist worker has its own."""
    server = start_or_skip(PostgreSQL(in_memory=True))
    yield server
    server.close()


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """A function from dialect (sqlite, mariadb, postgresql) to the URL of one more empty database of this test."""
    with ExitStack() as databases:

        def make(dialect: str) -> str:
            if dialect == "sqlite":
                return f"sqlite:///{tmp_path / f'test_{secrets.token_hex(6)}.db'}"
            server: Server = request.getfixturevalue(SERVERS[dialect])
            return databases.enter_context(server.fresh_database())

        yield make


@pytest.fixture
def sqlite_url(new_database: Callable[[str], str]) -> str:
    """An empty SQLite database of this test's own."""
    return new_database("sqlite")


@pytest.fixture
def mariadb_url(new_database: Callable[[str], str]) -> str:
    """An empty MariaDB database of this test's own."""
    return new_database("mariadb")


@pytest.fixture
def postgres_url(new_database: Callable[[str], str]) -> str:
    """An empty PostgreSQL database of this test's own."""
    return new_database("postgresql")


@pytest.fixture(params=["sqlite", *SERVERS])
def database_url(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> str:
    """An empty database of this test's own; the test runs once on each dialect and starts only the server it needs."""
    return new_database(request.param)
