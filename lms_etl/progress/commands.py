"""The commands `lms-etl progress`. Each works in its own process, under the companies' locks, and waits."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from lms_etl.warehouse.warehouse import Warehouse

app = typer.Typer(
    help="Course progress of companies: sync it, compare it, clear it, hand it out.", no_args_is_help=True
)
out = Console()
Companies = Annotated[list[int] | None, typer.Option("--company", help="Id of a company; may be repeated.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without it the command only says what it would do.")]


@app.command("sync")
def sync(
    company: Companies = None,
    hours_back: Annotated[
        int, typer.Option(help="Read the changes of so many hours; 0 for those since the last sync.", min=0, max=8760)
    ] = 0,
) -> None:
    """Load what changed, of all companies that the hourly sync is about or of those named."""
    _go_round("changes", company, hours_back or None)


@app.command("full")
def full(company: Companies = None) -> None:
    """Populate: load every row of all companies, or of those named."""
    _go_round("full", company)


@app.command("reconcile")
def reconcile(company: Companies = None) -> None:
    """Compare every row with Moodle; what is gone there becomes a tombstone."""
    _go_round("reconcile", company)


@app.command("cleanup")
def cleanup(company: Companies = None) -> None:
    """Make tombstones of the rows whose user has left the company."""
    _go_round("cleanup", company)


@app.command("clear")
def clear(company: Companies = None, yes: Yes = False) -> None:
    """Delete the rows of all companies, or of those named; every reader's next pull is a full one."""
    from lms_etl.progress import companies
    from lms_etl.progress.sync import clear_company
    from lms_etl.progress.sync_log import Caller

    with _warehouse() as warehouse:
        with warehouse.reading() as connection:
            chosen = [companies.subject(connection, each) for each in company or []]
            chosen = chosen or companies.subjects(connection)
        for each in chosen:
            if yes:
                done = clear_company(warehouse, each.companyid, Caller("cli"))
                _say(f"Company {each.companyid}: {done.counters.deleted} rows deleted")
            else:
                _say(f"Company {each.companyid} ({each.company.name}) would be cleared. Add --yes to do it.")


@app.command("status")
def status() -> None:
    """List the companies: their rows, their last sync, and whether the hourly sync is about them."""
    from lms_etl.activity.status import plain_table
    from lms_etl.progress import overview
    from lms_etl.settings import current

    table = plain_table("id", "company", "rows", "last sync", "kind", "status", "hourly")
    problems = []
    with _warehouse() as warehouse:
        for line in overview.lines(warehouse, current()):
            table.add_row(*map(escape, line.cells))
            if line.error:
                problems.append(f"Company {line.companyid}: {line.error}")
    if table.row_count:
        out.print(table)
    else:
        _say("No company is known yet. `lms-etl progress full` looks at Moodle and loads all of them.")
    for problem in problems:
        _say(problem)


@app.command("export")
def export(
    company: Annotated[int, typer.Option("--company", help="Id of the company.")],
    form: Annotated[Literal["csv", "json"], typer.Option("--format", help="csv or json.")] = "csv",
    output: Annotated[Path | None, typer.Option(help="File to write; the screen if left out.")] = None,
) -> None:
    """Write the rows of a company as CSV or JSON."""
    import sys

    from lms_etl.progress import export as writing

    with _warehouse() as warehouse:
        if output is None:
            writing.write(warehouse, company, form, sys.stdout)
            return
        with output.open("w", encoding="utf-8", newline="") as file:
            rows = writing.write(warehouse, company, form, file)
        _say(f"{output}: {rows} rows of company {company}")


def _go_round(kind: str, company: list[int] | None, hours_back: int | None = None) -> None:
    """Syncs the companies and tells of each; exits with 1 if one failed or had to be left to another sync."""
    from lms_etl.progress.rounds import chosen, go_round
    from lms_etl.progress.sync_log import Caller
    from lms_etl.settings import current
    from lms_etl.sources.moodle import Moodle

    moodle = Moodle(current())
    with _warehouse() as warehouse:
        subjects = chosen(warehouse, moodle, company or [], kind)
        if not subjects:
            _say(
                "No company is due: a company of IOMAD is synced once it has a setting. Name one with --company, "
                "or set LMS_ETL_PROGRESS_UNCONFIGURED=true; `lms-etl progress status` lists them."
            )
        ended = go_round(warehouse, moodle, subjects, kind, Caller("cli"), hours_back=hours_back, tell=_say)
    for companyid, why in ended.postponed.items():
        _say(f"Company {companyid} was left out: {why}")
    if ended.failed or ended.postponed:
        raise typer.Exit(1)


def _say(line: str) -> None:
    out.print(line, soft_wrap=True, highlight=False, markup=False)


@contextmanager
def _warehouse() -> Iterator["Warehouse"]:
    from lms_etl.settings import current
    from lms_etl.warehouse import schema
    from lms_etl.warehouse.warehouse import Warehouse

    with closing(Warehouse(current())) as warehouse:
        schema.require_current(warehouse)
        yield warehouse
