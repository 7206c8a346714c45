"""Which companies there are, which of them are synced, and in which order."""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from lms_etl.progress import sync_log
from lms_etl.settings import Settings
from lms_etl.sources.moodle_progress import IOMAD, Company
from lms_etl.warehouse import registry, tables
from lms_etl.warehouse.warehouse import Warehouse

_SETTINGS = tables.company_settings


class ProgressProblem(Exception):
    """A sync cannot be done as asked; the message is all there is to tell."""


class UnknownCompany(ProgressProblem):
    """No company has that id."""


@dataclass(frozen=True)
class Subject:
    """A company as the warehouse holds it. Moments are unix seconds, 0 for never."""

    company: Company
    live: bool
    synced_through: int
    change_number: int
    configured: bool
    """Whether it has any setting of its own."""
    enabled: bool
    postponed: bool = False
    """Whether the last sync did not come to it."""

    @property
    def companyid(self) -> int:
        return self.company.companyid


def refresh(warehouse: Warehouse, found: list[Company]) -> dict[str, int]:
    """Makes the table equal to the companies of the source and returns how many were added, changed and gone.

    One that is gone, is back or became something else is synced from the start again: its rows become tombstones, or
    are compared one and all.
    """
    table, now = tables.companies, registry.utc_now()
    added = changed = gone = 0
    with warehouse.writing() as connection:
        stored = {row.companyid: row for row in connection.execute(sa.select(table))}
        for company in found:
            values = {"shortname": company.shortname, "name": company.name, "origin": company.origin, "live": 1}
            before = stored.pop(company.companyid, None)
            if before is None:
                added += 1
                fresh = {"companyid": company.companyid, "created_at": now, "updated_at": now, **values}
                connection.execute(sa.insert(table).values(fresh))
            elif any(getattr(before, name) != value for name, value in values.items()):
                changed += 1
                if before.origin != company.origin or not before.live:
                    values["synced_through"] = 0
                _change(connection, company.companyid, updated_at=now, **values)
        for row in stored.values():
            if row.live:
                gone += 1
                _change(connection, row.companyid, updated_at=now, live=0, synced_through=0)
    return {"added": added, "changed": changed, "gone": gone}


def subjects(connection: sa.Connection) -> list[Subject]:
    """All companies, by id."""
    return _subjects(connection, sa.true(), sync_log.last_was_postponed(connection))


def subject(connection: sa.Connection, companyid: int) -> Subject:
    """One company. Raises UnknownCompany."""
    for each in _subjects(connection, tables.companies.c.companyid == companyid, set()):
        return each
    raise UnknownCompany(f"There is no company {companyid}. `lms-etl progress status` lists them.")


def _subjects(connection: sa.Connection, which: sa.ColumnElement[bool], postponed: set[int]) -> list[Subject]:
    """The companies, whether they have a setting, and whether one switches them off."""
    company, setting = tables.companies.c, _SETTINGS.c
    of_it = setting.companyid == company.companyid
    configured = sa.exists().where(of_it)
    off = sa.exists().where(of_it, setting.setting_name == "enabled", setting.setting_value == 0)
    query = sa.select(tables.companies, configured.label("configured"), off.label("off")).where(which)
    return [
        Subject(
            Company(row.companyid, row.shortname, row.name, row.origin),
            bool(row.live),
            row.synced_through,
            row.change_number,
            bool(row.configured),
            not row.off,
            row.companyid in postponed,
        )
        for row in connection.execute(query.order_by(company.companyid))
    ]


def due(found: Iterable[Subject], settings: Settings) -> list[Subject]:
    """The companies that the hourly sync is about, in its order.

    As documented, a company of IOMAD is synced once it has a setting. One that is gone is synced once more.
    """
    chosen = [each for each in found if _is_due(each, settings.progress_unconfigured)]
    return in_order(chosen)


def in_order(found: Iterable[Subject]) -> list[Subject]:
    """Those that the last sync did not come to first, then the one that waits for longest."""
    return sorted(found, key=lambda each: (not each.postponed, each.synced_through, each.companyid))


def _is_due(subject: Subject, unconfigured: bool) -> bool:
    if not subject.live:
        return subject.synced_through == 0
    return subject.enabled and (subject.configured or unconfigured or subject.company.origin != IOMAD)


def _change(connection: sa.Connection, companyid: int, **values: object) -> None:
    connection.execute(sa.update(tables.companies).where(tables.companies.c.companyid == companyid).values(values))
