"""Checks of the syncs themselves: did they run, in time, without errors, and was every window met.

They judge the registry as it is now, so they run with the asset and every hour on their own. In a run that loads days
they warn only: what that run loads is good. `sync_checks` makes them for any asset, by the names of its jobs.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import sqlalchemy as sa

from lms_etl import clock
from lms_etl.activity.assets import user_activity
from lms_etl.day_guards import permanent_failures
from lms_etl.days import each_day, last_complete_day
from lms_etl.runs import DAILY
from lms_etl.warehouse import receipts, registry
from lms_etl.warehouse.tables import etl_days, etl_job_runs
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl.window import aware, local_text, window_of

ERROR_LENGTH = 300
FINISHED = ("SUCCESS", "FAILED")
Finding = tuple[list[str], str]
"""What is wrong, one sentence each, and what was seen, for when nothing is."""


@dataclass(frozen=True)
class Sync:
    """The jobs that load one asset. The last of the daily ones finishes a day."""

    asset: dg.AssetsDefinition
    jobs: tuple[str, ...]
    daily: tuple[str, ...] = ()
    hourly: tuple[str, ...] = ()


def last_sync_succeeded(warehouse: Warehouse, sync: Sync) -> Finding:
    """The newest finished run of each job did not fail."""
    runs, zone = etl_job_runs.c, warehouse.settings.zone
    complaints, seen = [], []
    with warehouse.reading() as connection:
        for job in sync.jobs:
            query = sa.select(etl_job_runs).where(runs.job_name == job, runs.status.in_(FINISHED))
            run = connection.execute(query.order_by(runs.id.desc()).limit(1)).first()
            if run is None:
                continue
            what = f"{job} of {run.target_date or 'all'}, run {run.id}"
            at = local_text(aware(run.completed_at), zone)
            seen.append(f"{what} ended well at {at}")
            if run.status == "FAILED":
                error = " ".join(str(run.error).split())[:ERROR_LENGTH]
                complaints.append(f"{what}, attempt {run.attempt}, failed at {at}: {error}")
    return complaints, "; ".join(seen) or "Nothing has run yet"


def there_was_a_sync_in_time(warehouse: Warehouse, sync: Sync) -> Finding:
    """Each hourly job succeeded within LMS_ETL_MAX_HOURS_WITHOUT_SYNC, and each daily one holds the day due last."""
    settings, now = warehouse.settings, clock.now()
    complaints: list[str | None] = []
    runs, days = etl_job_runs.c, etl_days.c
    with warehouse.reading() as connection:
        for job in sync.hourly:
            tried = connection.execute(sa.select(sa.func.min(runs.requested_at)).where(runs.job_name == job)).scalar()
            of_job = (runs.job_name == job, runs.status == "SUCCESS")
            done = connection.execute(sa.select(sa.func.max(runs.completed_at)).where(*of_job)).scalar()
            complaints.append(silent_too_long(job, tried, done, now, settings.max_hours_without_sync, settings.zone))
        for job in sync.daily:
            of_job = (days.job_name == job, days.run_id.is_not(None))
            newest = connection.execute(sa.select(sa.func.max(days.target_date)).where(*of_job)).scalar()
            newest = newest if receipts.first_watched(connection, job) else None
            complaints.append(behind_its_window(job, newest, now, settings.zone))
    return [each for each in complaints if each], f"In time: {', '.join((*sync.hourly, *sync.daily))}"


def silent_too_long(
    job: str, tried: datetime | None, done: datetime | None, now: datetime, hours: float, zone: ZoneInfo
) -> str | None:
    """A sentence if the last success is too old; a job that never succeeded counts from when it was first tried.

    `tried` and `done` are moments of the registry. A job that never ran is not late: it was not set up.
    """
    since = done or tried
    if since is None or now - aware(since) <= timedelta(hours=hours):
        return None
    passed = (now - aware(since)).total_seconds() / 3600
    what = "the last success was at" if done else "it never succeeded, and was first tried at"
    return f"{job}: {what} {local_text(aware(since), zone)}, {passed:.1f} hours ago; {hours:g} may pass"


def behind_its_window(job: str, newest: date | None, now: datetime, zone: ZoneInfo) -> str | None:
    """A sentence if the newest loaded day is older than the last day whose window has closed.

    `newest` is None where no window was watched yet: a trial of one old day makes nobody late.
    """
    due = last_complete_day(zone, now) - timedelta(days=1)
    if newest is None or newest >= due:
        return None
    by = local_text(window_of(due, zone).closes - 1, zone)
    return f"{job}: the newest loaded day is {newest}; {due} had to be loaded by {by} ({zone.key})"


def few_runs_fail(warehouse: Warehouse, sync: Sync) -> Finding:
    """Of the runs that ended lately no more failed than LMS_ETL_MAX_ERROR_RATE allows, if there were enough to tell."""
    settings, runs = warehouse.settings, etl_job_runs.c
    since = registry.utc_now() - timedelta(hours=settings.error_rate_hours)
    of_late = (runs.completed_at >= since, runs.job_name.in_(sync.jobs), runs.status.in_(FINISHED))
    query = sa.select(runs.status, sa.func.count()).where(*of_late).group_by(runs.status)
    with warehouse.reading() as connection:
        counted: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
    failed, total = counted.get("FAILED", 0), sum(counted.values())
    seen = f"{failed} of {total} runs failed in the last {settings.error_rate_hours} hours"
    if total < settings.error_rate_min_runs:
        return [], f"{seen}; fewer than {settings.error_rate_min_runs} are not judged"
    if failed <= settings.max_error_rate * total:
        return [], seen
    return [f"{seen}: {failed / total:.1%}, {settings.max_error_rate:.0%} may"], ""


def no_window_was_missed(warehouse: Warehouse, sync: Sync) -> Finding:
    """No day of the last LMS_ETL_WATCHED_DAYS lacks its load after its window has closed."""
    settings = warehouse.settings
    last = last_complete_day(settings.zone) - timedelta(days=1)
    first = last - timedelta(days=settings.watched_days - 1)
    job = sync.daily[-1]
    with warehouse.reading() as connection:
        oldest = receipts.first_watched(connection, job)
        found = receipts.between(connection, job, first, last)
    watched = list(each_day(max(first, oldest), last)) if oldest else []
    complaints = []
    for day in watched:
        receipt = found.get(day)
        if receipt is None or receipt.run_id is None:
            by = local_text(window_of(day, settings.zone).closes - 1, settings.zone)
            why = f" ({receipt.reason})" if receipt is not None and receipt.reason else ""
            complaints.append(f"{day} was not loaded by {by} and still is not{why}")
    return complaints, f"Loaded: {watched[0]} to {watched[-1]}" if watched else "No watched window has closed"


SENTENCES: dict[Callable[[Warehouse, Sync], Finding], dg.AssetCheckSeverity] = {
    last_sync_succeeded: dg.AssetCheckSeverity.ERROR,
    there_was_a_sync_in_time: dg.AssetCheckSeverity.ERROR,
    few_runs_fail: dg.AssetCheckSeverity.WARN,
    no_window_was_missed: dg.AssetCheckSeverity.ERROR,
}
"""What is checked, and how bad it is when it is not true."""


def sync_checks(sync: Sync) -> list[dg.AssetChecksDefinition]:
    """The checks of one asset's syncs; the window only where there are daily jobs."""
    chosen = [sentence for sentence in SENTENCES if sync.daily or sentence is not no_window_was_missed]
    return [sync_check(sync, sentence) for sentence in chosen]


def sync_check(sync: Sync, sentence: Callable[[Warehouse, Sync], Finding]) -> dg.AssetChecksDefinition:
    """One sentence as an asset check."""

    @dg.asset_check(asset=sync.asset, name=sentence.__name__, description=sentence.__doc__, blocking=False)
    def check(context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
        with permanent_failures():
            complaints, seen = sentence(warehouse, sync)
        severity = dg.AssetCheckSeverity.WARN if context.run.is_partitioned else SENTENCES[sentence]
        return result(complaints, seen, severity)

    return check


def result(complaints: Sequence[str], seen: str, severity: dg.AssetCheckSeverity) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {"complaints": len(complaints), "looked_at": clock.now().isoformat(timespec="seconds")}
    described = "; ".join(complaints) or f"{seen}."
    return dg.AssetCheckResult(passed=not complaints, severity=severity, description=described, metadata=metadata)


def keys_of(checks: Iterable[dg.AssetChecksDefinition]) -> list[dg.AssetCheckKey]:
    return [key for check in checks for key in check.check_keys]


user_activity_syncs = sync_checks(Sync(user_activity, jobs=("courses", *DAILY), daily=DAILY))
