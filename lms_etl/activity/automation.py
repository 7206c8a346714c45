"""How system 1 runs by itself: its jobs, and the schedule of the last complete day."""

from contextlib import suppress
from datetime import date

import dagster as dg

from lms_etl import clock, window
from lms_etl.activity import checks, sync_checks
from lms_etl.activity.assets import GROUP, activity_counts, courses, local_days, user_activity, user_counts
from lms_etl.databases import DatabaseProblem
from lms_etl.days import parse
from lms_etl.run_tags import TRIGGER_TAG
from lms_etl.settings import current
from lms_etl.warehouse import receipts
from lms_etl.warehouse.receipts import FINISHING_STEP
from lms_etl.warehouse.warehouse import Warehouse

IN_PROCESS = dg.in_process_executor
"""The days are small after push-down: a process for each step would take three times as long as the work."""


def job(name: str, selection: dg.AssetSelection, description: str) -> "dg.UnresolvedAssetJobDefinition":
    """A job over assets and their checks, in one process."""
    limit = {"dagster/max_runtime": str(current().max_runtime)}
    return dg.define_asset_job(name, selection=selection, description=description, executor_def=IN_PROCESS, tags=limit)


user_activity_job = job(
    "user_activity_job",
    dg.AssetSelection.groups(GROUP),
    "The documented pipeline of one day: courses, activity counts, user counts, then the report, with all checks.",
)
activity_counts_job = job(
    "activity_counts_job", dg.AssetSelection.assets(activity_counts), "Views per course of one day, nothing else."
)
user_counts_job = job(
    "user_counts_job",
    dg.AssetSelection.assets(user_counts),
    "Students and teachers per course of one day, nothing else.",
)
main_etl_job = job(
    "main_etl_job",
    dg.AssetSelection.assets(courses, user_activity),
    "The report of one day from counts that are loaded already.",
)
hourly_checks_job = job(
    "hourly_checks_job",
    dg.AssetSelection.checks(
        *sync_checks.keys_of([*sync_checks.user_activity_syncs, checks.volume_is_as_on_the_same_weekday])
    ),
    "The documented hourly status: whether the syncs ran in time and without errors; loads nothing.",
)
jobs = [user_activity_job, activity_counts_job, user_counts_job, main_etl_job, hourly_checks_job]

hourly_checks_schedule = dg.ScheduleDefinition(
    name="hourly_checks_schedule",
    job=hourly_checks_job,
    cron_schedule="0 * * * *",
    execution_timezone=current().timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every full hour: the state of the syncs.",
)


@dg.schedule(
    job=user_activity_job,
    cron_schedule="0 2 * * *",
    execution_timezone=current().timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def user_activity_schedule(
    context: dg.ScheduleEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.RunRequest | dg.SkipReason:
    """Every night at 02:00 site time: the day that ended two hours before, unless it is finished."""
    keys = local_days.get_partition_keys(current_time=context.scheduled_execution_time)
    if not keys:
        return dg.SkipReason(f"No day is complete yet: the first one is {current().start_date} (LMS_ETL_START_DATE).")
    why_not = reason_to_skip(warehouse, parse(keys[-1]))
    if why_not:
        return dg.SkipReason(why_not)
    return dg.RunRequest(run_key=None, partition_key=keys[-1], tags={TRIGGER_TAG: "schedule"})


def reason_to_skip(warehouse: Warehouse, day: date) -> str | None:
    """Why the schedule need not load the day: it is finished, or a late tick comes after its window.

    A warehouse that does not answer is no reason: the run will fail and tell what is wrong.
    """
    zone = current().zone
    refused = window.refusal(day, zone, clock.now())
    if refused:
        return f"{refused} The window sensor records the miss and catches up."
    with suppress(DatabaseProblem), warehouse.reading() as connection:
        receipt = receipts.between(connection, FINISHING_STEP, day, day).get(day)
        if receipt is not None and receipt.run_id is not None:
            at = window.local_text(window.aware(receipt.last_completed_at), zone)
            return f"{day} was loaded at {at} by run {receipt.run_id}. The next tick loads the day after it."
    return None
