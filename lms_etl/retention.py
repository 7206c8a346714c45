"""Deletes once a day what is old: finished runs of the registry, and of Dagster if it is told to; the API's call log.

Never facts.
"""

from datetime import datetime, timedelta

import dagster as dg

from lms_etl import clock
from lms_etl.settings import current
from lms_etl.warehouse import purge, registry
from lms_etl.warehouse.warehouse import Warehouse

MOST_DAGSTER_RUNS = 500
"""Runs of Dagster deleted in one night; each costs several statements."""

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dg.op
def old_runs_deleted(context: dg.OpExecutionContext, warehouse: dg.ResourceParam[Warehouse]) -> None:
    """Finished runs older than ETL_RUN_RETENTION_DAYS, Dagster's older than ETL_DAGSTER_RETENTION_DAYS, and what the
    report API noted longer ago than LMS_ETL_API_LOG_RETENTION_DAYS."""
    settings = warehouse.settings
    registered = dagster_runs = calls = 0
    if settings.run_retention_days:
        registered = purge.old_runs(warehouse, registry.utc_now() - timedelta(days=settings.run_retention_days))
    if settings.dagster_retention_days:
        before = clock.now() - timedelta(days=settings.dagster_retention_days)
        dagster_runs = delete_dagster_runs(context.instance, before)
    if settings.api_log_retention_days:
        calls = purge.old_calls(warehouse, registry.utc_now() - timedelta(days=settings.api_log_retention_days))
    context.log.info(
        f"Deleted {registered} runs of the registry, {dagster_runs} of Dagster and {calls} rows of the API's log."
    )
    context.add_output_metadata({"registry_runs": registered, "dagster_runs": dagster_runs, "api_calls": calls})


def delete_dagster_runs(instance: dg.DagsterInstance, before: datetime, most: int = MOST_DAGSTER_RUNS) -> int:
    """Deletes ended runs made before a moment with their events, the oldest first, and returns how many."""
    old = instance.get_run_records(dg.RunsFilter(statuses=ENDED, created_before=before), limit=most, ascending=True)
    for record in old:
        instance.delete_run(record.dagster_run.run_id)
    return len(old)


@dg.job(executor_def=dg.in_process_executor)
def retention_job() -> None:
    """Deletes old runs; facts and receipts stay."""
    old_runs_deleted()


retention_schedule = dg.ScheduleDefinition(
    name="retention_schedule",
    job=retention_job,
    cron_schedule="30 3 * * *",
    execution_timezone=current().timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night at 03:30 site time, when the day's run is over.",
)
