"""MariaDB for a test session or a benchmark."""

import os
import secrets
import signal
from typing import ClassVar

from sqlalchemy import URL, make_url

from lms_etl_tests.servers.binaries import Binaries
from lms_etl_tests.servers.child import Child
from lms_etl_tests.servers.server import Server
from lms_etl_tests.servers.unpacked import find_mariadb


class MariaDB(Server):
    """A MariaDB server: utf8mb4, LOCAL INFILE allowed, UTC, commits not flushed; up in about 1.5 s."""

    dialect = "mariadb"
    variable = "LMS_ETL_TEST_MARIADB_URL"
    stop_signal = signal.SIGTERM
    death_signal = signal.SIGKILL
    # PyMySQL loads the system's certificates for each connection, 30 ms, although nothing is encrypted here.
    _connect_args: ClassVar[dict[str, object]] = {"ssl_disabled": True}

    def create_database(self, name: str) -> str:
        # The collation is the one Moodle's installation guide asks for; MariaDB's own default is utf8mb4_general_ci.
        self.execute(f"create database `{name}` character set utf8mb4 collate utf8mb4_unicode_ci")
        return self.url(name)

    def drop_database(self, name: str) -> None:
        # `drop database` waits for open transactions on its tables, by default for a day (lock_wait_timeout 86400 s).
        connected = f"select group_concat(id separator ',') from information_schema.processlist where db = '{name}'"
        ids = [int(number) for number in self.execute(connected).split(",") if number]
        self.execute(
            "set lock_wait_timeout = 10",
            # One statement may name a connection that ended meanwhile: error 1094, which the block passes over.
            *(f"begin not atomic declare continue handler for 1094 begin end; kill {number}; end" for number in ids),
            f"drop database if exists `{name}`",
            f"drop user if exists '{_reader(name)}'@'%'",
        )

    def reader_url(self, url: str) -> str:
        name = make_url(url).database
        assert name, f"no database in {url}"
        user, password = _reader(name), secrets.token_hex(8)
        pattern = name.replace("_", r"\_")  # in a grant `_` stands for any character
        self.execute(
            f"create or replace user '{user}'@'%' identified by '{password}'",
            f"grant select on `{pattern}`.* to '{user}'@'%'",
        )
        return self.url(name, user, password)

    def _as_admin(self, address: URL) -> URL:
        user = address.username or "root"
        return address.set(drivername="mysql+pymysql", username=user).update_query_dict({"charset": "utf8mb4"})

    def _find(self) -> Binaries:
        return find_mariadb()

    def _install(self, binaries: Binaries) -> None:
        # A server that starts clears its temporary folder: in a shared one it breaks another's query or installation.
        self._run_installer(
            binaries,
            "--no-defaults",
            *binaries.arguments,
            *_user_argument(),
            f"--datadir={self.data}",
            f"--tmpdir={self.folder}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
            "--innodb-log-file-size=10M",
        )

    def _launch(self, binaries: Binaries) -> Child:
        command = [
            str(binaries.server),
            "--no-defaults",
            *binaries.arguments,
            *_user_argument(),
            f"--datadir={self.data}",
            f"--tmpdir={self.folder}",
            f"--socket={self.folder / 'mariadb.sock'}",
            f"--pid-file={self.folder / 'mariadb.pid'}",
            f"--port={self.admin.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            "--default-time-zone=+00:00",
            "--local-infile=1",
            "--innodb-flush-log-at-trx-commit=0",
            *self.arguments,
        ]
        return self._child_of(command, "server.log", binaries)

    def _data_folder_query(self) -> str:
        return "select @@datadir"


def _reader(database: str) -> str:
    return f"reader_{database}"


def _user_argument() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []
