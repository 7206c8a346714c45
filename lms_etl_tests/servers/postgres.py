"""PostgreSQL for a test session or a benchmark."""

import secrets
import shutil
import signal

from sqlalchemy import URL, make_url

from lms_etl_tests.servers.binaries import Binaries, find_postgres
from lms_etl_tests.servers.child import Child, reachable_by_others, unprivileged_account
from lms_etl_tests.servers.server import Server


class PostgreSQL(Server):
    """A PostgreSQL server: UTF-8, C locale, UTC, nothing flushed, any password accepted; up in about 1 s."""

    dialect = "postgresql"
    variable = "LMS_ETL_TEST_POSTGRES_URL"
    stop_signal = signal.SIGINT  # SIGTERM would wait for clients to leave
    death_signal = signal.SIGQUIT  # SIGKILL would leave its shared memory segment behind in the system

    def create_database(self, name: str) -> str:
        # The public role may connect to every new database and make temporary tables: no reader would be one.
        self.execute(f'create database "{name}" template template0', f'revoke all on database "{name}" from public')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        self.execute(f'drop database if exists "{name}" with (force)', f'drop role if exists "{_reader(name)}"')

    def reader_url(self, url: str) -> str:
        name = make_url(url).database
        assert name, f"no database in {url}"
        user, password = _reader(name), secrets.token_hex(8)
        known = self.execute(f"select 1 from pg_roles where rolname = '{user}'")
        self.execute(
            f"""{"alter" if known else "create"} role "{user}" login password '{password}'""",
            f'grant connect on database "{name}" to "{user}"',
            "revoke create on schema public from public",
            f'grant usage on schema public to "{user}"',
            f'grant select on all tables in schema public to "{user}"',
            f'alter default privileges in schema public grant select on tables to "{user}"',
            database=name,
        )
        return self.url(name, user, password)

    def _as_admin(self, address: URL) -> URL:
        user, database = address.username or "postgres", address.database or "postgres"
        return address.set(drivername="postgresql+psycopg2", username=user, database=database)

    def _find(self) -> Binaries:
        return find_postgres()

    def _install(self, binaries: Binaries) -> None:
        self._binaries = binaries = self._within_reach(binaries)
        self._run_installer(
            binaries,
            f"--pgdata={self.data}",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            account=unprivileged_account(),
        )

    def _within_reach(self, binaries: Binaries) -> Binaries:
        """Copies the wheel's programs beside the data when user nobody cannot run them in place (below /root); 40 MB.

        The programs look for their libraries in a folder beside the package, which is copied too.
        """
        if binaries.tree is None or unprivileged_account() is None or reachable_by_others(binaries.server):
            return binaries
        package, copy = binaries.tree, self.folder / "wheel" / binaries.tree.name
        version = binaries.server.parent.parent.name
        shutil.copytree(package / version, copy / version, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, copy.with_name(libraries.name))
        folder = copy / version / "bin"
        return Binaries(folder / "postgres", folder / "initdb", binaries.origin, copy)

    def _launch(self, binaries: Binaries) -> Child:
        settings = {
            "port": self.admin.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "timezone": "UTC",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
        }
        command = [
            str(binaries.server),
            "-D",
            str(self.data),
            *(f"--{name}={value}" for name, value in settings.items()),
            *self.arguments,
        ]
        return self._child_of(command, "server.log", binaries, account=unprivileged_account())

    def _data_folder_query(self) -> str:
        return "show data_directory"


def _reader(database: str) -> str:
    return f"reader_{database}"
