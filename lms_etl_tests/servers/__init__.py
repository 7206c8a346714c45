"""Real database servers as child processes, for tests and benchmarks.

`with MariaDB() as server: url = server.create_database("moodle")`
"""

import os
from collections.abc import Mapping
from typing import NoReturn, TypeVar

from lms_etl_tests.servers.binaries import ServerUnavailableError
from lms_etl_tests.servers.mariadb import MariaDB
from lms_etl_tests.servers.postgres import PostgreSQL
from lms_etl_tests.servers.server import Server

__all__ = ["MariaDB", "PostgreSQL", "Server", "ServerUnavailableError", "start_or_skip", "without_server"]

S = TypeVar("S", bound=Server)


def without_server(error: ServerUnavailableError, environ: Mapping[str, str] = os.environ) -> NoReturn:
    """Skips the test that needs the server, or fails it when `CI` is set: there a skip would pass for a proof."""
    import pytest  # benchmarks import this package without pytest

    if environ.get("CI", "").lower() in {"", "0", "false", "no"}:
        pytest.skip(f"NOT TESTED: {error}")
    pytest.fail(f"CI must not skip this test: {error}", pytrace=False)


def start_or_skip(server: S) -> S:
    """The server, started, for a test that skips without it (and fails in CI); whoever called this closes it."""
    try:
        return server.__enter__()
    except ServerUnavailableError as error:
        without_server(error)
