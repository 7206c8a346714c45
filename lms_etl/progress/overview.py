"""One line for each company: its rows, its last sync, and whether the hourly sync is about it."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from lms_etl.progress import companies, sync_log
from lms_etl.settings import Settings
from lms_etl.warehouse.tables import course_progress, progress_syncs
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl.window import aware, local_text


@dataclass(frozen=True)
class Line:
    """What is shown of a company, and the error of its last sync."""

    companyid: int
    cells: tuple[str, ...]
    error: str | None


def lines(warehouse: Warehouse, settings: Settings) -> list[Line]:
    """The lines of all companies, by id."""
    row = course_progress.c
    counted = sa.select(row.companyid, sa.func.count()).where(row.is_deleted == 0).group_by(row.companyid)
    newest = sa.select(sa.func.max(progress_syncs.c.id)).group_by(progress_syncs.c.companyid)
    with warehouse.reading() as connection:
        found = companies.subjects(connection)
        rows: dict[int, int] = {each[0]: each[1] for each in connection.execute(counted)}
        last = {
            sync.companyid: sync
            for sync in connection.execute(sa.select(progress_syncs).where(progress_syncs.c.id.in_(newest)))
        }
    due = {each.companyid for each in companies.due(found, settings)}
    return [_line(each, rows.get(each.companyid, 0), last.get(each.companyid), due, settings) for each in found]


def _line(subject: companies.Subject, rows: int, sync: Any, due: set[int], settings: Settings) -> Line:
    company = subject.company
    when, kind, status = "never", "", ""
    if sync is not None:
        when, kind, status = local_text(aware(sync.started_at), settings.zone), sync.kind, sync.status
    hourly = "yes" if company.companyid in due else _why_not(subject)
    cells = (str(company.companyid), company.name, f"{rows:,}", when, kind, status, hourly)
    error = sync.error if sync is not None and status in (sync_log.FAILED, sync_log.POSTPONED) else None
    return Line(company.companyid, cells, error)


def _why_not(subject: companies.Subject) -> str:
    if not subject.live:
        return "no: it is gone"
    return "no: it has no setting yet" if subject.enabled else "no: it is switched off"
