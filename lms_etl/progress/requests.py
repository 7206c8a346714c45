"""The sensor that turns requests for a sync of course progress into runs; `request_sensor` ends what they leave."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from lms_etl.activity.requests import EVERY_SECONDS, run_key
from lms_etl.progress.assets import course_progress
from lms_etl.progress.automation import progress_job
from lms_etl.run_tags import RUN_KEY_TAG, TRIGGER_TAG
from lms_etl.warehouse import progress_queue, queue, schema
from lms_etl.warehouse.progress_queue import Wanted
from lms_etl.warehouse.warehouse import SchemaError, Warehouse


def tick(instance: dg.DagsterInstance, warehouse: Warehouse) -> dg.SensorResult:
    """One look at the queue: notes which runs Dagster has made, then asks for those that are missing."""
    with warehouse.reading() as connection:
        live = progress_queue.live(connection)
    waiting = {run_key(row): row for row in live if row["dagster_run_id"] is None}
    keys = list(waiting)
    made = instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: keys})) if keys else []
    if made:
        with warehouse.writing() as connection:
            for run in made:
                row = waiting.pop(run.tags[RUN_KEY_TAG])
                queue.link(connection, row["id"], run.run_id)
    if waiting:
        return dg.SensorResult(run_requests=[run_request(key, row) for key, row in waiting.items()])
    return dg.SensorResult(skip_reason=told(live))


def run_request(key: str, row: Any) -> dg.RunRequest:
    """The run of a request, with its kind, company and hours as the configuration."""
    wanted = Wanted.read(row["live_key"])
    asked: dict[str, Any] = {"kind": wanted.kind}
    if wanted.company is not None:
        asked["companies"] = [wanted.company]
    if wanted.hours_back is not None:
        asked["hours_back"] = wanted.hours_back
    config = {"ops": {course_progress.op.name: {"config": asked}}}
    return dg.RunRequest(key, run_config=config, tags={TRIGGER_TAG: row["trigger"]})


def told(live: Sequence[Any]) -> str:
    """What the tick saw, and when it looks again."""
    seen = f"{len(live)} requests run in Dagster" if live else "No request waits"
    return f"{seen}. The next look is in {EVERY_SECONDS} s."


@dg.sensor(
    job=progress_job,
    minimum_interval_seconds=EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def progress_request_sensor(
    context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.SensorResult | dg.SkipReason:
    """Starts the syncs of course progress that the control page has queued, oldest first."""
    try:
        schema.require_current(warehouse)
    except SchemaError as error:
        return dg.SkipReason(f"{error} The next look is in {EVERY_SECONDS} s.")
    return tick(context.instance, warehouse)
