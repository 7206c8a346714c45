"""What every step asks before it works on its days: are they over, is the window open, can a retry help."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import dagster as dg

from lms_etl import clock, window
from lms_etl.databases import DatabaseProblem
from lms_etl.days import LocalDay, last_complete_day, local_day, parse
from lms_etl.run_tags import caller_of
from lms_etl.settings import current
from lms_etl.warehouse.locks import AlreadyRunningError
from lms_etl.warehouse.orders import OutOfTimeError
from lms_etl.warehouse.queue import StoppedError

PERMANENT = (DatabaseProblem, AlreadyRunningError, StoppedError, OutOfTimeError)
"""What a retry cannot solve; the message is all there is to tell."""


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


def require_open_window(
    context: dg.AssetExecutionContext, days: list[LocalDay], zone: ZoneInfo, forced: bool = False
) -> None:
    """Refuses an ordinary run, one of a single day, outside the day's window. Raises dg.Failure with what to do.

    A run over a range, one that Dagster or `lms-etl` calls a backfill, and a forced one pass. What counts is when the
    run started: one that started in time may end after the window has closed (its day is late then).
    """
    tags = context.run.tags
    if forced or len(days) != 1 or "dagster/backfill" in tags or caller_of(context).trigger == "backfill":
        return
    [day] = days
    refused = window.refusal(day.date, zone, clock.now())
    if refused and window.refusal(day.date, zone, started_at(context)):
        raise dg.Failure(description=refused, allow_retries=False)


def started_at(context: dg.AssetExecutionContext) -> datetime:
    """When the run started, as Dagster recorded it; now, if it did not."""
    record = context.instance.get_run_record_by_id(context.run.run_id)
    seconds = record.start_time if record else None
    return clock.now() if seconds is None else datetime.fromtimestamp(seconds, tz=UTC)
