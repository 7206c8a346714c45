"""Everything Dagster loads: assets, checks, jobs, schedules, sensors and the two databases. Wiring only."""

import dagster as dg

from lms_etl import retention
from lms_etl.activity import assets, automation, checks, late_sensor, requests, sync_checks, window_sensor
from lms_etl.activity.umbrellas import warehouse_of_run
from lms_etl.alerts.sensors import alert_sensor
from lms_etl.progress import assets as progress_assets
from lms_etl.progress import automation as progress_automation
from lms_etl.progress import checks as progress_checks
from lms_etl.progress.requests import progress_request_sensor
from lms_etl.settings import current
from lms_etl.sources.moodle import Moodle

defs = dg.Definitions(
    assets=[
        assets.courses,
        assets.activity_counts,
        assets.user_counts,
        assets.user_activity,
        progress_assets.companies,
        progress_assets.course_progress,
    ],
    asset_checks=[
        checks.source_and_warehouse_agree,
        checks.total_is_the_sum_of_its_parts,
        checks.every_visible_course_is_present,
        checks.most_active_courses_have_an_average,
        checks.volume_is_as_on_the_same_weekday,
        *checks.one_row_checks,
        *sync_checks.user_activity_syncs,
        progress_checks.source_and_warehouse_agree,
        progress_checks.each_user_stands_once_in_a_course,
        progress_checks.percentages_are_possible,
    ],
    jobs=[*automation.jobs, *progress_automation.jobs, retention.retention_job],
    schedules=[
        automation.user_activity_schedule,
        automation.hourly_checks_schedule,
        retention.retention_schedule,
        *progress_automation.schedules,
    ],
    sensors=[
        requests.request_sensor,
        progress_request_sensor,
        window_sensor.window_sensor,
        late_sensor.late_rows_sensor,
        alert_sensor,
    ],
    resources={"moodle": Moodle(current()), "warehouse": warehouse_of_run},
    executor=dg.in_process_executor,
)
