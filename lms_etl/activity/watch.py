"""What Dagster and the warehouse know of a day, read for the window sensor."""

import json
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import dagster as dg
import sqlalchemy as sa

from lms_etl.activity.window import Seen
from lms_etl.days import last_complete_day
from lms_etl.run_tags import AUTOMATIC, PARTITION_TAG, TRIGGER_TAG, days_of_tags
from lms_etl.runs import DAILY
from lms_etl.warehouse import queue, receipts, registry
from lms_etl.warehouse.receipts import FINISHING_STEP
from lms_etl.warehouse.tables import etl_days, etl_job_runs
from lms_etl.warehouse.warehouse import Warehouse

JOB = "user_activity_job"
SILENT_MINUTES = 10
"""A row of the registry without a sign of life for so long belongs to nobody."""
ERROR_LENGTH = 200
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass
class Watch:
    """What Dagster and the warehouse know of days, read with few queries however long the history is."""

    instance: dg.DagsterInstance
    warehouse: Warehouse

    def __post_init__(self) -> None:
        self.settings = self.warehouse.settings
        self.zone = self.settings.zone

    def first_day(self, cursor: str | None) -> date:
        """The oldest day that is not settled.

        Without a cursor the day after the last watched one, whose window was met or missed; in a warehouse without any
        the last complete day: what happened before somebody watched was not missed.
        """
        if cursor:
            newest: date | None = date.fromisoformat(json.loads(cursor)["settled_through"])
        else:
            with self.warehouse.reading() as connection:
                newest = receipts.last_watched(connection, FINISHING_STEP)
        first = newest + timedelta(days=1) if newest else last_complete_day(self.zone)
        return max(first, self.settings.start_date)

    def seen(self, days: Sequence[date]) -> list[Seen]:
        """What is known of the days, in order."""
        if not days:
            return []
        with self.warehouse.reading() as connection:
            found = receipts.between(connection, FINISHING_STEP, days[0], days[-1])
        failed = self.failures(PARTITION_TAG, [day for day in days if day not in found], AUTOMATIC)
        return [self._seen(day, found.get(day), failed.get(day, ())) for day in days]

    def _seen(self, day: date, receipt: Any, failed: tuple[datetime, ...]) -> Seen:
        if receipt is not None:
            return Seen(day, settled=receipt.state or "loaded")
        return Seen(day, None, self.live_run([day]), failed, self._error(day) if failed else "")

    def failures(
        self, tag: str, days: Sequence[date], triggers: Container[str | None]
    ) -> dict[date, tuple[datetime, ...]]:
        """When runs of the pipeline whose tag names one of the days ended without loading it, oldest first."""
        if not days:
            return {}
        asked = dg.RunsFilter(job_name=JOB, tags={tag: [day.isoformat() for day in days]})
        ended: dict[date, list[float]] = {}
        for record in self.instance.get_run_records(asked, limit=1000):
            tags = record.dagster_run.tags
            if record.dagster_run.is_finished and tags.get(TRIGGER_TAG) in triggers:
                seconds = record.end_time or record.update_timestamp.timestamp()
                ended.setdefault(date.fromisoformat(tags[tag]), []).append(seconds)
        return {
            day: tuple(datetime.fromtimestamp(each, tz=UTC) for each in sorted(seconds))
            for day, seconds in ended.items()
        }

    def runs_of(self, tag: str, day: date) -> int:
        """How many runs of the pipeline have the day in this tag. Their keys are used."""
        return self.instance.get_runs_count(dg.RunsFilter(job_name=JOB, tags={tag: day.isoformat()}))

    def _error(self, day: date) -> str:
        runs = etl_job_runs.c
        failed = (runs.job_name.in_(DAILY), runs.target_date == day, runs.status == "FAILED")
        query = sa.select(runs.error).where(*failed).order_by(runs.id.desc()).limit(1)
        with self.warehouse.reading() as connection:
            return " ".join(str(connection.execute(query).scalar() or "").split())[:ERROR_LENGTH]

    def live_run(self, days: Sequence[date]) -> str | None:
        """A run in Dagster, or a row of the registry that gives signs of life, that is about one of the days."""
        for run in self._unfinished_runs:
            ends = days_of_tags(run.tags)
            if ends and any(ends[0] <= day <= ends[1] for day in days):
                return f"run {run.run_id[:8]}"
        keys = {f"{job}:{day}": job for day in days for job in (*queue.JOBS, *DAILY)}
        for key, status, number in self._live_rows:
            if key in keys:
                return f"registry run {number} ({keys[key]}, {status})"
        return None

    @cached_property
    def _unfinished_runs(self) -> list[dg.DagsterRun]:
        return list(self.instance.get_runs(dg.RunsFilter(statuses=UNFINISHED), limit=1000))

    @cached_property
    def _live_rows(self) -> list[tuple[str, str, int]]:
        runs = etl_job_runs.c
        sign = sa.func.coalesce(runs.heartbeat_at, runs.requested_at)
        silent = registry.utc_now() - timedelta(minutes=SILENT_MINUTES)
        query = sa.select(runs.live_key, runs.status, runs.id).where(runs.live_key.is_not(None), sign >= silent)
        with self.warehouse.reading() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(query)]

    def record_misses(self, reasons: dict[date, str]) -> None:
        """Notes each missed day once, in its receipt and as a row of the registry."""
        if not reasons:
            return
        now, caller = registry.utc_now(), registry.Caller("sensor", late=True)
        with self.warehouse.writing() as connection:
            for day, reason in reasons.items():
                if receipts.record_miss(connection, FINISHING_STEP, day, now, reason):
                    registry.close_without_load(connection, FINISHING_STEP, day, caller, "MISSED", reason)

    def missed_days(self) -> list[date]:
        """Days whose window was missed and that are not loaded since, oldest first."""
        days = etl_days.c
        of_missed = (
            days.job_name == FINISHING_STEP,
            days.state == "missed",
            days.target_date >= self.settings.start_date,
        )
        query = sa.select(days.target_date).where(*of_missed).order_by(days.target_date).limit(366)
        with self.warehouse.reading() as connection:
            return [row[0] for row in connection.execute(query)]
