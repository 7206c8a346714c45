"""What the Auto-Sync tab shows: the syncs of every company, a week's success, and the window states of system 1."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from lms_etl.alerts.levels import judged
from lms_etl.api.monitor.charts import Bar, bars
from lms_etl.api.monitor.spans import bounds_of, last_days, next_sync
from lms_etl.api.monitor.words import percent
from lms_etl.service_counts import CompanySyncs, rate
from lms_etl.service_levels import Judgement, health
from lms_etl.warehouse import sync_log
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl.window_states import lines

DAYS = 7
WINDOWS = 8
PROBLEMS_SHOWN = 8
OF_SYNCS = ("progress_failed", "progress_late", "progress_errors", "day_missed")
STATES = {"success": "synced", "failed": "failed", "running": "running", "postponed": "postponed", None: "never synced"}


class RowCounts:
    """How many rows each company has; counted anew only for companies whose rows have changed since."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[int, int]] = {}
        self.guard = threading.Lock()

    def now(self, connection: sa.Connection) -> dict[int, int]:
        """Rows by company. Two statements, and one that reads nothing while nothing has changed."""
        changes = sync_log.change_numbers(connection)
        with self.guard:
            stale = [company for company, number in changes.items() if self.known.get(company, (-1, 0))[0] != number]
        counted = sync_log.rows_of(connection, stale)
        with self.guard:
            self.known |= {company: (changes[company], counted.get(company, 0)) for company in stale}
            return {company: self.known[company][1] for company in changes}


@dataclass(frozen=True)
class Line:
    """One company in the table."""

    syncs: CompanySyncs
    state: str
    rows: int
    changed: int


def shown(warehouse: Warehouse, row_counts: RowCounts, now: datetime) -> dict[str, Any]:
    """Everything on the tab, as the template names it; `now` is aware."""
    settings, moment = warehouse.settings, now.astimezone(UTC).replace(tzinfo=None)
    days = last_days(now, settings.zone, DAYS)
    with warehouse.reading() as connection:
        companies = sync_log.of_companies(connection, moment, 24)
        week = sync_log.success_between(connection, bounds_of(days, settings.zone))
        rows = row_counts.now(connection)
        judgements = judged(connection, settings, moment)
    windows = lines(warehouse, now, WINDOWS)
    missed = [line for line in windows if line.state == "missed"]
    bad = [each for each in judgements if each.verdict == "bad"] + [_missed(line.day) for line in missed]
    score, _, _ = health(bad)
    last = max((each.newest_at for each in companies if each.newest_at), default=None)
    newest = max((each.last_success for each in companies if each.last_success), default=None)
    due, due_at = next_sync(newest, moment, settings.zone)
    good, ended = sum(day[0] for day in week), sum(day[1] for day in week)
    return {
        "companies": [_line(each, rows.get(each.companyid, 0)) for each in companies],
        "in_time": sum(each.enabled and _in_time(each, judgements) for each in companies),
        "enabled": sum(each.enabled for each in companies),
        "last": last,
        "due": due,
        "due_at": due_at,
        "status": _status(companies, bad),
        "score": score,
        "problems": bad[:PROBLEMS_SHOWN],
        "more_problems": max(0, len(bad) - PROBLEMS_SHOWN),
        "changed": sum(each.created + each.updated + each.deleted for each in companies),
        "failed": sum(each.failed for each in companies),
        "success": rate(good, ended),
        "ended": ended,
        "week": [(day, good, total, rate(good, total)) for day, (good, total) in zip(days, week, strict=True)],
        "week_chart": _chart(days, week),
        "windows": windows,
        "loaded": any(line.loaded_at for line in windows) or bool(missed),
    }


def _line(company: CompanySyncs, rows: int) -> Line:
    state = STATES.get(company.newest, str(company.newest)) if company.enabled else "switched off"
    return Line(company, state, rows, company.created + company.updated + company.deleted)


def _in_time(company: CompanySyncs, judgements: list[Judgement]) -> bool:
    mine = [each for each in judgements if each.key == str(company.companyid) and each.kind.startswith("progress_")]
    return company.last_success is not None and all(each.verdict != "bad" for each in mine)


def _missed(day: Any) -> Judgement:
    title = f"The window of {day} closed without a load"
    return Judgement(
        "day_missed", str(day), str(day), "bad", title, f"Load it late: lms-etl backfill --from {day} --to {day}"
    )


def _status(companies: list[CompanySyncs], bad: list[Judgement]) -> str:
    """In one word: Failing where syncs or loads fail, Warning where anything else is wrong."""
    if not any(each.newest for each in companies):
        return "No data"
    return "Failing" if any(each.kind in OF_SYNCS for each in bad) else "Warning" if bad else "Healthy"


def _chart(days: list[Any], week: list[tuple[int, int]]) -> Any:
    good, bad = [], []
    for day, (succeeded, ended) in zip(days, week, strict=True):
        share = rate(succeeded, ended)
        says = f"{day:%a %d}: {percent(share)} of {ended} syncs succeeded"
        good.append(Bar(None if share is None else 100 * share, says))
        bad.append(Bar(None if share is None else 100 - 100 * share, says))
    known = [f"{day:%A} {percent(rate(*counts))}" for day, counts in zip(days, week, strict=True) if counts[1]]
    title = f"Share of syncs that succeeded, by day: {', '.join(known) or 'none yet'}"
    return bars(title, [f"{day:%a}" for day in days], {"good": good, "bad": bad}, largest=100, unit=" %", height=230)
