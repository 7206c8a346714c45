"""A round over the companies: the order, the time budget, and what became of each."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from lms_etl.progress import companies, sync_log
from lms_etl.progress.companies import Subject
from lms_etl.progress.sync import Synced, SyncUnderWay, sync_company
from lms_etl.progress.sync_log import CHANGES, RECONCILE, Caller
from lms_etl.sources import moodle_progress
from lms_etl.sources.moodle import Moodle
from lms_etl.warehouse import registry
from lms_etl.warehouse.warehouse import Warehouse

RESERVE_SECONDS = 30
"""Before the end of the time no other company is begun, as documented."""

WAIT_SECONDS = 30
"""How long a round waits for somebody else's sync of a company."""

BUSY = "Another sync of it was under way"


@dataclass
class Round:
    """What a round did: each company is in one of the three."""

    synced: list[Synced] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    postponed: dict[int, str] = field(default_factory=dict)


def chosen(warehouse: Warehouse, moodle: Moodle, only: list[int], kind: str) -> list[Subject]:
    """The companies of a round, in its order, after a look at which there are now.

    Those named in `only`, else those that the hourly sync is about. Raises UnknownCompany, NoCompanies.
    """
    companies.refresh(warehouse, moodle_progress.companies(moodle))
    with warehouse.reading() as connection:
        if only:
            return companies.in_order(companies.subject(connection, each) for each in only)
        found = companies.subjects(connection)
    return companies.due(found, warehouse.settings) if kind == CHANGES else companies.in_order(found)


def go_round(
    warehouse: Warehouse,
    moodle: Moodle,
    subjects: list[Subject],
    kind: str,
    caller: Caller,
    *,
    seconds: float | None = None,
    hours_back: int | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> Round:
    """Syncs the companies one after the other. One that fails does not keep the others from theirs.

    With `seconds`, those that are not begun 30 seconds before their end are postponed, and come first next time.
    """
    ended = Round()
    began = time.monotonic()
    for subject in subjects:
        companyid = subject.companyid
        if seconds is not None and time.monotonic() - began > seconds - RESERVE_SECONDS:
            _postpone(warehouse, ended, companyid, kind, caller, f"The {seconds:g} seconds of the sync ran out before")
            continue
        try:
            done = sync_company(warehouse, moodle, companyid, kind, caller, hours_back, WAIT_SECONDS)
        except SyncUnderWay:
            _postpone(warehouse, ended, companyid, kind, caller, BUSY)
        except Exception as error:  # Whatever it is, it must not keep the others from their sync.
            ended.failed[companyid] = str(error) or type(error).__name__
            tell(f"Company {companyid} failed: {error}")
        else:
            ended.synced.append(done)
            counted = done.counters
            tell(
                f"Company {companyid}: {counted.read} rows read, {counted.created} created, {counted.updated} updated, "
                f"{counted.deleted} deleted"
            )
    if kind == RECONCILE:
        _forget_old_syncs(warehouse)
    return ended


def _forget_old_syncs(warehouse: Warehouse) -> None:
    """Deletes the rows of syncs older than ETL_RUN_RETENTION_DAYS."""
    days = warehouse.settings.run_retention_days
    if days:
        with warehouse.writing() as connection:
            sync_log.forget(connection, registry.utc_now() - timedelta(days=days))


def _postpone(warehouse: Warehouse, ended: Round, companyid: int, kind: str, caller: Caller, why: str) -> None:
    with warehouse.writing() as connection:
        sync_log.postpone(connection, companyid, kind, caller, why)
    ended.postponed[companyid] = why
