"""The rows of progress_syncs: one for each company and sync, whatever became of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from lms_etl.progress.staging import Counters
from lms_etl.warehouse import registry
from lms_etl.warehouse.tables import progress_syncs as syncs

RUNNING, SUCCESS, FAILED, POSTPONED = "running", "success", "failed", "postponed"
LOOKED_BACK_DAYS = 7
CHANGES, FULL, RECONCILE, CLEANUP, CLEAR = "changes", "full", "reconcile", "cleanup", "clear"


@dataclass(frozen=True)
class Caller:
    """On whose behalf a sync happens."""

    trigger: str = "cli"
    dagster_run_id: str | None = None


def start(connection: sa.Connection, companyid: int, kind: str, caller: Caller, started: datetime) -> int:
    """Adds the running row of a sync and returns its id. The caller holds the company's lock, so any other is dead."""
    dead = sa.update(syncs).where(syncs.c.companyid == companyid, syncs.c.status == RUNNING)
    connection.execute(dead.values(status=FAILED, completed_at=started, error=registry.DIED))
    row = {"kind": kind, "status": RUNNING, "started_at": started}
    return _add(connection, companyid, caller, row)


def succeed(
    connection: sa.Connection, sync: int, kind: str, counters: Counters, changes_from: int, changes_through: int
) -> None:
    """Closes the row; belongs into the transaction that changes the rows."""
    connection.execute(
        sa.update(syncs)
        .where(syncs.c.id == sync)
        .values(
            kind=kind,
            status=SUCCESS,
            completed_at=registry.utc_now(),
            changes_from=changes_from,
            changes_through=changes_through,
            rows_read=counters.read,
            rows_created=counters.created,
            rows_updated=counters.updated,
            rows_deleted=counters.deleted,
        )
    )


def fail(connection: sa.Connection, sync: int, error: str) -> None:
    closed = {"status": FAILED, "completed_at": registry.utc_now(), "error": error}
    connection.execute(sa.update(syncs).where(syncs.c.id == sync).values(closed))


def postpone(connection: sa.Connection, companyid: int, kind: str, caller: Caller, why: str) -> None:
    """Adds the row of a company that a sync did not come to."""
    now = registry.utc_now()
    row = {"kind": kind, "status": POSTPONED, "started_at": now, "completed_at": now, "error": why}
    _add(connection, companyid, caller, row)


def last_was_postponed(connection: sa.Connection) -> set[int]:
    """Ids of the companies whose newest sync of the last days was postponed."""
    lately = registry.utc_now() - timedelta(days=LOOKED_BACK_DAYS)
    newest = sa.select(sa.func.max(syncs.c.id)).where(syncs.c.started_at >= lately).group_by(syncs.c.companyid)
    found = sa.select(syncs.c.companyid).where(syncs.c.id.in_(newest), syncs.c.status == POSTPONED)
    return set(connection.execute(found).scalars())


def forget(connection: sa.Connection, before: datetime) -> int:
    """Deletes the rows of syncs that ended before a moment (UTC), but for each company's newest; returns how many."""
    newest = list(connection.scalars(sa.select(sa.func.max(syncs.c.id)).group_by(syncs.c.companyid)))
    old = sa.delete(syncs).where(syncs.c.completed_at < before, syncs.c.id.not_in(newest))
    return connection.execute(old).rowcount


def _add(connection: sa.Connection, companyid: int, caller: Caller, row: dict[str, object]) -> int:
    who = {"companyid": companyid, "trigger": caller.trigger, "dagster_run_id": caller.dagster_run_id}
    added = connection.execute(sa.insert(syncs).values({**who, **row}))
    return int(added.inserted_primary_key[0])  # type: ignore[index]
