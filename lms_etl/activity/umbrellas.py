"""The warehouse as a run in Dagster gets it: a run of a documented job on one day holds that job's row.

Schedule, sensors, UI and command line all pass here. The steps of a run share the resource, so the row is taken before
the first step and ended after the last one. A run that may not begin is told so by its first load.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date

import dagster as dg

from lms_etl.day_guards import PERMANENT
from lms_etl.run_failures import told_by
from lms_etl.run_tags import caller_of_run, days_of_tags
from lms_etl.settings import current
from lms_etl.warehouse import queue, umbrella
from lms_etl.warehouse.warehouse import Warehouse

REQUEST_TAG = "lms_etl/request"
"""The number of the row that a run was started for."""

JOB_OF = {name: job for job, name in queue.JOBS.items()}
"""The documented names of the jobs, by their names in Dagster."""


@dg.resource
def warehouse_of_run(context: dg.InitResourceContext) -> Iterator[Warehouse]:
    """The warehouse of WAREHOUSE_DATABASE_URL; within a run it obeys stop requests and ETL_MAX_RUNTIME."""
    warehouse = Warehouse(current())
    try:
        with under_umbrella(warehouse, context.run, context.instance):
            yield warehouse
    finally:
        warehouse.close()


@contextmanager
def under_umbrella(
    warehouse: Warehouse, run: dg.DagsterRun | None, instance: dg.DagsterInstance | None
) -> Iterator[None]:
    """Takes the row of a run for the block, if the run is of a documented job on one day, and ends it."""
    days = days_of_tags(run.tags) if run else None
    with ExitStack() as stack:
        if run and days:
            first, last = days
            warehouse.orders.limit = warehouse.settings.max_runtime * ((last - first).days + 1)
            if first == last and run.job_name in JOB_OF:
                _take(stack, warehouse, JOB_OF[run.job_name], first, run)
        yield
        if run and instance and warehouse.umbrella:
            ended = outcome(instance, run.run_id)
            if ended:
                warehouse.umbrella.close(*ended)


def _take(stack: ExitStack, warehouse: Warehouse, job: str, day: date, run: dg.DagsterRun) -> None:
    """The row of a run: what the command line holds, what was requested, or a new one; else why it may not begin."""
    number = run.tags.get(REQUEST_TAG)
    # A run that is executed again carries the tags of the first one, whose request is over.
    request = int(number) if number and not run.parent_run_id else None
    if request in umbrella.HELD:
        warehouse.umbrella = umbrella.HELD[request]
        return
    try:
        held = umbrella.held(warehouse, job, day, caller_of_run(run), request)
        warehouse.umbrella = stack.enter_context(held)
    except PERMANENT as refusal:
        warehouse.orders.refused = refusal


def outcome(instance: dg.DagsterInstance, run_id: str) -> tuple[str, str | None] | None:
    """Status and error of a run whose steps are over; None if only Dagster itself can tell once it has ended the run.

    An interrupted run may end between two steps, so all of them must have succeeded to call it a success.
    """
    run = instance.get_run_by_id(run_id)
    if run is None:
        return None
    failures = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    if run.status in (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED):
        return "STOPPED", None
    if failures:
        return "FAILED", told_by(failures[0].get_dagster_event().step_failure_data)
    planned = run.execution_plan_snapshot_id
    steps = instance.get_execution_plan_snapshot(planned).step_keys_to_execute if planned else []
    succeeded = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)
    return ("SUCCESS", None) if len(succeeded) == len(steps) else None
