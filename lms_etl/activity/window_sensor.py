"""The window sensor of system 1: starts a day that failed or was never started, records a missed one, catches up."""

import json
import os
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import dagster as dg

from lms_etl import clock
from lms_etl.activity.automation import user_activity_job
from lms_etl.activity.watch import Watch
from lms_etl.activity.window import Rules, Step, catch_up, first_stretch, judge
from lms_etl.days import each_day, last_complete_day
from lms_etl.liveness import fail_dead_runs
from lms_etl.run_tags import FIRST_TAG, LAST_TAG, PARTITION_TAG, REASON_TAG, TRIGGER_TAG
from lms_etl.runs import DAILY
from lms_etl.warehouse.warehouse import Warehouse

CATCH_UP_TAG = "lms_etl/catch_up"
"""The oldest missed day of a run that catches up; its attempts are counted by it."""
SECONDS_BETWEEN_TICKS = 120
DAYS_PER_TICK = 31
"""A tick after a long outage looks at no more days than these; the next tick goes on."""


@dg.sensor(
    job=user_activity_job,
    minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def window_sensor(context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]) -> dg.SensorResult:
    """Sees to each day's window: starts and retries the day while it is open, records the miss when it closes.

    Missed days are loaded late, by one run over their range, unless LMS_ETL_CATCH_UP is off.
    """
    if "DAGSTER_HOME" in os.environ:
        fail_dead_runs(context.instance, Path(os.environ["DAGSTER_HOME"]))
    watch = Watch(context.instance, warehouse)
    settings = warehouse.settings
    rules = Rules(settings.window_attempts, settings.window_pause, settings.window_grace)
    told, requests, settled = see_to_days(watch, rules, watch.first_day(context.cursor))
    if settings.catch_up:
        told_more, more = see_to_missed_days(watch, rules)
        told, requests = told + told_more, requests + more
    cursor = json.dumps({"settled_through": settled.isoformat()})
    if requests:
        return dg.SensorResult(run_requests=requests, cursor=cursor)
    told.append(f"Every day up to {settled} is settled. Next look in {SECONDS_BETWEEN_TICKS // 60} minutes.")
    return dg.SensorResult(skip_reason=" ".join(told), cursor=cursor)


def see_to_days(watch: Watch, rules: Rules, first: date) -> tuple[list[str], list[dg.RunRequest], date]:
    """Judges the days from the first unsettled one on, and records misses; returns what was seen, what to run, and
    the last day up to which every day is settled.
    """
    last = min(last_complete_day(watch.zone), first + timedelta(days=DAYS_PER_TICK - 1))
    told: list[str] = []
    requests: list[dg.RunRequest] = []
    misses: dict[date, str] = {}
    settled = first - timedelta(days=1)
    for seen in watch.seen(list(each_day(first, last))):
        step = judge(seen, watch.zone, clock.now(), rules)
        if step.action == "miss":
            misses[seen.day] = step.told
        if step.action == "start":
            requests.append(day_request(watch, seen.day, step))
        if step.action in ("settled", "miss") and settled == seen.day - timedelta(days=1):
            settled = seen.day
        if step.action != "settled":
            told.append(step.told)
    watch.record_misses(misses)
    return told, requests, settled


def day_request(watch: Watch, day: date, step: Step) -> dg.RunRequest:
    """The run of one day. Its key has the number of the run: a key that was used once would be dropped for ever."""
    number = 1 + watch.runs_of(PARTITION_TAG, day)
    return dg.RunRequest(
        run_key=f"{day}/{number}/{step.reason}",
        partition_key=day.isoformat(),
        tags={TRIGGER_TAG: "sensor", REASON_TAG: step.told},
    )


def see_to_missed_days(watch: Watch, rules: Rules) -> tuple[list[str], list[dg.RunRequest]]:
    """Asks for one run over the oldest missed days that follow one another, when its turn has come."""
    missed = watch.missed_days()
    stretch = first_stretch(missed)
    if stretch is None:
        return [], []
    live = watch.live_run(list(each_day(*stretch)))
    failed = watch.failures(CATCH_UP_TAG, stretch[:1], ("backfill",)).get(stretch[0], ())
    step = catch_up(missed, live, failed, watch.zone, clock.now(), rules)
    return ([], [range_request(watch, stretch, step)]) if step.action == "start" else ([step.told], [])


def range_request(watch: Watch, stretch: Sequence[date], step: Step) -> dg.RunRequest:
    """One backfill over a range of days; those that were loaded meanwhile are left out."""
    first, last = (day.isoformat() for day in stretch)
    number = 1 + watch.runs_of(CATCH_UP_TAG, stretch[0])
    tags = {TRIGGER_TAG: "backfill", REASON_TAG: step.told, CATCH_UP_TAG: first, FIRST_TAG: first, LAST_TAG: last}
    config = {"ops": {name: {"config": {"skip_loaded": True}} for name in DAILY}}
    return dg.RunRequest(run_key=f"{first}/{last}/{number}/{step.reason}", run_config=config, tags=tags)
