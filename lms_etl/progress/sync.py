"""The sync of one company: under its lock, in one transaction, with a row of its own in progress_syncs.

A reader sees the rows before it or those after it. Whatever goes wrong, or whoever kills it, the rows, the watermark
and the change number stay as they were.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from lms_etl import clock, databases
from lms_etl.progress import companies, report, sync_log
from lms_etl.progress.companies import ProgressProblem, Subject
from lms_etl.progress.staging import Counters, Merge, Stamp, staging
from lms_etl.progress.sync_log import CHANGES, CLEANUP, CLEAR, FULL, Caller
from lms_etl.sources.moodle import Moodle
from lms_etl.sources.moodle_progress import CompanyReader, Portion
from lms_etl.warehouse import registry, tables
from lms_etl.warehouse.locks import AlreadyRunningError, locked
from lms_etl.warehouse.tables import course_progress
from lms_etl.warehouse.warehouse import SETTING, Warehouse


class SyncUnderWay(ProgressProblem):
    """Another process syncs the company."""


class SourceDisagrees(ProgressProblem):
    """The rows that were loaded are not as many as Moodle has, counted apart from them."""


@dataclass(frozen=True)
class Synced:
    """What a sync did. Moments are unix seconds; `pairs` is the source's own count, where everything was compared."""

    companyid: int
    kind: str
    counters: Counters
    changes_from: int
    through: int
    pairs: int | None = None


@dataclass
class Sync:
    """A sync that runs: what it is about, and what it has found so far."""

    warehouse: Warehouse
    connection: sa.Connection
    subject: Subject
    kind: str
    started: int
    merge: Merge
    changes_from: int = 0
    pairs: int | None = None
    of_company: dict[str, int] = field(default_factory=dict)
    """Columns of the company to set when it ends well."""

    def writing(self) -> AbstractContextManager[None]:
        """For changes inside a block that reads Moodle, whose errors would else be told as errors of Moodle's."""
        return databases.plain_errors(SETTING, self.warehouse.url)

    def rows(self, portion: Portion, courses: dict[int, str]) -> dict[str, list[Any]]:
        return report.rows(portion.facts, portion.people, courses, self.warehouse.settings.progress_parity)


def sync_company(
    warehouse: Warehouse,
    moodle: Moodle,
    companyid: int,
    kind: str,
    caller: Caller,
    hours_back: int | None = None,
    wait: float = 0,
) -> Synced:
    """Syncs one company and returns what changed.

    `kind` is changes (of which a first one compares everything), full, reconcile or cleanup. `hours_back` reads the
    changes of so many hours instead of those since the last sync. Raises SyncUnderWay if another sync of the company
    has not ended after `wait` seconds, UnknownCompany, SourceDisagrees, DatabaseProblem.
    """
    with running(warehouse, companyid, kind, caller, wait) as sync, moodle.reading() as source:
        reader = CompanyReader(moodle, source, sync.subject.company, sync.started)
        if sync.kind == CLEANUP:
            bury_strangers(sync, reader)
        elif sync.kind == CHANGES:
            take_changes(sync, reader, hours_back)
        else:
            take_everything(sync, reader)
    return Synced(companyid, sync.kind, sync.merge.counters, sync.changes_from, sync.started, sync.pairs)


def take_changes(sync: Sync, reader: CompanyReader, hours_back: int | None) -> None:
    """Loads the pairs of which something changed since the watermark, less the overlap."""
    watermark = sync.subject.synced_through
    since = watermark - sync.warehouse.settings.progress_overlap
    if hours_back is not None:
        since = sync.started - 3600 * hours_back
    sync.changes_from = max(0, since)
    courses = reader.courses()
    for pairs, portion in reader.portions_of_pairs(reader.changed_pairs(sync.changes_from)):
        found = set(zip(portion.facts["userid"].tolist(), portion.facts["courseid"].tolist(), strict=True))
        asked = zip(pairs["userid"].tolist(), pairs["courseid"].tolist(), strict=True)
        with sync.writing():
            sync.merge.take_pairs(sync.rows(portion, courses), [pair for pair in asked if pair not in found])
    # A shorter look back than to the watermark leaves a gap that only the next sync closes.
    if since <= watermark:
        sync.of_company["synced_through"] = sync.started


def take_everything(sync: Sync, reader: CompanyReader) -> None:
    """Compares every row with the source: what left no trace of a change (deletions, moves) becomes a tombstone."""
    sync.of_company |= {"synced_through": sync.started, "reconciled_through": sync.started}
    if not sync.subject.live:  # Its tables may be gone as well.
        sync.pairs = 0
        with sync.writing():
            sync.merge.counters.deleted += sync.merge.bury()
        return
    courses = reader.courses()
    for first, last, portion in reader.portions(reader.enrolled_users()):
        with sync.writing():
            sync.merge.take_range(first, last, sync.rows(portion, courses))
    sync.pairs = reader.enrolled_pairs()
    live = sa.select(sa.func.count()).where(sync.merge.of_company, sync.merge.live)
    with sync.writing():
        loaded = sync.connection.execute(live).scalar_one()
    if loaded != sync.pairs:
        what = f"Moodle has {sync.pairs} rows, {loaded} would be live"
        raise SourceDisagrees(f"Company {sync.subject.companyid}: {what}. Nothing was loaded.")


def bury_strangers(sync: Sync, reader: CompanyReader) -> None:
    """Makes tombstones of the rows whose user is no active member of the company any more."""
    stored = sa.select(course_progress.c.userid).where(sync.merge.of_company, sync.merge.live).distinct()
    members = reader.members() if sync.subject.live else set()
    with sync.writing():
        strangers = [user for user in sync.connection.execute(stored).scalars() if user not in members]
        for start in range(0, len(strangers), 1000):
            part = course_progress.c.userid.in_(strangers[start : start + 1000])
            sync.merge.counters.deleted += sync.merge.bury(part)
    sync.merge.counters.read = len(members)


def clear_company(warehouse: Warehouse, companyid: int, caller: Caller, wait: float = 0) -> Synced:
    """Deletes the rows of a company, and how far its tokens have read, so that every pull begins anew."""
    with running(warehouse, companyid, CLEAR, caller, wait) as sync:
        rows = sync.connection.execute(sa.delete(course_progress).where(sync.merge.of_company)).rowcount
        sync.merge.counters.deleted = rows
        pulls = tables.sync_status
        sync.connection.execute(sa.delete(pulls).where(pulls.c.companyid == companyid))
        sync.of_company |= {"synced_through": 0, "reconciled_through": 0}
    return Synced(companyid, CLEAR, sync.merge.counters, 0, sync.started)


@contextmanager
def running(warehouse: Warehouse, companyid: int, kind: str, caller: Caller, wait: float) -> Iterator[Sync]:
    """Lock, row of the sync, transaction and commit around the block; a failure rolls back and is recorded."""
    begin = warehouse.engine.execution_options(begin="immediate")
    with (
        databases.plain_errors(SETTING, warehouse.url),
        begin.connect() as connection,
        _lock(connection, companyid, wait),
        staging(connection),
    ):
        started = clock.now()
        subject = companies.subject(connection, companyid)
        log = sync_log.start(connection, companyid, kind, caller, started.replace(tzinfo=None))
        connection.commit()
        try:
            first = kind == CHANGES and subject.synced_through == 0
            seconds = int(started.timestamp())
            merge = Merge(connection, companyid, Stamp(seconds, subject.change_number + 1, registry.utc_now()))
            sync = Sync(warehouse, connection, subject, FULL if first else kind, seconds, merge)
            yield sync
            _close(sync, log)
            connection.commit()
        except BaseException as error:
            _record_failure(warehouse, connection, log, error)
            raise


def _close(sync: Sync, log: int) -> None:
    """Writes the counters, the watermark, and the next change number if there was a change."""
    counters = sync.merge.counters
    sync_log.succeed(sync.connection, log, sync.kind, counters, sync.changes_from, sync.started)
    values: dict[str, Any] = dict(sync.of_company)
    if counters.changed:
        values["change_number"] = sync.merge.stamp.change_number
    if values:
        of_company = tables.companies.c.companyid == sync.subject.companyid
        sync.connection.execute(sa.update(tables.companies).where(of_company).values(values))


def _record_failure(warehouse: Warehouse, connection: sa.Connection, log: int, error: BaseException) -> None:
    """The failure must not hide behind a second one: a warehouse that is gone cannot be told."""
    with suppress(sa.exc.DBAPIError):
        connection.rollback()
        reason = str(error) or type(error).__name__
        if isinstance(error, sa.exc.DBAPIError):
            reason = databases.explain(error, SETTING, warehouse.url)
        sync_log.fail(connection, log, reason)
        connection.commit()


@contextmanager
def _lock(connection: sa.Connection, companyid: int, wait: float) -> Iterator[None]:
    """The company's lock. Raises SyncUnderWay if it is held."""
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(connection, f"progress:{companyid}", wait))
        except AlreadyRunningError:
            raise SyncUnderWay(
                f"Another sync of company {companyid} is under way. Wait for it; `lms-etl progress status` shows it."
            ) from None
        yield
