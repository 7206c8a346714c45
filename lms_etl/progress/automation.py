"""How system 2 runs by itself: every full hour what changed, every night everything."""

import dagster as dg

from lms_etl.progress.assets import GROUP, course_progress
from lms_etl.progress.sync_log import RECONCILE
from lms_etl.settings import current

progress_job = dg.define_asset_job(
    "progress_job",
    selection=dg.AssetSelection.groups(GROUP),
    description="Companies, then their course progress: what changed since the last sync, unless it is told otherwise.",
    executor_def=dg.in_process_executor,
    tags={"dagster/max_runtime": str(current().max_runtime)},
)
jobs = [progress_job]

progress_schedule = dg.ScheduleDefinition(
    name="progress_schedule",
    job=progress_job,
    cron_schedule="0 * * * *",
    execution_timezone=current().timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every full hour: what changed, company by company.",
)

reconcile_schedule = dg.ScheduleDefinition(
    name="reconcile_schedule",
    job=progress_job,
    cron_schedule="30 3 * * *",
    execution_timezone=current().timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    run_config={"ops": {course_progress.op.name: {"config": {"kind": RECONCILE}}}},
    description="Every night: every row compared with Moodle, for what leaves no trace of a change.",
)
schedules = [progress_schedule, reconcile_schedule]
