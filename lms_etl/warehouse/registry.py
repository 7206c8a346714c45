"""The run registry: one row for every run of every job and day, with its state, progress, counters and error.

The row is the proof that a day was loaded: it turns SUCCESS in the same transaction that changes the facts.
"""

from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from lms_etl.warehouse.tables import etl_job_runs as runs

WORDS = {
    None: "not_started",
    "QUEUED": "queued",
    "RUNNING": "running",
    "SUCCESS": "completed",
    "SKIPPED": "completed",
    "FAILED": "failed",
    "MISSED": "failed",
    "STOPPED": "failed",
}
"""The documented status words of system 1, by the registry's status."""


DIED = "The process that ran it ended without a word."

# Made once: building a statement anew for each of a year's loads costs more than sending it.
_ATTEMPTS = sa.select(sa.func.count()).where(
    runs.c.job_name == sa.bindparam("job"), runs.c.target_date == sa.bindparam("day")
)
_ATTEMPTS_ALL = sa.select(sa.func.count()).where(runs.c.job_name == sa.bindparam("job"), runs.c.target_date.is_(None))
_INSERTION = sa.insert(runs)
_CHANGE = sa.update(runs).where(runs.c.id == sa.bindparam("run"))
_BURIAL = (
    sa.update(runs)
    .where(runs.c.live_key == sa.bindparam("key"))
    .values(status="FAILED", live_key=None, completed_at=sa.bindparam("now"), error=sa.bindparam("cause"))
)


@dataclass(frozen=True)
class Caller:
    """On whose behalf a run happens: what triggered it, and which run in Dagster it belongs to."""

    trigger: str = "cli"
    dagster_run_id: str | None = None
    root_run_id: str | None = None


@dataclass
class Counters:
    """Rows of one load. `read` counts at the source; the others count what changed in the warehouse."""

    read: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    rejected: int = 0
    source_max_id: int | None = field(default=None)


def utc_now() -> datetime:
    """The present in UTC as the tables hold it: without an offset, since all of them are UTC."""
    return datetime.now(tz=UTC).replace(tzinfo=None)


def start(connection: sa.Connection, job: str, day: date | None, caller: Caller, batch: int) -> int:
    """Adds a RUNNING row and returns its id; a live row left by a process that died is failed first.

    The caller holds the lock of (job, day), so a live row that is found belongs to nobody any more.
    """
    now = utc_now()
    key = live_key(job, day)
    of_this = {"job": job} if day is None else {"job": job, "day": day}
    attempts = connection.execute(_ATTEMPTS_ALL if day is None else _ATTEMPTS, of_this).scalar_one()
    if attempts:
        connection.execute(_BURIAL, {"key": key, "now": now, "cause": DIED})
    row = connection.execute(
        _INSERTION,
        {
            "job_name": job,
            "target_date": day,
            "trigger": caller.trigger,
            "status": "RUNNING",
            "live_key": key,
            "attempt": attempts + 1,
            "limit_size": batch,
            "dagster_run_id": caller.dagster_run_id,
            "root_run_id": caller.root_run_id,
            "heartbeat_at": now,
            "requested_at": now,
            "started_at": now,
        },
    )
    return int(row.inserted_primary_key[0])  # type: ignore[index]


def skip(connection: sa.Connection, job: str, day: date, caller: Caller, reason: str) -> None:
    """Adds a SKIPPED row: the day was asked for and keeps what it has, for the reason given."""
    now = utc_now()
    attempts = connection.execute(_ATTEMPTS, {"job": job, "day": day}).scalar_one()
    row = {
        "job_name": job,
        "target_date": day,
        "trigger": caller.trigger,
        "status": "SKIPPED",
        "attempt": attempts + 1,
        "reason": reason,
        "dagster_run_id": caller.dagster_run_id,
        "root_run_id": caller.root_run_id,
        **dict.fromkeys(("heartbeat_at", "requested_at", "started_at", "completed_at"), now),
        "duration_seconds": 0,
    }
    connection.execute(_INSERTION, row)


def live_key(job: str, day: date | None) -> str:
    """The value of the unique column that lets only one run of a job and day be queued or running."""
    return f"{job}:{day or 'all'}"


def progress(connection: sa.Connection, run: int, offset: int, numrow: int) -> None:
    """Writes how many rows of how many are loaded; the write is a sign of life as well."""
    values = {"progress_offset": offset, "numrow": numrow, "heartbeat_at": utc_now()}
    connection.execute(_CHANGE, {"run": run, **values})


def succeed(connection: sa.Connection, run: int, started: datetime, rows: int, counters: Counters) -> datetime:
    """Turns the row SUCCESS with its counters and returns when; belongs into the transaction that changes the facts."""
    columns = {f"rows_{name}": value for name, value in asdict(counters).items() if name != "source_max_id"}
    return _close(
        connection,
        run,
        started,
        status="SUCCESS",
        progress_offset=rows,
        numrow=rows,
        source_max_id=counters.source_max_id,
        **columns,
    )


def fail(connection: sa.Connection, run: int, started: datetime, error: str) -> None:
    """Turns the row FAILED with its reason."""
    _close(connection, run, started, status="FAILED", error=error)


def _close(connection: sa.Connection, run: int, started: datetime, **values: Any) -> datetime:
    now = utc_now()
    duration = round((now - started).total_seconds(), 3)
    closed = {"live_key": None, "heartbeat_at": now, "completed_at": now, "duration_seconds": duration}
    connection.execute(_CHANGE, {"run": run, **closed, **values})
    return now


def loaded_by(connection: sa.Connection, job: str, days: list[date], root_run_id: str) -> dict[date, int]:
    """Of the days asked for, those that runs of one lineage in Dagster loaded, with the id of the newest run."""
    if not days:
        return {}
    query = sa.select(runs.c.target_date, sa.func.max(runs.c.id)).where(
        runs.c.job_name == job,
        runs.c.status == "SUCCESS",
        runs.c.target_date.between(min(days), max(days)),
        runs.c.root_run_id == root_run_id,
    )
    found = dict(connection.execute(query.group_by(runs.c.target_date)).all())
    return {day: found[day] for day in days if day in found}


def latest(connection: sa.Connection, limit: int = 20) -> list[dict[str, Any]]:
    """The newest rows of the registry, newest first."""
    rows = connection.execute(sa.select(runs).order_by(runs.c.id.desc()).limit(limit))
    return [dict(row) for row in rows.mappings()]
