"""What a run in Dagster says of itself by its tags: who asked for it, how, and for which days."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import date

import dagster as dg

from lms_etl.days import BadDay, parse
from lms_etl.warehouse.registry import Caller

PARTITION_TAG = "dagster/partition"
FIRST_TAG, LAST_TAG = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
RUN_KEY_TAG = "dagster/run_key"
"""Dagster's own tags: the day of a run, the ends of its range, and the key that made it the only one."""

TRIGGER_TAG = "lms_etl/trigger"
REASON_TAG = "lms_etl/reason"
"""Why the run was asked for; goes into the registry."""

FORCE_TAG = "lms_etl/force"
"""Set on the run of a request that was made with force; means what DayRun.force does."""

AUTOMATIC = ("schedule", "sensor")
"""Triggers whose second run of a finished day is skipped."""

LATE = "late"
"""The trigger of a day that is loaded again because rows came into it late."""


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
    return Caller(trigger, run.run_id, run.root_run_id or run.run_id, reason=tags.get(REASON_TAG))


def days_of_tags(tags: Mapping[str, str]) -> tuple[date, date] | None:
    """First and last day of a run, None if it is about no days."""
    with suppress(KeyError, BadDay):
        if PARTITION_TAG in tags:
            return parse(tags[PARTITION_TAG]), parse(tags[PARTITION_TAG])
        return parse(tags[FIRST_TAG]), parse(tags[LAST_TAG])
    return None
