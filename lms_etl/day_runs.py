"""One Dagster run over a range of days, each day with its own load, metadata and materialization.

Days are committed one by one, each after the day before it, so a killed run resumes where it stopped. When a day fails,
the days before it still count in Dagster, and none after it is loaded: numbers never have a hole behind them.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from threading import Event
from types import TracebackType
from typing import Any, NamedTuple

import dagster as dg
import sqlalchemy as sa

from lms_etl import clock, window
from lms_etl.day_guards import PERMANENT, days_of, permanent_failures, require_open_window
from lms_etl.day_rows import Derivation, Kept, Prepared, Rows
from lms_etl.days import LocalDay
from lms_etl.run_tags import AUTOMATIC, FORCE_TAG, LATE, caller_of
from lms_etl.settings import current
from lms_etl.warehouse import receipts, registry, restatements
from lms_etl.warehouse.queue import StoppedError
from lms_etl.warehouse.receipts import Source
from lms_etl.warehouse.warehouse import Load, Warehouse

DAYS_WAITING = 31
"""Prepared days that may wait to be written; bounds the memory of a long backfill."""

PROGRESS = logging.getLogger("lms_etl.progress")
"""Tells one record for each finished day, with `job`, `done` and `total`; the command line draws its bar from them."""


class DayRun(dg.Config):
    """How a run treats days that are loaded already, or whose window is closed."""

    skip_loaded: bool = False
    """Leave out days that the registry holds as loaded: a backfill continues, an ordinary run loads again."""

    force: bool = False
    """Load the day although its window is closed, it is finished, or the source now holds less than it was loaded from.

    The run is marked as forced.
    """


class Turn(NamedTuple):
    """A day that is written: `begun` once it has its row in the registry, `done` when it is committed or has failed."""

    begun: Event
    done: Future[bool]

    def ended_well(self) -> bool:
        """Waits for the end; whether this day and all before it were written."""
        return self.done.exception() is None and self.done.result()


@dataclass
class DayRuns:
    """The days of one asset in one run. Use as a context manager around the loop over `days`.

    While days are written the next ones are prepared: `load` prepares here, and other threads (`Warehouse.writers`)
    write. The database and this process share the work instead of waiting for each other.
    """

    context: dg.AssetExecutionContext
    config: DayRun
    warehouse: Warehouse
    table: sa.Table
    batch: int | None = None
    finished: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.job = self.context.asset_key.path[-1]
        self.forced = self.config.force or FORCE_TAG in self.context.run.tags
        self.caller = replace(caller_of(self.context), forced=self.forced)
        self.zone = current().zone
        self.asked = days_of(self.context)
        require_open_window(self.context, self.asked, self.zone, self.forced)
        with permanent_failures():
            self.receipts = self._receipts(self.job)
            self.skipped = self._loaded_before()
        self.sources = {day: Source.of(receipt) for day, receipt in self._loaded().items()}
        # Late rows make a day be loaded again; they give no leave to replace good history by less.
        self.overriding = self.forced and self.caller.trigger != LATE
        self.days = [day for day in self.asked if day.date not in self.skipped]
        self.writer = ThreadPoolExecutor(self.warehouse.writers, thread_name_prefix="writer")
        self.writing: deque[Turn] = deque()
        self.newest: Turn | None = None
        self.broken = False

    def _loaded(self) -> dict[date, Any]:
        """The receipts of the days that are loaded, whatever run did it."""
        return {day: receipt for day, receipt in self.receipts.items() if receipt.run_id is not None}

    def _loaded_before(self) -> dict[date, int]:
        """Days that need no load: all loaded ones if asked to skip them, else those this run's own lineage loaded."""
        if self.config.skip_loaded:
            return {day: receipt.run_id for day, receipt in self._loaded().items()}
        if self.context.run.root_run_id:
            days = [day.date for day in self.asked]
            return self.warehouse.finished_days(self.job, days, self.context.run.root_run_id)
        if self.caller.trigger in AUTOMATIC and not self.forced:
            return self._skip_finished()
        return {}

    def _receipts(self, job: str) -> dict[date, Any]:
        if not self.asked:
            return {}
        with self.warehouse.reading() as connection:
            return receipts.between(connection, job, self.asked[0].date, self.asked[-1].date)

    def _skip_finished(self) -> dict[date, int]:
        """Days that are finished, each with its SKIPPED row.

        A day whose counts are loaded but not its report is loaded as a whole: what stopped the report may be a check
        that found the counts wrong.
        """
        finished = self._receipts(receipts.FINISHING_STEP)
        done = {}
        for day, receipt in self._loaded().items():
            if day in finished and finished[day].run_id is not None:
                done[day] = receipt.run_id
                reason = (
                    f"{day} was loaded at {receipt.last_completed_at:%Y-%m-%d %H:%M:%S} UTC by run {receipt.run_id}"
                )
                with self.warehouse.writing() as connection:
                    registry.close_without_load(connection, self.job, day, self.caller, "SKIPPED", reason)
        return done

    def unless_purged(self, day: LocalDay, rows: Rows) -> Rows | Kept:
        """The rows; or why the day keeps its own, if the source holds fewer rows of it than it was loaded from."""
        loaded = self.sources.get(day.date)
        if self.overriding or loaded is None or (rows.rows_read or 0) >= (loaded.rows_read or 0):
            return rows
        return Kept(
            f"{day.key} stays as it is: the source holds {rows.rows_read or 0} rows of it, and it was loaded from "
            f"{loaded.rows_read}. Its log was purged, so loading it again would replace good history by less; "
            "`--force` does it all the same."
        )

    def __enter__(self) -> "DayRuns":
        for day, run in self.skipped.items():
            self.context.add_asset_metadata({"skipped": f"loaded before by run {run}"}, partition_key=day.isoformat())
        return self

    def load(self, day: LocalDay, prepare: Callable[[], Prepared]) -> None:
        """Loads a day with the rows that `prepare` returns, after all days before it; returns before it is written.

        An error of `prepare` fails the day as one of the load does; an error of an earlier day is raised here. A day
        that is kept is left out of a range and told; asked for alone, it fails.
        """
        prepared: Prepared | Exception
        try:
            prepared = prepare()
        except Exception as error:
            prepared = error
        if isinstance(prepared, Kept) and len(self.asked) == 1:
            prepared = dg.Failure(description=prepared.reason, allow_retries=False)
        self.settle(0 if isinstance(prepared, Exception) else DAYS_WAITING)
        begun = Event()
        self.newest = Turn(begun, self.writer.submit(self._write, day, prepared, begun, self.newest))
        self.writing.append(self.newest)
        if isinstance(prepared, Exception):
            self.settle()

    def settle(self, waiting: int = 0) -> None:
        """Waits until no more than `waiting` days are still to be written. Raises the error of a day that failed."""
        while len(self.writing) > waiting:
            self.writing.popleft().done.result()

    def _write(self, day: LocalDay, prepared: Prepared | Exception, begun: Event, before: Turn | None) -> bool:
        """Writes a day, which begins after the day before and is committed after it; whether it was.

        The threads take the days in order, so the oldest one never waits for another.
        """
        try:
            if before:
                before.begun.wait()
            if self.broken:
                return False
            if isinstance(prepared, Kept):
                self._keep(day, prepared.reason)
                return before is None or before.ended_well()
            self._load(day, prepared, begun, before)
        except BaseException:
            self.broken = True
            raise
        finally:
            begun.set()
        return True

    def _load(self, day: LocalDay, prepared: Rows | Derivation | Exception, begun: Event, before: Turn | None) -> None:
        start = time.perf_counter()
        with self.warehouse.loading(self.job, self.table, day.date, self._caller(day), self.batch) as load:
            begun.set()
            if isinstance(prepared, Exception):
                raise prepared
            metadata = prepared.enter(load)
            if day.date in self.sources:
                restatements.record(self.warehouse, load, self.job, self.sources[day.date], self.caller.trigger)
            if before and not before.ended_well():
                raise StoppedError(f"{day.key} was not loaded, because the day before it failed.")
        receipt = self._receipt(load, day, time.perf_counter() - start)
        self.finished[day.key] = {**receipt, **metadata}
        told = {"job": self.job, "done": len(self.finished), "total": len(self.days)}
        PROGRESS.info("%s %s: %s rows", self.job, day.key, load.rows, extra=told)

    def _caller(self, day: LocalDay) -> registry.Caller:
        """The caller of this day's load: late, with the reason, when its window is closed."""
        if clock.now().timestamp() < window.window_of(day.date, self.zone).closes:
            return self.caller
        asked = "force" if self.forced else self.caller.trigger
        return replace(self.caller, late=True, reason=self.caller.reason or f"loaded late by {asked}")

    def _keep(self, day: LocalDay, reason: str) -> None:
        with self.warehouse.writing() as connection:
            registry.close_without_load(connection, self.job, day.date, self.caller, "SKIPPED", reason)
        self.context.log.warning(reason)
        self.finished[day.key] = {"kept": reason}

    def _receipt(self, load: Load, day: LocalDay, seconds: float) -> dict[str, Any]:
        counters = load.counters
        seen = {} if counters.source_max_id is None else {"source_max_id": counters.source_max_id}
        return {
            "dagster/row_count": load.rows,
            "rows_read": counters.read,
            "rows_inserted": counters.inserted,
            "rows_updated": counters.updated,
            "rows_deleted": counters.deleted,
            "rows_rejected": counters.rejected,
            "seconds": round(seconds, 3),
            "complete_through": datetime.fromtimestamp(day.end, tz=self.zone).isoformat(),
            "registry_run": load.run,
            **self._window(day),
            **seen,
        }

    def _window(self, day: LocalDay) -> dict[str, Any]:
        """State and margin of the day's window, which its first load decided, this one or an earlier one."""
        before = self.receipts.get(day.date)
        first = window.aware(before.first_completed_at) if before and before.first_completed_at else clock.now()
        margin = window.window_of(day.date, self.zone).margin_minutes(first)
        return {
            "window_state": window.state(day.date, self.zone, first, first),
            "window_margin_minutes": margin,
        }

    def describe(self, day: LocalDay, metadata: dict[str, Any]) -> None:
        """Adds to the metadata of a finished day."""
        self.finished[day.key].update(metadata)

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Gives every finished day its metadata; on an error reports them itself, since Dagster would forget them."""
        late: BaseException | None = None
        self.broken = self.broken or error is not None
        try:
            self.settle()
        except Exception as failure:
            late = failure
        self.writer.shutdown()
        if error is None and late is None:
            for key, metadata in self.finished.items():
                self.context.add_asset_metadata(metadata, partition_key=key)
            return
        for key, metadata in self.finished.items():
            self.context.log_event(dg.AssetMaterialization(self.context.asset_key, partition=key, metadata=metadata))
        cause = error or late
        if isinstance(cause, PERMANENT):
            raise dg.Failure(description=str(cause), allow_retries=False) from cause
        if error is None and late is not None:
            raise late
