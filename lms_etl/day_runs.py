"""One Dagster run over a range of days, each day with its own load, metadata and materialization.

Days are loaded in order and committed one by one, so a killed run resumes where it stopped. When a day fails, the days
before it still count in Dagster, and those after it are not tried: numbers never have a hole behind them.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
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
from lms_etl.warehouse import receipts, registry, restatements
from lms_etl.warehouse.locks import AlreadyRunningError
from lms_etl.warehouse.receipts import Source
from lms_etl.warehouse.registry import Caller
from lms_etl.warehouse.warehouse import Load, Warehouse

TRIGGER_TAG = "lms_etl/trigger"
LATE = "late"
"""The trigger of a day that is loaded again because rows came into it late."""

DAYS_WAITING = 31
"""Prepared days that may wait to be written; bounds the memory of a long backfill."""

PROGRESS = logging.getLogger("lms_etl.progress")
"""Tells one record for each finished day, with `job`, `done` and `total`; the command line draws its bar from them."""


class DayRun(dg.Config):
    """How a run treats days that are loaded already."""

    skip_loaded: bool = False
    """Leave out days that the registry holds as loaded: a backfill continues, an ordinary run loads again."""

    force: bool = False
    """Load also what a rule protects: a day of which the source now holds less than it was loaded from."""


@dataclass(frozen=True)
class Rows:
    """The rows of one day, ready to load, and what else the day's metadata shall tell."""

    columns: dict[str, list[Any]]
    rows_read: int | None = None
    source_max_id: int | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Kept:
    """Instead of rows: why the day keeps those that it has."""

    reason: str


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
            self.sources = self._sources()
        # Late rows make a day be loaded again; they give no leave to replace good history by less.
        self.forced = self.config.force and self.caller.trigger != LATE
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

    def _sources(self) -> dict[date, Source]:
        """What the days were loaded from the last time; one query, however long the range."""
        with self.warehouse.reading() as connection:
            return receipts.sources(connection, self.job, [day.date for day in self.asked])

    def unless_purged(self, day: LocalDay, rows: Rows) -> Rows | Kept:
        """The rows; or why the day keeps its own, if the source holds fewer rows of it than it was loaded from."""
        loaded = self.sources.get(day.date)
        if self.forced or loaded is None or (rows.rows_read or 0) >= (loaded.rows_read or 0):
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

    def load(self, day: LocalDay, prepare: Callable[[], Rows | Kept]) -> None:
        """Loads a day with the rows that `prepare` returns, after all days before it; returns before it is written.

        An error of `prepare` fails the day as one of the load does; an error of an earlier day is raised here. A day
        that is kept is left out of a range and told; asked for alone, it fails.
        """
        prepared: Rows | Kept | Exception
        try:
            prepared = prepare()
        except Exception as error:
            prepared = error
        if isinstance(prepared, Kept) and len(self.asked) == 1:
            prepared = dg.Failure(description=prepared.reason, allow_retries=False)
        self.settle(0 if isinstance(prepared, Exception) else DAYS_WAITING)
        self.writing.append(self.writer.submit(self._write, day, prepared))
        if isinstance(prepared, Exception):
            self.settle()

    def settle(self, waiting: int = 0) -> None:
        """Waits until no more than `waiting` days are still to be written. Raises the error of a day that failed."""
        while len(self.writing) > waiting:
            self.writing.popleft().result()

    def _write(self, day: LocalDay, prepared: Rows | Kept | Exception) -> None:
        if self.broken:
            return
        if isinstance(prepared, Kept):
            self._keep(day, prepared.reason)
            return
        start = time.perf_counter()
        try:
            with self.warehouse.loading(self.job, self.table, day.date, self.caller, self.batch) as load:
                if isinstance(prepared, Exception):
                    raise prepared  # noqa: TRY301
                load.replace(prepared.columns, prepared.rows_read, prepared.source_max_id)
                if day.date in self.sources:
                    restatements.record(self.warehouse, load, self.job, self.sources[day.date], self.caller.trigger)
        except BaseException:
            self.broken = True
            raise
        receipt = self._receipt(load, day, time.perf_counter() - start)
        self.finished[day.key] = {**receipt, **prepared.metadata}
        told = {"job": self.job, "done": len(self.finished), "total": len(self.days)}
        PROGRESS.info("%s %s: %s rows", self.job, day.key, load.rows, extra=told)

    def _keep(self, day: LocalDay, reason: str) -> None:
        with self.warehouse.engine.begin() as connection:
            registry.skip(connection, self.job, day.date, self.caller, reason)
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
        if isinstance(cause, DatabaseProblem | AlreadyRunningError):
            raise dg.Failure(description=str(cause), allow_retries=False) from cause
        if error is None and late is not None:
            raise late


@contextmanager
def permanent_failures() -> Iterator[None]:
    """Fails the step with the plain message of a problem that a retry cannot solve."""
    try:
        yield
    except (DatabaseProblem, AlreadyRunningError) as error:
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
    """Who asked for the run: told by our own tag, else by Dagster's tags of schedules, sensors and backfills."""
    tags = context.run.tags
    if TRIGGER_TAG in tags:
        trigger = tags[TRIGGER_TAG]
    elif "dagster/schedule_name" in tags:
        trigger = "schedule"
    elif "dagster/sensor_name" in tags:
        trigger = "sensor"
    else:
        trigger = "backfill" if "dagster/backfill" in tags else "ui"
    return Caller(trigger, context.run.run_id, context.run.root_run_id or context.run.run_id)
