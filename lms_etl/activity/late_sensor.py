"""The sensor that finds log rows which came into closed days, and asks for those days again.

Its watermark and the requests are one transaction: a look that is killed has either asked for all or is done again.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import dagster as dg
import sqlalchemy as sa

from lms_etl import clock, databases
from lms_etl.activity import late_rows
from lms_etl.activity.late_rows import State, Verdict
from lms_etl.days import LocalDay, last_complete_day, local_day
from lms_etl.run_tags import LATE
from lms_etl.sources.moodle import LateQuarter, LogLook, Moodle
from lms_etl.warehouse import queue, receipts, registry, watermarks
from lms_etl.warehouse.locks import AlreadyRunningError
from lms_etl.warehouse.receipts import Source
from lms_etl.warehouse.tables import etl_job_runs as runs
from lms_etl.warehouse.warehouse import SETTING, Warehouse
from lms_etl.warehouse.watermarks import Watermark

EVERY_SECONDS = 120
_SLACK = timedelta(minutes=5)
"""A load notes its time before it commits, perhaps by another machine's clock."""


@dg.sensor(minimum_interval_seconds=EVERY_SECONDS, default_status=dg.DefaultSensorStatus.RUNNING)
def late_rows_sensor(moodle: dg.ResourceParam[Moodle], warehouse: dg.ResourceParam[Warehouse]) -> dg.SkipReason:
    """Asks for each closed day again into which Moodle wrote log rows since it was loaded: restores, late buffers.

    Reads Moodle's log by id from a watermark on, with an overlap since ids are seen in the order of commits. Requests
    go to the registry's queue; the request sensor turns them into runs.
    """
    return dg.SkipReason(f"{look(moodle, warehouse)} Looks again in {EVERY_SECONDS // 60} min.")


def look(moodle: Moodle, warehouse: Warehouse, now: datetime | None = None) -> str:
    """One look at the log's newest rows; asks for the days that changed and returns what it saw."""
    now = now or clock.now()
    settings = moodle.settings
    with databases.plain_errors(SETTING, warehouse.url), warehouse.engine.connect() as connection:
        stored = watermarks.read(connection)
        began, reason = _beginning(connection, stored, moodle.log_end() or 0, settings.late_overlap)
        closed = local_day(last_complete_day(settings.zone, now), settings.zone)
        seen = moodle.look_at_log(began.overlap_from, began.source_max_id, settings.late_overlap, closed.end)
        known = began if stored and not reason else None
        found = _judged(connection, moodle, seen, known, now)
    busy = [verdict for verdict in found if verdict.state is State.BUSY]
    try:
        with warehouse.writing() as connection:
            _ask(connection, found)
            if not busy:
                here = Watermark(seen.through, seen.overlap_from, seen.overlap_rows, now.replace(tzinfo=None))
                watermarks.move(connection, stored, here, reason)
    except watermarks.MovedMeanwhileError:
        return "Another look at the log was under way."
    return _told(reason, began, seen, found)


def _beginning(
    connection: sa.Connection, stored: Watermark | None, log_end: int, overlap: int
) -> tuple[Watermark, str | None]:
    """The watermark to look from, and why it is not the stored one if the log is shorter than that.

    The first look starts where the newest load of any day stopped, since rows below were there to be read by it.
    """
    if stored is None:
        newest = receipts.newest_source_id(connection, "activity_counts")
        start = log_end if newest is None else min(newest, log_end)
        return Watermark(start, max(0, start - overlap), 0, registry.utc_now()), None
    if log_end < stored.source_max_id:
        reason = (
            f"Moodle's log ended at id {log_end}, below {stored.source_max_id} that was seen before: its newest rows "
            f"were deleted, or another copy was restored. The watermark was set back to {log_end}."
        )
        return Watermark(log_end, max(0, log_end - overlap), 0, stored.checked_at), reason
    return stored, None


def _judged(
    connection: sa.Connection, moodle: Moodle, seen: LogLook, known: Watermark | None, now: datetime
) -> list[Verdict]:
    """A verdict for each closed day with rows that the looks before have not settled."""
    zone, first_day = moodle.settings.zone, moodle.settings.start_date
    days = late_rows.by_day(seen.late, zone)
    loaded = receipts.sources(connection, "activity_counts", [day.date for day in days])
    fresh = {day: quarters for day, quarters in days.items() if _is_fresh(quarters, loaded.get(day.date), seen, known)}
    live = _live_runs(connection, fresh)
    rows_now = moodle.log_rows([day for day in fresh if day.date in loaded])
    verdicts = []
    for day, quarters in fresh.items():
        source = loaded.get(day.date)
        arrived = late_rows.arrival(day, quarters, source)
        state = live.get(day.date)
        verdicts.append(late_rows.judge(arrived, source, rows_now.get(day, 0), state, first_day, int(now.timestamp())))
    return verdicts


def _is_fresh(quarters: list[LateQuarter], loaded: Source | None, seen: LogLook, known: Watermark | None) -> bool:
    """Whether a day needs a look: rows beyond the watermark, a row committed late, or a load since the last look."""
    if (
        known is None
        or seen.reread != known.overlap_rows
        or any(each.last_id > known.source_max_id for each in quarters)
    ):
        return True
    return loaded is not None and loaded.loaded_at >= known.checked_at - _SLACK


def _live_runs(connection: sa.Connection, days: Iterable[LocalDay]) -> dict[date, str]:
    """RUNNING for days of which the pipeline or the counts are loaded now, QUEUED for those that wait for it."""
    keys = [registry.live_key(job, day.date) for day in days for job in ("pipeline", "activity_counts")]
    query = sa.select(runs.c.target_date, runs.c.status).where(
        runs.c.live_key.in_(keys), (runs.c.job_name == "pipeline") | (runs.c.status == "RUNNING")
    )
    found = connection.execute(query.order_by(runs.c.status)).all() if keys else []
    return dict(found)  # RUNNING sorts last, and counts.


def _ask(connection: sa.Connection, verdicts: list[Verdict]) -> None:
    for verdict in verdicts:
        if verdict.state is State.REOPENED:
            try:
                queue.request(connection, "pipeline", verdict.day, LATE, reason=verdict.reason, force=True)
            except AlreadyRunningError:
                # Asked for since the look began: that request has not read the day yet, or the next look finds it.
                continue


def _told(reason: str | None, began: Watermark, seen: LogLook, verdicts: list[Verdict]) -> str:
    ids = f"ids {began.source_max_id + 1} to {seen.through}" if seen.through > began.source_max_id else "no new id"
    changed = [verdict for verdict in verdicts if verdict.state is not State.SAME]
    found = f"rows in {len(changed)} closed days. {late_rows.told(verdicts)}" if changed else "no row in a closed day."
    return f"{reason + ' ' if reason else ''}Looked at {ids} of Moodle's log: {found}"
