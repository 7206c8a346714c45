"""Connections to the two databases, and their errors in plain words.

Every connection is in UTC. A problem that a person must solve becomes one DatabaseProblem that names the setting, the
database without its password, and what to do.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

DRIVERS = {
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "mysql+pymysql": "mysql+pymysql",
    "mariadb+pymysql": "mysql+pymysql",
    "postgresql": "postgresql+psycopg2",
    "postgres": "postgresql+psycopg2",
    "postgresql+psycopg2": "postgresql+psycopg2",
    "sqlite": "sqlite",
}
"""Schemes people write, and the driver each means here. SQLAlchemy 2.1 reads a bare postgresql:// as psycopg 3."""

_CONNECT_SECONDS = 10
_SQLITE_STEPS = 100_000
"""Virtual machine steps of SQLite between two looks at the clock: about 1 ms."""


class DatabaseProblem(Exception):
    """A database cannot be used as set up. The message says which setting, what happened, and what to do."""


def parse_url(url: str, setting: str) -> sa.URL:
    """The URL with a driver this project brings. Raises DatabaseProblem for one that cannot be read."""
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # a port that is no number is a ValueError
        example = "mysql://reader:secret@db.example.org/moodle"
        raise DatabaseProblem(f"{setting} is not a database URL. Write it like {example}") from None
    if parsed.drivername not in DRIVERS:
        known = "mysql, mariadb, postgresql or sqlite"
        raise DatabaseProblem(f"{setting} names the database '{parsed.drivername}'. Use one of {known}.")
    return parsed.set(drivername=DRIVERS[parsed.drivername])


def reading_engine(url: str, setting: str, timeout: int, connections: int) -> sa.Engine:
    """An engine whose sessions only read, see one snapshot per transaction, and stop a statement after `timeout` s."""
    parsed = parse_url(url, setting)
    if parsed.drivername == "sqlite":
        return _sqlite_reader(parsed, setting, timeout)
    engine = sa.create_engine(
        parsed,
        pool_size=connections,
        isolation_level="REPEATABLE READ",
        connect_args=_connect_args(parsed),
    )
    if parsed.drivername.startswith("postgresql"):
        first = (
            f"set default_transaction_read_only = on; set statement_timeout = {timeout * 1000}; set timezone = 'UTC'"
        )
    else:
        # MariaDB counts seconds in max_statement_time, MySQL milliseconds in max_execution_time; neither knows the
        # other's, and each reads only its own kind of executable comment.
        first = (
            f"set session time_zone = '+00:00' /*M!100101 , session max_statement_time = {timeout} */"
            f" /*!50708 , session max_execution_time = {timeout * 1000} */; set session transaction read only"
        )
    _on_connect(engine, first)
    return engine


def writing_engine(url: str, setting: str, **pool: Any) -> sa.Engine:
    """An engine for the warehouse: sessions in UTC, SQLite in WAL mode with foreign keys and a patient lock.

    `pool` are SQLAlchemy's settings of the pool of connections.
    """
    parsed = parse_url(url, setting)
    if parsed.drivername == "sqlite":
        if parsed.database not in (None, "", ":memory:"):
            path = Path(str(parsed.database)).expanduser()
            path.parent.mkdir(parents=True, exist_ok=True)
            parsed = parsed.set(database=str(path))
        engine = sa.create_engine(parsed, connect_args={"timeout": 60}, **pool)
        _on_connect(engine, "pragma journal_mode = wal; pragma synchronous = normal; pragma foreign_keys = on")
        _own_transactions(engine)
        return engine
    arguments = _connect_args(parsed)
    if parsed.drivername.startswith("mysql"):
        arguments["local_infile"] = True
    engine = sa.create_engine(
        parsed, isolation_level="READ COMMITTED", connect_args=arguments, insertmanyvalues_page_size=1000, **pool
    )
    postgresql = parsed.drivername.startswith("postgresql")
    # Old MySQL servers are set up to cut values to fit; our sessions say what they want, whatever the server's mode.
    # A session that only holds a lock is quiet for as long as its run takes.
    mysql = "set session time_zone = '+00:00', session sql_mode = 'STRICT_ALL_TABLES', session wait_timeout = 28800"
    _on_connect(engine, "set timezone = 'UTC'" if postgresql else mysql)
    return engine


@contextmanager
def plain_errors(setting: str, url: sa.URL) -> Iterator[None]:
    """Turns a database error of the block into a DatabaseProblem with its cause in plain words."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise DatabaseProblem(explain(error, setting, url)) from error


def explain(error: sa.exc.DBAPIError, setting: str, url: sa.URL) -> str:
    """One line: what happened, at which database, by which setting, what to do."""
    original = " ".join(str(error.orig).split())
    where = f"{setting}={url.render_as_string(hide_password=True)}"
    for pattern, cause, remedy in _CAUSES:
        found = re.search(pattern, original, re.IGNORECASE)
        if found:
            name = next((group for group in found.groups() if group), "")
            return f"{cause.format(name)} ({where}). {remedy.format(name)} The database said: {original}"
    return f"A statement failed ({where}). The database said: {original}"


_CAUSES = (
    (
        r"access denied for user '([^']*)'@'[^']*' \(using|password authentication failed for user \"([^\"]*)\"|"
        r"role \"([^\"]*)\" does not exist|no password supplied",
        "Failed to connect to database: user '{}' was refused",
        "Check the user and the password in the URL.",
    ),
    (
        r"unknown database '([^']*)'|database \"([^\"]*)\" does not exist|"
        r"access denied for user '[^']*'@'[^']*' to database '([^']*)'",
        "Failed to connect to database: '{}' does not exist or is closed to this user",
        "Check the database's name at the end of the URL and the user's rights.",
    ),
    (
        r"could not translate host name|name or service not known|nodename nor servname|"
        r"can't connect|connection refused|could not connect|timed out|timeout expired|lost connection|server closed|"
        r"terminating connection|unable to open database file|gone away|connection reset",
        "Failed to connect to database: the server does not answer",
        "Check that it runs, and the host, port or file in the URL.",
    ),
    (
        r"table '([^']*)' doesn't exist|relation \"([^\"]*)\" does not exist|no such table: (\S+)",
        "Table {} is missing",
        "At Moodle's database check MOODLE_TABLE_PREFIX; at the warehouse run `lms-etl migrate`.",
    ),
    (
        r"unknown column '([^']*)'|column \"?([\w.]+)\"? does not exist|no such column: (\S+)",
        "Column {} is missing",
        "At the warehouse run `lms-etl migrate`; at Moodle's database check that it is Moodle 4.1 or newer.",
    ),
    (
        r"command denied to user .* for table [`']?(?:\w+[`']?\.[`'])?([^`']+)|permission denied for \w+ (\S+)",
        "The user has no right to {}",
        "Moodle's reader needs SELECT on it; the warehouse's user needs to own its tables.",
    ),
    (
        r"max_statement_time|statement timeout|maximum statement execution time|interrupted",
        "A statement took longer than it may",
        "Raise ETL_TIMEOUT, or run `lms-etl doctor`: an index of Moodle's log may be missing.",
    ),
)
"""Patterns of driver messages, the cause they mean, and the remedy; {} is the name found."""


def _connect_args(url: sa.URL) -> dict[str, Any]:
    if url.drivername.startswith("postgresql"):
        return {"connect_timeout": _CONNECT_SECONDS}
    return {"connect_timeout": _CONNECT_SECONDS, "charset": "utf8mb4"}


def _on_connect(engine: sa.Engine, statements: str) -> None:
    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for each in statements.split(";"):
            cursor.execute(each)
        cursor.close()
        connection.commit()


def _own_transactions(engine: sa.Engine) -> None:
    """Opens SQLite's transactions where SQLAlchemy does; the option `begin="immediate"` takes the writer's lock first.

    The driver alone would open one at the first write: two loads that both read first could then lock each other out.
    """

    @sa.event.listens_for(engine, "connect")
    def leave_to_sqlalchemy(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"begin {connection.get_execution_options().get('begin', 'deferred')}")


def _sqlite_reader(url: sa.URL, setting: str, timeout: int) -> sa.Engine:
    path = Path(str(url.database)).expanduser()
    if not path.exists():
        raise DatabaseProblem(
            f"There is no file {path} ({setting}). Check the path, or make the demo's site with `lms-etl demo`."
        )
    address = sa.URL.create("sqlite", database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"})
    engine = sa.create_engine(address, pool_size=8, connect_args={"timeout": 60, "check_same_thread": False})
    _own_transactions(engine)
    deadline: dict[int, float] = {}

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.execute("pragma query_only = on")
        # SQLite has it of its own from 3.44 on.
        connection.create_function("concat_ws", -1, lambda separator, *values: separator.join(map(str, values)))
        connection.set_progress_handler(
            lambda: time.monotonic() > deadline.get(id(connection), float("inf")), _SQLITE_STEPS
        )

    @sa.event.listens_for(engine, "before_cursor_execute")
    def start_clock(connection: sa.Connection, *_: Any) -> None:
        deadline[id(connection.connection.dbapi_connection)] = time.monotonic() + timeout

    return engine
