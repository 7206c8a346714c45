"""A sign of life for running rows, also while one long query is quiet."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa

from lms_etl.warehouse import registry
from lms_etl.warehouse.tables import etl_job_runs as runs

EVERY_SECONDS = 20.0
"""Well below ETL_STALE_SECONDS, so that a beat or two may be lost."""


class Heart:
    """Beats for the rows of one process from one thread with its own connection; it ends when nothing is left to do.

    On SQLite a beat waits for the one writer and gives up after that engine's patience. Nothing is wrongly taken for
    dead by that: a row is stale only if its lock is free as well.
    """

    def __init__(self, engine: Callable[[], sa.Engine], every: float | None = None) -> None:
        self.engine = engine
        self.every = EVERY_SECONDS if every is None else every
        self.running: set[int] = set()
        self.guard = threading.Lock()
        self.over = threading.Event()
        self.thread: threading.Thread | None = None

    @contextmanager
    def beating(self, run: int) -> Iterator[None]:
        """Keeps the row of a run alive for the block."""
        with self.guard:
            self.running.add(run)
            if self.thread is None:
                self.over.clear()
                self.thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)
                self.thread.start()
        try:
            yield
        finally:
            with self.guard:
                self.running.discard(run)

    def stop(self) -> None:
        """Ends the thread; the next run that begins starts it again."""
        thread = self.thread
        self.over.set()
        if thread is not None:
            thread.join(timeout=5)

    def _beat_on(self) -> None:
        while not self.over.wait(self.every):
            with self.guard:
                alive = sorted(self.running)
                if not alive:
                    self.thread = None
                    return
            # A server that is gone for a moment must not end the thread: the next beat finds it again.
            with suppress(sa.exc.SQLAlchemyError), self.engine().begin() as connection:
                beat(connection, alive)
        with self.guard:
            self.thread = None


def beat(connection: sa.Connection, alive: list[int]) -> None:
    """Writes the present into rows that still run."""
    change = sa.update(runs).where(runs.c.id.in_(alive), runs.c.status == "RUNNING")
    connection.execute(change.values(heartbeat_at=registry.utc_now()))
