"""What Dagster's instance tells of runs and ticks that have ended, read forward from a cursor through its public API.

Checks are read with the run that evaluated them, when it has ended: so a blocking check and the failure that it causes
are seen together, on every kind of event storage. Events are read again for a minute: storages number an event before
it becomes visible, so a smaller number can appear after a larger one.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from lms_etl.alerts.causes import Check, Fault, Run, Tick
from lms_etl.alerts.spans import Spans
from lms_etl.days import BadDay, parse
from lms_etl.run_failures import innermost
from lms_etl.run_tags import days_of_tags

RUNS_AT_ONCE = 50
TICKS_AT_ONCE = 100
SETTLED_SECONDS = 60
"""After this long no event with a smaller number appears any more."""

_ENDS = (dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE)
_OUR_ERRORS = {"DatabaseProblem", "SchemaError", "AlreadyRunningError", "BadDay", "SettingsError", "Failure"}


@dataclass(frozen=True)
class Ended:
    """Runs that ended, oldest first; `cursor` is where to read on, None while nothing has settled."""

    runs: list[Run]
    cursor: int | None


def ended_runs(instance: dg.DagsterInstance, cursor: int | None, since: float, now: float) -> Ended:
    """The next runs after the cursor; without one, those that ended after `since` (unix seconds)."""
    found: list[Any] = []
    ends: list[int] = []
    for kind in _ENDS:
        after = {"after_timestamp": since} if cursor is None else {"after_storage_id": cursor}
        wanted = dg.RunStatusChangeRecordsFilter(kind, **after)  # type: ignore[arg-type]
        records = instance.fetch_run_status_changes(wanted, limit=RUNS_AT_ONCE, ascending=True).records
        found += records
        if len(records) == RUNS_AT_ONCE:
            ends.append(records[-1].storage_id)
    last = min(ends, default=None)
    events = sorted(
        (each for each in found if last is None or each.storage_id <= last), key=lambda each: each.storage_id
    )
    settled = [each.storage_id for each in events if each.timestamp < now - SETTLED_SECONDS]
    return Ended(list(_runs(instance, events)), max(settled, default=cursor))


def _runs(instance: dg.DagsterInstance, events: list[Any]) -> Iterator[Run]:
    if not events:
        return
    known = {
        record.dagster_run.run_id: record
        for record in instance.get_run_records(dg.RunsFilter(run_ids=[event.run_id for event in events]))
    }
    for event in events:
        if event.run_id in known:  # a run that was deleted meanwhile is nobody's trouble
            yield _run(instance, known[event.run_id], event)


def _run(instance: dg.DagsterInstance, record: Any, event: Any) -> Run:
    run = record.dagster_run
    failed = event.event_log_entry.dagster_event.event_type == dg.DagsterEventType.RUN_FAILURE
    wanted = {dg.DagsterEventType.ASSET_CHECK_EVALUATION} | ({dg.DagsterEventType.STEP_FAILURE} if failed else set())
    checks: list[Check] = []
    faults: list[Fault] = []
    for each in instance.get_records_for_run(run.run_id, of_type=wanted).records:
        told = each.event_log_entry.dagster_event
        if told is None:
            continue
        if told.is_step_failure:
            faults.append(_step_fault(told.step_failure_data))
        else:
            checks.append(_check(told.asset_check_evaluation_data, each.timestamp, days_of(run)))
    if failed and not faults:
        faults = [_run_fault(event.event_log_entry.dagster_event)]
    return Run(
        run_id=run.run_id,
        job=_name(run),
        success=not failed,
        at=moment(event.timestamp),
        days=days_of(run),
        faults=tuple(faults),
        checks=tuple(checks),
        started_at=moment(record.start_time) if record.start_time else None,
    )


def _name(run: dg.DagsterRun) -> str:
    """The job, or the assets of a run that the UI made without one."""
    if run.job_name.startswith("__") and run.asset_selection:
        return ", ".join(sorted(key.to_user_string() for key in run.asset_selection))
    return run.job_name


def days_of(run: dg.DagsterRun) -> Spans:
    """The days that a run is about, as its tags say; none for a run without daily partitions."""
    ends = days_of_tags(run.tags)
    return Spans.between(*ends) if ends else Spans()


def _check(evaluation: dg.AssetCheckEvaluation, at: float, days: Spans) -> Check:
    """One evaluation. A check whose metadata has `looked_at` judges the present, whatever days its run is about."""
    return Check(
        name=f"{evaluation.asset_key.to_user_string()}.{evaluation.check_name}",
        passed=evaluation.passed,
        warns=evaluation.severity == dg.AssetCheckSeverity.WARN,
        at=moment(at),
        description=evaluation.description or "",
        days=Spans() if "looked_at" in evaluation.metadata else days or _judged(evaluation),
    )


def _judged(evaluation: dg.AssetCheckEvaluation) -> Spans:
    """The days that a check outside a partitioned run says it judged: `2026-03-22` or `2026-03-01 to 2026-03-22`."""
    judged = evaluation.metadata.get("days")
    ends = str(judged.value).split(" to ") if judged else []
    with suppress(BadDay):
        bounds: list[date] = [parse(end) for end in ends]
        return Spans.between(bounds[0], bounds[-1]) if bounds else Spans()
    return Spans()


def _step_fault(failure: Any) -> Fault:
    said = failure.user_failure_data and failure.user_failure_data.description
    if said:
        return Fault(said, ours=True)
    return _fault(failure.error)


def _run_fault(event: Any) -> Fault:
    data = event.job_failure_data
    if data and data.error:
        return _fault(data.error)
    return Fault(event.message or "It says no reason.")


def _fault(error: Any) -> Fault:
    """An error by its innermost cause."""
    if error is None:
        return Fault("It says no reason.")
    blocked = error.cls_name == "DagsterAssetCheckFailedError"
    error = innermost(error)
    ours = error.cls_name in _OUR_ERRORS
    text = error.message.strip()
    return Fault(text.partition(": ")[2] if ours and ": " in text else text, ours, blocked)


def ended_ticks(instance: dg.DagsterInstance, since: float) -> list[Tick]:
    """Evaluations of all sensors and schedules that began after `since` (unix seconds) and have ended, oldest first."""
    found = []
    for state in instance.all_instigator_state():
        name = f"{state.instigator_type.value.lower()} {state.name}"
        for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id, after=since, limit=TICKS_AT_ONCE):
            if tick.status.value == "STARTED":
                continue
            fault = _fault(tick.error) if tick.status.value == "FAILURE" else None
            found.append(Tick(str(tick.tick_id), name, moment(tick.timestamp), fault))
    return sorted(found, key=lambda tick: tick.at)


def moment(instant: float) -> datetime:
    """Unix seconds as the warehouse holds moments: UTC without an offset."""
    return datetime.fromtimestamp(instant, tz=UTC).replace(tzinfo=None)
