"""The run registry: one row for every run of every job and day, with its state, progress, counters and error.

The row is the proof that a day was loaded: it turns SUCCESS in the same transaction that changes the facts.
"""

from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from lms_etl import clock
from lms_etl.warehouse.locks import already_running, is_free
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

STEPS = ("pipeline", "courses", "activity_counts", "user_counts", "main_etl", "user_activity")
"""The documented jobs of system 1 and their loads, in the order in which they run."""

DIED = "The process that ran it ended without a word."

# Made once: building a statement anew for each of a year's loads costs more than sending it.
_ATTEMPTS = sa.select(sa.func.count()).where(
    runs.c.job_name == sa.bindparam("job"),
    runs.c.target_date == sa.bindparam("day"),
    runs.c.status.not_in(("SKIPPED", "MISSED")),
)
_ATTEMPTS_ALL = sa.select(sa.func.count()).where(runs.c.job_name == sa.bindparam("job"), runs.c.target_date.is_(None))
_LIVE = sa.select(runs.c.id, runs.c.status).where(runs.c.live_key == sa.bindparam("key"))
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
    forced: bool = False
    late: bool = False
    """Whether the window of the day that is loaded was closed."""
    reason: str | None = None
    """Why it was asked for."""


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
    return clock.now().replace(tzinfo=None)


def start(
    connection: sa.Connection, job: str, day: date | None, caller: Caller, batch: int, own: int | None = None
) -> int:
    """Makes the row of a load RUNNING and returns its id. The caller holds the lock of (job, day).

    `own` is the live row that the whole run holds already, if this load is all that its job does. A request that waits
    is taken over, since the load does what was asked for. Any other live row was left by a process that died: it is
    failed. Raises AlreadyRunningError if a run of this job has taken its row and is about to load.
    """
    try:
        return _start(connection, job, day, caller, batch, own)
    except sa.exc.IntegrityError:  # A request came in between the look and the insertion.
        connection.rollback()
        return _start(connection, job, day, caller, batch, own)


def _start(connection: sa.Connection, job: str, day: date | None, caller: Caller, batch: int, own: int | None) -> int:
    now = utc_now()
    key = live_key(job, day)
    before = attempts(connection, job, day)
    live = connection.execute(_LIVE, {"key": key}).first() if before else None
    running = {
        "status": "RUNNING",
        "limit_size": batch,
        "dagster_run_id": caller.dagster_run_id,
        "root_run_id": caller.root_run_id,
        "late": int(caller.late),
        "heartbeat_at": now,
        "started_at": now,
    }
    if live and (live.id == own or live.status == "QUEUED"):
        still_live = _CHANGE.where(runs.c.live_key == key)
        if connection.execute(still_live, {"run": live.id, "numrow": 0, **running}).rowcount:
            return int(live.id)
    elif live:
        if not is_free(connection, f"run:{key}"):
            raise already_running(key)
        connection.execute(_BURIAL, {"key": key, "now": now, "cause": DIED})
    row = connection.execute(
        _INSERTION,
        {
            "job_name": job,
            "target_date": day,
            "trigger": caller.trigger,
            "live_key": key,
            "attempt": before + 1,
            "forced": int(caller.forced),
            "reason": caller.reason,
            "requested_at": now,
            **running,
        },
    )
    return int(row.inserted_primary_key[0])  # type: ignore[index]


def attempts(connection: sa.Connection, job: str, day: date | None) -> int:
    """How many rows a job and day has, however they ended."""
    of_this = {"job": job} if day is None else {"job": job, "day": day}
    return int(connection.execute(_ATTEMPTS_ALL if day is None else _ATTEMPTS, of_this).scalar_one())


def close_without_load(
    connection: sa.Connection, job: str, day: date, caller: Caller, status: str, reason: str
) -> None:
    """Adds the row of a day that was SKIPPED, or of a window that was MISSED, which is an error too."""
    now = utc_now()
    row = {
        "job_name": job,
        "target_date": day,
        "trigger": caller.trigger,
        "status": status,
        "dagster_run_id": caller.dagster_run_id,
        "root_run_id": caller.root_run_id,
        "requested_at": now,
        "completed_at": now,
        "late": int(caller.late),
        "reason": reason,
        "error": reason if status == "MISSED" else None,
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


def stopped(connection: sa.Connection, run: int, started: datetime, reason: str) -> None:
    """Turns the row STOPPED, as somebody asked."""
    _close(connection, run, started, status="STOPPED", reason=reason)


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
