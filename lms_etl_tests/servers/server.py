"""What MariaDB and PostgreSQL have in common as servers of a test session: find, start, stop, fresh databases."""

import os
import secrets
import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Self

from sqlalchemy import URL, NullPool, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from lms_etl_tests.servers.binaries import Binaries, ServerUnavailableError
from lms_etl_tests.servers.child import Child, free_port, memory_folder, server_folder

START_SECONDS = 60


class Server(ABC):
    """A database server on loopback with its own random port and data folder, which go away with it.

    `arguments` go to the server last, so they override the defaults: `MariaDB("--innodb-buffer-pool-size=4G")`,
    `PostgreSQL("--shared_buffers=1GB")`. When the `variable` names an existing server, that one is used: nothing is
    started, `arguments` do nothing and `stop` is refused (`ours` is False). Raises ServerUnavailableError when there is
    none to be had. Enter it from a thread that lives as long as it does: Linux ends the child with that thread.
    """

    dialect: ClassVar[str]
    variable: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]
    death_signal: ClassVar[signal.Signals]
    _connect_args: ClassVar[dict[str, object]] = {}

    def __init__(self, *arguments: str, binaries: Binaries | None = None, in_memory: bool = False) -> None:
        given = None if binaries else os.environ.get(self.variable) or None
        self.arguments = arguments
        self.ours = given is None
        self.admin = self._as_admin(make_url(given)) if given else URL.create("none")
        self._binaries = binaries
        self._in_memory = in_memory
        self._folder: Path | None = None
        self._data: Path | None = None
        self._child: Child | None = None

    @property
    def binaries(self) -> Binaries | None:
        """The programs in use, with where they came from; None before the start and for an existing server."""
        return self._binaries

    @property
    def folder(self) -> Path:
        """Holds the log (`server.log`), the sockets and, unless it is in memory, the data; removed by `close`."""
        if self._folder is None:
            raise RuntimeError(f"This {self.dialect} server was not started: use it as a context manager.")
        return self._folder

    @property
    def data(self) -> Path:
        """The data folder; in memory when asked for with `in_memory` and /dev/shm has 2 GB free."""
        if self._data is None:
            memory = memory_folder() if self._in_memory else None
            self._data = server_folder(self.dialect, memory) if memory else self.folder / "data"
        return self._data

    @property
    def process_id(self) -> int | None:
        """The server's process, None while it is stopped and for an existing server."""
        return self._child.process.pid if self._child else None

    def __enter__(self) -> Self:
        try:
            if self.ours:
                self._binaries = self._binaries or self._find()
                self._folder = server_folder(self.dialect)
                self._install(self._binaries)
                self.admin = self._as_admin(URL.create("none", host="127.0.0.1", port=free_port()))
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Starts the server, again on the same port and data folder after a `stop`, and returns once it answers."""
        if self.ours and self._child is None:
            assert self._binaries is not None
            self._child = self._launch(self._binaries)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                where = self.execute(self._data_folder_query() if self.ours else "select 1")
            except DBAPIError as error:
                if self._child is None:
                    raise ServerUnavailableError(
                        f"{self.variable} names a server that does not answer: {error}"
                    ) from error
                if self._child.ended or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.dialect} did not start.\n{self._child.log_tail()}") from error
                time.sleep(0.02)
                continue
            # Two sessions can draw the same port: then the answer is the other one's and ours is about to end.
            if self.ours and Path(where).resolve() != self.data.resolve():
                raise RuntimeError(f"Port {self.admin.port} belongs to another {self.dialect} server; run again.")
            return

    def stop(self) -> None:
        """Shuts down in order, so that committed rows survive; clients are cut off. `start` brings the server back."""
        if not self.ours:
            raise ServerUnavailableError(
                f"{self.variable} names a server that is not ours to stop; unset it for this test."
            )
        if self._child is not None:
            self._child.end(self.stop_signal)
            self._child = None

    def close(self) -> None:
        """Ends the server for good and removes its folder."""
        if self._child is not None:
            self._child.end(self.death_signal)
            self._child = None
        for folder in filter(None, (self._data, self._folder)):
            shutil.rmtree(folder, ignore_errors=True)
        self._data = self._folder = None

    def url(self, database: str | None = None, user: str | None = None, password: str | None = None) -> str:
        """SQLAlchemy URL of a database, as the administrator unless a user is named."""
        url = self.admin.set(database=database or self.admin.database)
        if user is not None:
            # URL.set takes None for "unchanged", which would hand the administrator's password to another user.
            url = url.set(username=user, password=password or "")
        return url.render_as_string(hide_password=False)

    def execute(self, *statements: str, database: str | None = None) -> str:
        """Runs statements as administrator, each committed by itself; returns the last one's first value, or ''."""
        engine = create_engine(
            self.url(database),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args=self._connect_args if self.ours else {},
        )
        value: object = None
        with engine.connect() as connection:
            for statement in statements:
                result = connection.execute(text(statement.replace(":", r"\:")))
                value = result.scalar() if result.returns_rows else None
        return "" if value is None else str(value)

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """URL of an empty database with a random name that is dropped afterwards, whoever is still connected."""
        name = f"test_{secrets.token_hex(6)}"  # not `random`: hypothesis seeds it alike in every xdist worker
        try:
            yield self.create_database(name)
        finally:
            self.drop_database(name)

    @abstractmethod
    def create_database(self, name: str) -> str:
        """Creates an empty database and returns its URL."""

    @abstractmethod
    def drop_database(self, name: str) -> None:
        """Drops a database and its reader, cutting off whoever is connected: a forgotten transaction cannot hang it."""

    @abstractmethod
    def reader_url(self, url: str) -> str:
        """URL for a user with SELECT on that database only, made or renewed; tables created later are readable too."""

    @abstractmethod
    def _as_admin(self, address: URL) -> URL: ...

    @abstractmethod
    def _find(self) -> Binaries: ...

    @abstractmethod
    def _install(self, binaries: Binaries) -> None: ...

    @abstractmethod
    def _launch(self, binaries: Binaries) -> Child: ...

    @abstractmethod
    def _data_folder_query(self) -> str: ...

    def _child_of(
        self,
        command: list[str],
        log: str,
        binaries: Binaries,
        *,
        account: tuple[int, int] | None = None,
        death_signal: signal.Signals | None = None,
    ) -> Child:
        return Child(
            command,
            folder=self.folder,
            log=self.folder / log,
            environment=binaries.environment,
            account=account,
            death_signal=death_signal or self.death_signal,
        )

    def _run_installer(self, binaries: Binaries, *arguments: str, account: tuple[int, int] | None = None) -> None:
        command = [str(binaries.installer), *arguments]
        child = self._child_of(command, "install.log", binaries, account=account, death_signal=signal.SIGKILL)
        try:
            code = child.process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            child.end(signal.SIGKILL)
            code = None
        if code != 0:
            raise RuntimeError(f"{' '.join(command)} ended with {code}.\n{child.log_tail()}")
