"""Who asked for a run in Dagster, and how: read from its tags."""

import dagster as dg

from lms_etl.warehouse.registry import Caller

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
