"""The request sensor: the documented scheduler flow over the rows of the registry.

Data in the scheduler? → not running? → window valid? → run extraction → update scheduler. It also ends the rows of
runs that cannot do so themselves: cancelled, vanished, or killed with their process.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

import dagster as dg
import sqlalchemy as sa

from lms_etl.activity import automation
from lms_etl.activity.umbrellas import REQUEST_TAG, outcome
from lms_etl.days import BadDay
from lms_etl.run_tags import FORCE_TAG, RUN_KEY_TAG, TRIGGER_TAG
from lms_etl.runs import checked_days, require_open_window
from lms_etl.settings import Settings
from lms_etl.warehouse import queue, registry, schema
from lms_etl.warehouse.locks import is_free
from lms_etl.warehouse.tables import etl_job_runs as runs
from lms_etl.warehouse.umbrella import lock_name
from lms_etl.warehouse.warehouse import SchemaError, Warehouse

EVERY_SECONDS = 10
LAUNCHES = 10
"""Requests that may stand in Dagster's own queue; the others keep their order here, where they can be taken back."""
LOOKED_AT = 200
"""Live rows of each kind that one tick looks at."""

ENDED = {"SUCCESS": "SUCCESS", "FAILURE": "FAILED", "CANCELED": "STOPPED"}
VANISHED = "Its run in Dagster is gone."
UNTOLD = "The run failed in Dagster before its first step; open it in the Dagster UI."

Refusal = Callable[[date, bool], str | None]
"""Why a day may not be run now, given the day and whether the request is forced; None if it may."""


@dataclass(frozen=True)
class Row:
    """A live row, and what Dagster knows of its run: a status of Dagster, `gone`, or None if it has none yet."""

    id: int
    job: str
    day: date | None
    status: str
    dagster_run_id: str | None = None
    silent: float = 0.0
    run: str | None = None
    forced: bool = False
    trigger: str = "api"
    run_key: str = ""


def verdict(row: Row, free: Callable[[], bool], stale_after: float) -> tuple[str, str | None] | None:
    """Status and error with which a live row must be ended, None to leave it alone. `free`: nobody holds its locks."""
    if row.run in ENDED and (row.status == "QUEUED" or free()):
        return ENDED[row.run], None
    if row.status == "QUEUED":
        return ("FAILED", VANISHED) if row.run == "gone" else None
    if row.silent > stale_after and free():
        return "FAILED", f"Stale: no sign of life for {row.silent:.0f} s, and no process holds its lock."
    return None


def next_requests(
    waiting: Iterable[Row], live: Iterable[Row], refusal: Refusal, slots: int
) -> tuple[list[Row], list[tuple[Row, str]], list[str]]:
    """Of the requests, oldest first: those to launch, those refused and why, and what the others wait for.

    One run of a day at a time, whatever its job: they write the same tables.
    """
    busy = {row.day: f"run {row.id} ({row.job})" for row in live}
    launched: list[Row] = []
    refused: list[tuple[Row, str]] = []
    waits: list[str] = []
    for row in waiting:
        assert row.day is not None
        if row.day in busy:
            waits.append(f"request {row.id} ({row.job} of {row.day}) waits for {busy[row.day]} of the same day")
        elif why := refusal(row.day, row.forced):
            refused.append((row, why))
        elif len(launched) >= slots:
            waits.append(f"request {row.id} ({row.job} of {row.day}) waits for its turn")
        else:
            launched.append(row)
            busy[row.day] = f"request {row.id} ({row.job})"
    return launched, refused, waits


def tick(instance: dg.DagsterInstance, warehouse: Warehouse) -> dg.SensorResult:
    """One look at the queue: ends what is over, then launches what is next."""
    settings = warehouse.settings
    started, waiting = live_rows(warehouse, instance)
    ended = {row.id: end for row in started if (end := _end_of(row, warehouse, instance))}
    with warehouse.writing() as connection:
        for number, (status, error) in ended.items():
            queue.close(connection, number, status, error)
        for row in waiting:
            if row.dagster_run_id:
                queue.link(connection, row.id, row.dagster_run_id)
    known = [row for row in waiting if row.dagster_run_id]
    alive = [row for row in started if row.id not in ended] + known
    queued = sum(row.status == "QUEUED" for row in alive)
    unknown = [row for row in waiting if not row.dagster_run_id]
    launched, refused, waits = next_requests(unknown, alive, partial(unrunnable, settings), LAUNCHES - queued)
    if refused:
        with warehouse.writing() as connection:
            for row, why in refused:
                queue.close(connection, row.id, "FAILED", why)
    if launched:
        return dg.SensorResult(run_requests=[run_request(row) for row in launched])
    told = [f"run {number} ended {status}" for number, (status, _) in ended.items()]
    told += [f"request {row.id} was refused: {why}" for row, why in refused] + waits
    seen = "; ".join(told[:5]) or f"No request waits; {len(alive)} live"
    return dg.SensorResult(skip_reason=f"{seen}. The next look is in {EVERY_SECONDS} s.")


def unrunnable(settings: Settings, day: date, forced: bool) -> str | None:
    """Why a requested run may not start: the day is not over, before the site's first one, or its window is closed."""
    try:
        checked_days(settings, day, day)
        if not forced:
            require_open_window(settings, day)
    except BadDay as error:
        return str(error)
    return None


def run_request(row: Row) -> dg.RunRequest:
    """The run of a request; its own number goes with it, so that it writes into the request's row."""
    tags = {TRIGGER_TAG: row.trigger, REQUEST_TAG: str(row.id)}
    if row.forced:
        tags[FORCE_TAG] = "true"
    return dg.RunRequest(row.run_key, job_name=queue.JOBS[row.job], partition_key=str(row.day), tags=tags)


def live_rows(warehouse: Warehouse, instance: dg.DagsterInstance) -> tuple[list[Row], list[Row]]:
    """Rows that Dagster or a process has begun, and requests that wait, oldest first; each with its run in Dagster.

    All by the unique index of live_key: NULL in every row that is over, so that a million of them cost nothing.
    """
    # Ordered by an expression: by the bare key SQLite would walk through the whole history to keep the order.
    live = sa.select(runs).where(runs.c.live_key > "").order_by(runs.c.id + 0).limit(LOOKED_AT)
    begun = sa.or_(runs.c.status == "RUNNING", runs.c.dagster_run_id.is_not(None))
    waits = (runs.c.status == "QUEUED", runs.c.dagster_run_id.is_(None), runs.c.job_name.in_(queue.JOBS))
    with warehouse.reading() as connection:
        started = connection.execute(live.where(begun)).mappings().all()
        waiting = connection.execute(live.where(*waits)).mappings().all()
    numbers = [row["dagster_run_id"] for row in started if row["dagster_run_id"]]
    found = instance.get_runs(dg.RunsFilter(run_ids=numbers)) if numbers else []
    status = {run.run_id: run.status.value for run in found}
    keys = [run_key(row) for row in waiting]
    made = instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: keys})) if keys else []
    by_key = {run.tags[RUN_KEY_TAG]: run for run in made}
    begun_rows = [
        _row(row, row["dagster_run_id"], status.get(row["dagster_run_id"], "gone") if row["dagster_run_id"] else None)
        for row in started
    ]
    waiting_rows = []
    for row, key in zip(waiting, keys, strict=True):
        run = by_key.get(key)
        waiting_rows.append(_row(row, run.run_id, run.status.value) if run else _row(row, None, None))
    return begun_rows, waiting_rows


def run_key(row: Any) -> str:
    """A key of this request only, also when a new warehouse counts from 1 again: Dagster drops a used key silently."""
    requested: datetime = row["requested_at"]
    return f"request-{row['id']}-{row['attempt']}-{requested:%Y%m%dT%H%M%S%f}"


def _row(row: Any, dagster_run_id: str | None, run: str | None) -> Row:
    sign = row["heartbeat_at"] or row["started_at"] or row["requested_at"]
    return Row(
        id=row["id"],
        job=row["job_name"],
        day=row["target_date"],
        status=row["status"],
        dagster_run_id=dagster_run_id,
        silent=(registry.utc_now() - sign).total_seconds(),
        run=run,
        forced=bool(row["forced"]),
        trigger=row["trigger"],
        run_key=run_key(row),
    )


def _end_of(row: Row, warehouse: Warehouse, instance: dg.DagsterInstance) -> tuple[str, str | None] | None:
    def free() -> bool:
        with warehouse.reading() as connection:
            return all(
                is_free(connection, name) for name in (lock_name(row.job, row.day), registry.live_key(row.job, row.day))
            )

    end = verdict(row, free, warehouse.settings.stale_seconds)
    if end and end[0] == "FAILED" and end[1] is None and row.dagster_run_id:
        told = outcome(instance, row.dagster_run_id)
        return "FAILED", (told and told[1]) or UNTOLD
    return end


@dg.sensor(
    jobs=automation.jobs,
    minimum_interval_seconds=EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def request_sensor(
    context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.SensorResult | dg.SkipReason:
    """Starts the runs that API and command line have queued, oldest first, and ends the rows of runs that are over."""
    try:
        schema.require_current(warehouse)
    except SchemaError as error:
        return dg.SkipReason(f"{error} The next look is in {EVERY_SECONDS} s.")
    return tick(context.instance, warehouse)
