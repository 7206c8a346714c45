"""One live load per job and day, held by the database and let go by it when the process dies.

PostgreSQL and MySQL have named locks that end with their connection. SQLite has none: there the operating system
holds a lock on a file beside the database, and drops it with the process.
"""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa

_LOOK_AGAIN_SECONDS = 0.05


class AlreadyRunningError(Exception):
    """Another process holds the lock of this job and day; the message is the documented one."""


@contextmanager
def locked(connection: sa.Connection, name: str, wait: float = 0) -> Iterator[None]:
    """Holds the lock `name` for the block. Raises AlreadyRunningError if others still hold it after `wait` seconds."""
    dialect = connection.dialect.name
    if dialect == "sqlite":
        with _file_lock(connection, name, wait):
            yield
        return
    take, give = (
        ("select pg_try_advisory_lock(:key)", "select pg_advisory_unlock(:key)")
        if dialect == "postgresql"
        else ("select get_lock(:key, 0)", "select release_lock(:key)")
    )
    key = _key(connection, name)
    deadline = time.monotonic() + wait
    while not connection.execute(sa.text(take), {"key": key}).scalar():
        if time.monotonic() >= deadline:
            raise already_running(name)
        time.sleep(_LOOK_AGAIN_SECONDS)
    try:
        yield
    finally:
        # A connection that broke has let go of its lock already; that must not hide how the block ended.
        with suppress(sa.exc.DBAPIError):
            if not connection.invalidated:
                connection.rollback()
                connection.execute(sa.text(give), {"key": key})
                connection.commit()


def is_free(connection: sa.Connection, name: str) -> bool:
    """Whether nobody holds the lock `name`; asked on a connection of its own, since MySQL 5.6 holds one lock each."""
    with connection.engine.connect() as other, suppress(AlreadyRunningError), locked(other, name):
        return True
    return False


def _key(connection: sa.Connection, name: str) -> int | str:
    """PostgreSQL's locks have numbers and belong to one database; MySQL's have names of 64 characters, server-wide."""
    if connection.dialect.name == "postgresql":
        return int.from_bytes(hashlib.blake2b(f"lms_etl {name}".encode(), digest_size=8).digest(), signed=True)
    full = f"{connection.engine.url.database}.lms_etl.{name}"
    return full if len(full) <= 64 else hashlib.blake2b(full.encode(), digest_size=32).hexdigest()


@contextmanager
def _file_lock(connection: sa.Connection, name: str, wait: float) -> Iterator[None]:
    import filelock

    database = Path(str(connection.engine.url.database))
    folder = database.with_name(database.name + ".locks")
    folder.mkdir(exist_ok=True)
    try:
        with filelock.FileLock(folder / name.replace(":", "."), timeout=wait, blocking=wait > 0):
            yield
    except filelock.Timeout:
        raise already_running(name) from None


def already_running(name: str) -> AlreadyRunningError:
    """The documented error for the live key `job:day`, or for the lock of a load or of a whole run."""
    job, _, day = name.removeprefix("run:").partition(":")
    return AlreadyRunningError(
        f"ETL process is already running: {job} of {day}. "
        "Wait for it, or look at it with `lms-etl user_activity_etl status`."
    )
