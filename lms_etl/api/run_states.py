"""What the registry says about runs, in the documented words: the state of each step, one run, the latest ones."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from lms_etl.warehouse import queue
from lms_etl.warehouse.registry import STEPS, WORDS
from lms_etl.warehouse.tables import Moment
from lms_etl.warehouse.tables import etl_job_runs as runs

SCHEDULER = sa.table(
    "log_scheduler",
    *(sa.column(name) for name in ("id", "batch_name", "offset", "numrow", "status", "limit_size", "error_details")),
    *(sa.column(name, Moment) for name in ("start_date", "end_date", "created_at")),
    sa.column("target_date", sa.Date),
)
"""The view with the documented names and codes."""


def second(moment: datetime | None) -> str | None:
    """A moment as the documents write it, `2024-01-15 10:30:00`, UTC."""
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment else None


def status(connection: sa.Connection, admin: bool) -> dict[str, Any]:
    """Whether anything runs, how the last run ended, and the last run of each step, whoever started it.

    Errors and numbers of rows are about the whole site: only an admin is told them.
    """
    live = connection.execute(
        sa.select(runs.c.status).where(runs.c.live_key > "", runs.c.job_name.in_(STEPS)).distinct()
    ).scalars()
    statuses = set(live)
    ended = _newest(connection, runs.c.job_name.in_(STEPS), runs.c.live_key.is_(None))
    current = next((each for each in ("RUNNING", "QUEUED") if each in statuses), ended and ended["status"])
    steps = {step: _newest(connection, runs.c.job_name == step) for step in STEPS}
    return {
        "isRunning": "RUNNING" in statuses,
        "lastRun": second(ended["started_at"] or ended["requested_at"]) if ended else None,
        "lastStatus": WORDS[ended["status"] if ended else None],
        "currentStatus": WORDS[current],
        "steps": {step: _step(row, admin) for step, row in steps.items()},
    }


def _newest(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> Any:
    query = sa.select(runs).where(*conditions).order_by(runs.c.id.desc()).limit(1)
    return connection.execute(query).mappings().first()


def _step(row: Any, admin: bool) -> dict[str, Any]:
    if row is None:
        return {"status": WORDS[None]}
    told = {
        "status": WORDS[row["status"]],
        "date": _iso(row["target_date"]),
        "trigger": row["trigger"],
        "started_at": second(row["started_at"]),
        "completed_at": second(row["completed_at"]),
        "duration_seconds": _float(row["duration_seconds"]),
    }
    if admin:
        told |= {"id": row["id"], "numrow": row["numrow"], "error": row["error"]}
    return told


def run(connection: sa.Connection, number: int) -> dict[str, Any]:
    """One run with its progress and, if it is one of several steps, its loads. Raises UnknownRun."""
    row = _newest(connection, runs.c.id == number)
    if row is None:
        raise queue.UnknownRun(f"The registry has no run {number}.")
    loads: list[Any] = []
    if row["dagster_run_id"]:
        together = sa.select(runs).where(runs.c.dagster_run_id == row["dagster_run_id"], runs.c.id != number)
        loads = list(connection.execute(together.order_by(runs.c.id).limit(1000)).mappings())
    return described(row) | {"steps": [described(each) for each in loads]}


def described(row: Any) -> dict[str, Any]:
    """A row of the registry, for an admin."""
    done, total = row["progress_offset"], row["numrow"]
    ended_well = row["status"] in ("SUCCESS", "SKIPPED")
    return {
        "id": row["id"],
        "job": row["job_name"],
        "date": _iso(row["target_date"]),
        "status": WORDS[row["status"]],
        "state": row["status"],
        "trigger": row["trigger"],
        "attempt": row["attempt"],
        "progress": {
            "offset": done,
            "numrow": total,
            "percent": 100 if ended_well else min(99, done * 100 // total) if total else 0,
        },
        "rows": {name: row[f"rows_{name}"] for name in ("read", "inserted", "updated", "deleted", "rejected")},
        "requested_at": second(row["requested_at"]),
        "started_at": second(row["started_at"]),
        "completed_at": second(row["completed_at"]),
        "stop_requested_at": second(row["stop_requested_at"]),
        "duration_seconds": _float(row["duration_seconds"]),
        "reason": row["reason"],
        "error": row["error"],
    }


def logs(connection: sa.Connection, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
    """A page of the registry, newest first, and how many rows it has in all."""
    total = connection.execute(sa.select(sa.func.count()).select_from(runs)).scalar_one()
    page = connection.execute(sa.select(runs).order_by(runs.c.id.desc()).limit(limit).offset(offset)).mappings()
    return [described(row) for row in page], int(total)


def scheduler(connection: sa.Connection, limit: int) -> list[dict[str, Any]]:
    """The newest rows of log_scheduler with its codes: 4 queued, 2 in progress, 1 finished, 3 failed."""
    found = connection.execute(sa.select(SCHEDULER).order_by(SCHEDULER.c.id.desc()).limit(limit)).mappings()
    return [{name: _plain(value) for name, value in row.items()} for row in found]


def _plain(value: Any) -> Any:
    return second(value) if isinstance(value, datetime) else _iso(value) if isinstance(value, date) else value


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _float(number: Any) -> float | None:
    return None if number is None else float(number)
