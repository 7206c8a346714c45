"""What a run is told from outside while it works: to stop, to end in time, or not to begin at all."""

import time
from typing import TYPE_CHECKING

from lms_etl.warehouse import queue

if TYPE_CHECKING:
    from lms_etl.warehouse.warehouse import Warehouse

LOOK_EVERY_SECONDS = 0.5
"""In a range of days: a year's loads last some 10 ms each, and a look before each of them would be felt."""


class OutOfTimeError(Exception):
    """The run has lasted longer than ETL_MAX_RUNTIME. What it had not committed yet is rolled back."""


class Orders:
    """The orders of one run. A load asks before it begins, between its batches and before it commits."""

    def __init__(self, warehouse: "Warehouse") -> None:
        self.warehouse = warehouse
        self.refused: Exception | None = None
        self.limit: float | None = None
        self.began = time.monotonic()
        self.looked = float("-inf")

    def obey(self, dagster_run_id: str | None, at_once: bool = False) -> None:
        """Raises StoppedError, OutOfTimeError, or why the run was refused.

        In a range of days it looks for requests to stop twice a second, unless `at_once`.
        """
        if self.refused:
            raise self.refused
        now = time.monotonic()
        if self.limit is not None and now - self.began > self.limit:
            raise OutOfTimeError(
                f"The run took longer than {self.limit:.0f} s (ETL_MAX_RUNTIME). What it loaded stays loaded; "
                "run it again, or raise the limit."
            )
        umbrella = self.warehouse.umbrella
        if not at_once and not umbrella and now - self.looked < LOOK_EVERY_SECONDS:
            return
        self.looked = now
        with self.warehouse.reading() as connection:
            if queue.stop_requested(connection, dagster_run_id, umbrella.run if umbrella else None):
                raise queue.StoppedError("Stopped on request. What was loaded before stays; nothing is half-loaded.")
