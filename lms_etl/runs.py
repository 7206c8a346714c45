"""Runs jobs of the code location in this process, recorded in Dagster's instance like any other run."""

import gc
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lms_etl import clock, window
from lms_etl.days import BadDay, each_day, last_complete_day
from lms_etl.instance import dagster_home
from lms_etl.run_failures import told_by
from lms_etl.settings import Settings

if TYPE_CHECKING:
    from lms_etl.warehouse import umbrella
    from lms_etl.warehouse.registry import Caller
    from lms_etl.warehouse.warehouse import Warehouse

DAILY = ("activity_counts", "user_counts", "user_activity")


@dataclass(frozen=True)
class Outcome:
    """How a run ended: `problems` holds one line for each failed step or check."""

    run_id: str
    problems: list[str]
    warnings: list[str]

    @property
    def success(self) -> bool:
        return not self.problems


def checked_days(settings: Settings, first: date, last: date) -> None:
    """Raises BadDay unless first to last are complete days of the site, in order, from the configured first day on."""
    newest = last_complete_day(settings.zone)
    if first > last:
        raise BadDay(f"the first day, {first}, is after the last, {last}")
    if first < settings.start_date:
        raise BadDay(f"{first} is before the first day of the site, {settings.start_date} (LMS_ETL_START_DATE)")
    if last > newest:
        raise BadDay(f"{last} is not over at the site ({settings.timezone}); the last complete day is {newest}")


def first_missing_day(warehouse: "Warehouse", first: date, last: date) -> date | None:
    """The first of the days that not all of the daily steps have loaded."""
    from lms_etl.warehouse.schema import require_current

    require_current(warehouse)
    days = list(each_day(first, last))
    loaded = [set(warehouse.finished_days(job, days)) for job in DAILY]
    return next((day for day in days if not all(day in each for each in loaded)), None)


def require_open_window(settings: Settings, day: date) -> None:
    """Raises BadDay with the documented error unless an ordinary run may load the day now."""
    refused = window.refusal(day, settings.zone, clock.now())
    if refused:
        raise BadDay(refused)


def run_days(
    settings: Settings,
    job: str,
    first: date,
    last: date,
    trigger: str,
    skip_loaded: bool = False,
    force: bool = False,
) -> Outcome:
    """Runs a job over the days first to last in one Dagster run and returns how it ended.

    Raises BadDay for days that cannot be run, DatabaseProblem if the warehouse is not ready.
    """
    checked_days(settings, first, last)
    if trigger != "backfill" and not force:
        require_open_window(settings, first)
    _require_ready(settings)
    home = dagster_home(settings)
    import dagster as dg

    from lms_etl.activity.umbrellas import REQUEST_TAG
    from lms_etl.definitions import defs
    from lms_etl.liveness import PROCESS_TAG, fail_dead_runs, this_process
    from lms_etl.run_tags import FIRST_TAG, LAST_TAG, TRIGGER_TAG
    from lms_etl.warehouse.registry import Caller

    # What the imports made lives as long as the process: the garbage collector need not look at it again and again
    # while a year's rows pass through.
    gc.freeze()
    # Each short statement gives up the interpreter; with the default of 5 ms the loading thread would wait that long
    # for threads that are parsing rows.
    sys.setswitchinterval(0.0005)
    definition = defs.resolve_job_def(job)
    steps = {node.name for node in definition.nodes}
    days: dict[str, Any] = (
        {"partition_key": first.isoformat()}
        if first == last
        else {
            "tags": {
                FIRST_TAG: first.isoformat(),
                LAST_TAG: last.isoformat(),
                # The job's own limit is that of one day.
                "dagster/max_runtime": str(settings.max_runtime * ((last - first).days + 1)),
            }
        }
    )
    run_id = str(uuid4())
    with (
        dg.DagsterInstance.get() as instance,
        this_process(home) as process,
        _held_row(settings, job, first, last, Caller(trigger, run_id, run_id)) as row,
    ):
        fail_dead_runs(instance, home)
        request = {REQUEST_TAG: str(row.run)} if row else {}
        days["tags"] = {TRIGGER_TAG: trigger, PROCESS_TAG: process, **request, **days.get("tags", {})}
        result = definition.execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_id=run_id,
            run_config={
                "ops": {
                    name: {"config": {"skip_loaded": skip_loaded, "force": force}} for name in DAILY if name in steps
                },
                "loggers": {"console": {"config": {"log_level": _console_level(settings)}}},
            },
            **days,
        )
        outcome = Outcome(result.run_id, *_complaints(result))
        if row:
            row.close("SUCCESS" if result.success else "FAILED", "; ".join(outcome.problems) or None)
    return outcome


def run_job(settings: Settings, job: str, trigger: str, configured: dict[str, dict[str, Any]]) -> Outcome:
    """Runs a job that is about no days and returns how it ended; `configured` are the settings of its assets by name.

    Raises DatabaseProblem if the warehouse is not ready.
    """
    _require_ready(settings)
    home = dagster_home(settings)
    import dagster as dg

    from lms_etl.definitions import defs
    from lms_etl.liveness import PROCESS_TAG, this_process
    from lms_etl.run_tags import TRIGGER_TAG

    with dg.DagsterInstance.get() as instance, this_process(home) as process:
        result = defs.resolve_job_def(job).execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={
                "ops": {name: {"config": config} for name, config in configured.items()},
                "loggers": {"console": {"config": {"log_level": _console_level(settings)}}},
            },
            tags={TRIGGER_TAG: trigger, PROCESS_TAG: process},
        )
    return Outcome(result.run_id, *_complaints(result))


@contextmanager
def _held_row(
    settings: Settings, job: str, first: date, last: date, caller: "Caller"
) -> Iterator["umbrella.Umbrella | None"]:
    """Takes the row of a documented job on one day for the block; an error of the block fails it.

    A range has none: its loads have a row and a lock for each day. Raises AlreadyRunningError.
    """
    from lms_etl.activity.umbrellas import JOB_OF
    from lms_etl.warehouse import umbrella
    from lms_etl.warehouse.warehouse import Warehouse

    if first != last or job not in JOB_OF:
        yield None
        return
    warehouse = Warehouse(settings)
    with closing(warehouse), umbrella.held(warehouse, JOB_OF[job], first, caller) as row:
        try:
            yield row
        except BaseException as error:
            row.close("FAILED", str(error) or type(error).__name__)
            raise


def _console_level(settings: Settings) -> str:
    """Dagster's console log carries tracebacks even for a wrong password; it speaks when it is asked to."""
    return "DEBUG" if settings.log_level == "debug" else "CRITICAL"


def _require_ready(settings: Settings) -> None:
    from lms_etl.warehouse.schema import require_current
    from lms_etl.warehouse.warehouse import Warehouse

    warehouse = Warehouse(settings)
    require_current(warehouse)
    warehouse.close()


def _complaints(result: Any) -> tuple[list[str], list[str]]:
    """Problems and warnings of a run: failed checks by what they found, failed steps by their error."""
    problems: list[str] = []
    warned: list[str] = []
    for check in result.get_asset_check_evaluations():
        if not check.passed:
            line = f"{check.asset_key.to_user_string()}: {check.check_name}: {check.description}"
            (warned if check.severity.value == "WARN" else problems).append(line)
    for event in result.all_events:
        if event.is_step_materialization and "kept" in event.materialization.metadata:
            warned.append(f"{event.step_key}: {event.materialization.metadata['kept'].value}")
        if event.is_step_failure:
            text = told_by(event.step_failure_data)
            # A run that was stopped or refused says so in each of its steps.
            told = any(line.endswith(text) for line in problems)
            if not told and ("asset check" not in text or not problems):
                problems.append(f"{event.step_key}: {text}")
    if not result.success and not problems:
        problems.append("The run failed before its first step; open it in the Dagster UI.")
    return problems, warned
