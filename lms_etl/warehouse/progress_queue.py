"""Asking for a sync of course progress: a QUEUED row of the registry, which a sensor turns into a run in Dagster.

A row's `live_key` says what is asked for, `course_progress:<kind>:<company or all>:<hours back or ->`, so that the same
is queued or running once, however many ask.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from lms_etl.warehouse import registry
from lms_etl.warehouse.locks import AlreadyRunningError
from lms_etl.warehouse.tables import etl_job_runs as runs

JOB = "course_progress"
KINDS = {
    "changes": "what changed since the last sync",
    "full": "every row",
    "reconcile": "every row compared with the source",
    "cleanup": "rows of people who have left",
}
"""What can be asked for."""

MOST_HOURS = 8760


@dataclass(frozen=True)
class Wanted:
    """A sync: its kind, a company or all that are due, and hours of changes instead of those since the last sync."""

    kind: str
    company: int | None = None
    hours_back: int | None = None

    @property
    def key(self) -> str:
        return f"{JOB}:{self.kind}:{self.company or 'all'}:{self.hours_back or '-'}"

    @classmethod
    def read(cls, key: str) -> "Wanted":
        """What a live_key asks for. Raises ValueError for another one."""
        _, kind, company, hours = key.split(":")
        if kind not in KINDS:
            raise ValueError(f"{key} asks for no known kind of sync")
        return cls(kind, None if company == "all" else int(company), None if hours == "-" else int(hours))


def request(connection: sa.Connection, wanted: Wanted, trigger: str, reason: str) -> int:
    """Queues a sync and returns the number of its row. The caller commits.

    Raises AlreadyRunningError if the same is queued or running, ValueError for what cannot be asked for.
    """
    if wanted.kind not in KINDS:
        raise ValueError(f"There is no kind of sync '{wanted.kind}'; the kinds are {', '.join(KINDS)}.")
    if wanted.hours_back is not None and (wanted.kind != "changes" or not 1 <= wanted.hours_back <= MOST_HOURS):
        raise ValueError(f"Hours back go with changes only, from 1 to {MOST_HOURS}.")
    row = {
        "job_name": JOB,
        "trigger": trigger,
        "status": "QUEUED",
        "live_key": wanted.key,
        "requested_at": registry.utc_now(),
        "reason": reason,
    }
    try:
        with connection.begin_nested():
            added = connection.execute(sa.insert(runs), row)
    except sa.exc.IntegrityError:
        raise AlreadyRunningError("The same sync is queued or running already; wait for it.") from None
    return int(added.inserted_primary_key[0])  # type: ignore[index]


def live(connection: sa.Connection) -> list[Any]:
    """Requests that wait or run, oldest first."""
    query = sa.select(runs).where(runs.c.live_key > "", runs.c.job_name == JOB).order_by(runs.c.id + 0)
    return list(connection.execute(query).mappings())


def latest(connection: sa.Connection, most: int) -> list[Any]:
    """The newest requests, whatever became of them."""
    query = sa.select(runs).where(runs.c.job_name == JOB).order_by(runs.c.id.desc()).limit(most)
    return list(connection.execute(query).mappings())
