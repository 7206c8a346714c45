"""One Dagster run over a range of days, each day with its own load, metadata and materialization.

Days are loaded in order and committed one by one, so a killed run resumes where it stopped. When a day fails, the days
before it still count in Dagster, and those after it are not tried: numbers never have a hole behind them.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from types import TracebackType
from typing import Any

import dagster as dg
import sqlalchemy as sa

from lms_etl.databases import DatabaseProblem
from lms_etl.days import LocalDay, last_complete_day, local_day, parse
from lms_etl.settings import current
from lms_etl.warehouse.locks import AlreadyRunningError
from lms_etl.warehouse.orders import OutOfTimeError
from lms_etl.warehouse.queue import StoppedError
from lms_etl.warehouse.registry import Caller
from lms_etl.warehouse.warehouse import Load, Warehouse

TRIGGER_TAG = "lms_etl/trigger"
PERMANENT = (DatabaseProblem, AlreadyRunningError, StoppedError, OutOfTimeError)
"""What a retry cannot solve; the message is all there is to tell."""
DAYS_WAITING = 31
"""Prepared days that may wait to be written; bounds the memory of a long backfill."""

PROGRESS = logging.getLogger("lms_etl.progress")
"""Tells one record for each finished day, with `job`, `done` and `total`; the command line draws its bar from them."""


class DayRun(dg.Config):
    """How a run treats days that are loaded already."""

    skip_loaded: bool = False
    """Leave out days that the registry holds as loaded: a backfill continues, an ordinary run loads again."""


@dataclass(frozen=True)
class Rows:
    """The rows of one day, ready to load, and what else the day's metadata shall tell."""

    columns: dict[str, list[Any]]
    rows_read: int | None = None
    source_max_id: int | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def enter(self, load: Load) -> dict[str, Any]:
        """Makes them the stored rows of the day; returns the metadata."""
        load.replace(self.columns, self.rows_read, self.source_max_id)
        return self.metadata


@dataclass(frozen=True)
class Derivation:
    """Rows of one day that the warehouse makes itself, by sql/warehouse/<name>.sql in parts of its rows."""

    name: str
    parameters: dict[str, Any]
    parts: Sequence[dict[str, Any]]
    totals: Sequence[str] = ()
    """Columns whose sums the metadata tells."""

    def enter(self, load: Load) -> dict[str, Any]:
        """Makes the rows in the warehouse; returns the metadata."""
        load.derive(self.name, self.parameters, self.parts)
        return {column: load.total(column) for column in self.totals}


@dataclass
class DayRuns:
    """The days of one asset in one run. Use as a context manager around the loop over `days`.

    While one day is written the next ones are prepared: `load` prepares here and writes in another thread, one day
    after the other. The database and this process share the work instead of waiting for each other.
    """

    context: dg.AssetExecutionContext
    config: DayRun
    warehouse: Warehouse
    table: sa.Table
    batch: int | None = None
    finished: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.job = self.context.asset_key.path[-1]
        self.caller = caller_of(self.context)
        self.zone = current().zone
        self.asked = days_of(self.context)
        with permanent_failures():
            self.skipped = self._loaded_before()
        self.days = [day for day in self.asked if day.date not in self.skipped]
        self.writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="writer")
        self.writing: deque[Future[None]] = deque()
        self.broken = False

    def _loaded_before(self) -> dict[date, int]:
        """Days that need no load: all loaded ones if asked to skip them, else those this run's own lineage loaded."""
        days = [day.date for day in self.asked]
        if self.config.skip_loaded:
            return self.warehouse.finished_days(self.job, days)
        if self.context.run.root_run_id:
            return self.warehouse.finished_days(self.job, days, self.context.run.root_run_id)
        return {}

    def __enter__(self) -> "DayRuns":
        for day, run in self.skipped.items():
            self.context.add_asset_metadata({"skipped": f"loaded before by run {run}"}, partition_key=day.isoformat())
        return self

    def load(self, day: LocalDay, prepare: Callable[[], Rows | Derivation]) -> None:
        """Loads a day with the rows that `prepare` returns, after all days before it; returns before it is written.

        An error of `prepare` fails the day as one of the load does; an error of an earlier day is raised here.
        """
        prepared: Rows | Derivation | Exception
        try:
            prepared = prepare()
        except Exception as error:
            prepared = error
        self.settle(0 if isinstance(prepared, Exception) else DAYS_WAITING)
        self.writing.append(self.writer.submit(self._write, day, prepared))
        if isinstance(prepared, Exception):
            self.settle()

    def settle(self, waiting: int = 0) -> None:
        """Waits until no more than `waiting` days are still to be written. Raises the error of a day that failed."""
        while len(self.writing) > waiting:
            self.writing.popleft().result()

    def _write(self, day: LocalDay, prepared: Rows | Derivation | Exception) -> None:
        if self.broken:
            return
        start = time.perf_counter()
        try:
            with self.warehouse.loading(self.job, self.table, day.date, self.caller, self.batch) as load:
                if isinstance(prepared, Exception):
                    raise prepared  # noqa: TRY301
                metadata = prepared.enter(load)
        except BaseException:
            self.broken = True
            raise
        receipt = self._receipt(load, day, time.perf_counter() - start)
        self.finished[day.key] = {**receipt, **metadata}
        told = {"job": self.job, "done": len(self.finished), "total": len(self.days)}
        PROGRESS.info("%s %s: %s rows", self.job, day.key, load.rows, extra=told)

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
            **seen,
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


@contextmanager
def permanent_failures() -> Iterator[None]:
    """Fails the step with the plain message of a problem that a retry cannot solve."""
    try:
        yield
    except PERMANENT as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


def days_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> list[LocalDay]:
    """The local days that a run is about: one, or a range, in order. Raises dg.Failure for a day that is not over."""
    step = context.op_execution_context
    zone = current().zone
    days = [local_day(parse(key), zone) for key in sorted(step.partition_keys)]
    newest = last_complete_day(zone)
    if days and days[-1].date > newest:
        raise dg.Failure(
            description=f"{days[-1].key} is not over at the site ({zone.key}); the last complete day is {newest}.",
            allow_retries=False,
        )
    return days


def caller_of(context: dg.AssetExecutionContext) -> Caller:
    """Who asked for the run of this step."""
    return caller_of_run(context.run)


def caller_of_run(run: dg.DagsterRun) -> Caller:
    """Who asked for a run: told by our own tag, else by Dagster's tags of schedules, sensors and backfills."""
    tags = run.tags
    if TRIGGER_TAG in tags:
        trigger = tags[TRIGGER_TAG]
    elif "dagster/schedule_name" in tags:
        trigger = "schedule"
    elif "dagster/sensor_name" in tags:
        trigger = "sensor"
    else:
        trigger = "backfill" if "dagster/backfill" in tags else "ui"
    return Caller(trigger, run.run_id, run.root_run_id or run.run_id)
