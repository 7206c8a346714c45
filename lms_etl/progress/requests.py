"""The sensor that starts the syncs of course progress which people have asked for on the control page.

The row of a request is ended by the request sensor, as that of every run in Dagster.
"""

from typing import Any

import dagster as dg
import sqlalchemy as sa

from lms_etl.activity.requests import EVERY_SECONDS, run_key
from lms_etl.progress.assets import course_progress
from lms_etl.progress.automation import progress_job
from lms_etl.run_tags import RUN_KEY_TAG, TRIGGER_TAG
from lms_etl.warehouse import progress_queue, queue, schema
from lms_etl.warehouse.progress_queue import Wanted
from lms_etl.warehouse.warehouse import SchemaError, Warehouse


@dg.sensor(
    job=progress_job,
    minimum_interval_seconds=EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def progress_request_sensor(
    context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.RunRequest | dg.SkipReason:
    """Starts the syncs of course progress that were asked for, oldest first and one at a time."""
    try:
        schema.require_current(warehouse)
    except SchemaError as error:
        return dg.SkipReason(f"{error} The next look is in {EVERY_SECONDS} s.")
    return next_sync(context.instance, warehouse)


def next_sync(instance: dg.DagsterInstance, warehouse: Warehouse) -> dg.RunRequest | dg.SkipReason:
    """The oldest request as a run; none while another one runs."""
    with warehouse.reading() as connection:
        found = progress_queue.live(connection)
    begun = [row for row in found if row["dagster_run_id"]]
    for row in found:
        if row["dagster_run_id"]:
            continue
        made = instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: run_key(row)}), limit=1)
        if made:
            with warehouse.writing() as connection:
                queue.link(connection, row["id"], made[0].run_id)
            begun.append(row)
        elif not begun:
            return _start(warehouse, row)
    waits = f"{len(found) - len(begun)} wait for request {begun[0]['id']}" if begun else "No sync is asked for"
    return dg.SkipReason(f"{waits}. The next look is in {EVERY_SECONDS} s.")


def _start(warehouse: Warehouse, row: sa.RowMapping) -> dg.RunRequest | dg.SkipReason:
    try:
        wanted = Wanted.read(row["live_key"])
    except ValueError as error:
        with warehouse.writing() as connection:
            queue.close(connection, row["id"], "FAILED", str(error))
        return dg.SkipReason(f"{error}. The next look is in {EVERY_SECONDS} s.")
    asked: dict[str, Any] = {
        "kind": wanted.kind,
        "companies": [wanted.company] if wanted.company else [],
        "hours_back": wanted.hours_back or 0,
    }
    config = {"ops": {course_progress.op.name: {"config": asked}}}
    return dg.RunRequest(run_key(row), run_config=config, tags={TRIGGER_TAG: row["trigger"]})
