"""The assets of system 2: the companies, and the progress of their users.

`course_progress` has no partitions although each company is synced on its own: order and time budget are decided over
all companies of an hour, a run for each of them would cost five seconds before it reads anything, and each resumes by
its own watermark. What became of every company is in the run's table, and in progress_syncs.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from lms_etl.day_guards import permanent_failures
from lms_etl.progress import companies as registered
from lms_etl.progress.rounds import Round, chosen, go_round
from lms_etl.progress.sync_log import CHANGES, CLEANUP, FULL, RECONCILE, Caller
from lms_etl.run_tags import caller_of
from lms_etl.sources import moodle_progress
from lms_etl.sources.moodle import Moodle
from lms_etl.table_metadata import described
from lms_etl.warehouse import tables
from lms_etl.warehouse.warehouse import Warehouse

GROUP = "progress"
OWNERS = ["team:data-engineering"]
KINDS = (CHANGES, FULL, RECONCILE, CLEANUP)


class ProgressRun(dg.Config):
    """What a run of course_progress does; without anything, the hourly sync."""

    kind: str = CHANGES
    """changes, full, reconcile or cleanup."""
    companies: list[int] = []
    """Ids; none: all that are due."""
    hours_back: int = 0
    """Read the changes of so many hours; 0: those since the last sync."""


@dg.asset(
    pool="moodle",
    group_name=GROUP,
    owners=OWNERS,
    kinds={"sql"},
    metadata=described(tables.companies),
)
def companies(moodle: dg.ResourceParam[Moodle], warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
    """Companies as the source has them now: IOMAD's, the top categories, or the whole site (LMS_ETL_COMPANIES).

    Grain: one company. One that is gone stays with live 0, and its rows become tombstones at the next sync.
    """
    with permanent_failures():
        found = moodle_progress.companies(moodle)
        changes = registered.refresh(warehouse, found)
    return dg.MaterializeResult(metadata={"dagster/row_count": len(found), **changes})


@dg.asset(
    deps=[companies],
    pool="moodle",
    group_name=GROUP,
    owners=OWNERS,
    kinds={"sql", "pandas"},
    metadata=described(tables.course_progress),
)
def course_progress(
    context: dg.AssetExecutionContext,
    config: ProgressRun,
    moodle: dg.ResourceParam[Moodle],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.MaterializeResult:
    """Progress of every user in every course, for each company: percentage, status, start and completion.

    Grain: one user with an active enrolment in one visible course of one company. Source: user, course, enrol,
    user_enrolments, course_completions, course_modules, course_modules_completion; for companies of IOMAD
    company_users and company_course. The hourly sync reads what changed since the company's watermark; reconcile and
    full compare every row. A row that is no more becomes a tombstone (is_deleted 1). Each company is one transaction:
    one that fails keeps its rows and its watermark, and does not keep the others from theirs.
    """
    if config.kind not in KINDS:
        raise dg.Failure(description=f"'{config.kind}' is not one of {', '.join(KINDS)}.", allow_retries=False)
    caller = caller_of(context)
    with permanent_failures(), plainly_told():
        subjects = chosen(warehouse, moodle, config.companies, config.kind)
        ended = go_round(
            warehouse,
            moodle,
            subjects,
            config.kind,
            Caller(caller.trigger, caller.dagster_run_id),
            seconds=warehouse.settings.progress_seconds if config.kind == CHANGES else None,
            hours_back=config.hours_back or None,
            tell=context.log.info,
        )
    if ended.failed:
        told = "; ".join(f"company {company}: {error}" for company, error in ended.failed.items())
        synced = f"{len(ended.synced)} other companies were synced"
        raise dg.Failure(description=f"{told} ({synced})", metadata=told_of(ended), allow_retries=False)
    return dg.MaterializeResult(metadata=told_of(ended))


@contextmanager
def plainly_told() -> Iterator[None]:
    """Fails the step with the message of a problem of the configuration."""
    try:
        yield
    except registered.ProgressProblem as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


def told_of(ended: Round) -> dict[str, dg.MetadataValue]:
    """The counters of a round, and a table with a line for each company."""
    counters = [each.counters for each in ended.synced]
    lines = ["| company | what | read | created | updated | deleted |", "|---|---|---|---|---|---|"]
    for each in ended.synced:
        done = each.counters
        lines.append(
            f"| {each.companyid} | {each.kind} | {done.read} | {done.created} | {done.updated} | {done.deleted} |"
        )
    for title, stories in (("failed", ended.failed), ("postponed", ended.postponed)):
        lines += [f"| {company} | {title}: {' '.join(why.split())} | | | | |" for company, why in stories.items()]
    return {
        "companies_synced": dg.MetadataValue.int(len(ended.synced)),
        "companies_failed": dg.MetadataValue.int(len(ended.failed)),
        "companies_postponed": dg.MetadataValue.int(len(ended.postponed)),
        "rows_read": dg.MetadataValue.int(sum(each.read for each in counters)),
        "rows_created": dg.MetadataValue.int(sum(each.created for each in counters)),
        "rows_updated": dg.MetadataValue.int(sum(each.updated for each in counters)),
        "rows_deleted": dg.MetadataValue.int(sum(each.deleted for each in counters)),
        "companies": dg.MetadataValue.md("\n".join(lines)),
    }
