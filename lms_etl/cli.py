"""The console command `lms-etl`. Only what a command needs is imported when it runs: `--help` answers at once."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from lms_etl.alerts.commands import app as alerts
from lms_etl.api import commands, company_commands
from lms_etl.progress.commands import app as progress

if TYPE_CHECKING:
    from lms_etl.settings import Settings

app = typer.Typer(
    help="LMS analytics you can trust the numbers of: from a Moodle database to daily course activity.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(alerts, name="alerts")
app.add_typer(progress, name="progress")
app.add_typer(commands.token_app, name="token")
app.add_typer(commands.user_app, name="user")
app.add_typer(company_commands.company_app, name="company")
out = Console()
err = Console(stderr=True)

ACTIONS = {
    "pipeline": "user_activity_job",
    "activity_counts": "activity_counts_job",
    "user_counts": "user_counts_job",
    "main_etl": "main_etl_job",
}
LONGEST_LINE = 400
CATCH_UP_DAYS = 31
"""How far back a backfill without --from looks for days that were missed."""
USAGE = """\
Usage: lms-etl user_activity_etl ACTION [DATE] [--queue] [--force]

DATE is a day at the site, YYYY-MM-DD; yesterday, the last complete one, if
left out. An older day is loaded with --force, or by `lms-etl backfill`. With
--queue the Dagster daemon does it, and the command answers at once.

  pipeline          courses, activity counts, user counts, report of the day
  activity_counts   views per course only
  user_counts       students and teachers per course only
  main_etl          the report only, from counts that are loaded already
  status            state of the last run of each step
  scheduler_data    the latest runs as log_scheduler has them
  stop [ID]         stop a run, queued or running; the only one, if left out\
"""


def main() -> None:
    """Runs the command; a problem that the user must solve is told in one line, without a traceback."""
    from lms_etl.days import BadDay
    from lms_etl.settings import SettingsError

    try:
        app()
    except (BadDay, SettingsError) as error:
        refuse(str(error))
    except Exception as error:
        from lms_etl.activity.request_commands import UnclearRun
        from lms_etl.api.users import UserProblem
        from lms_etl.databases import DatabaseProblem
        from lms_etl.progress.companies import ProgressProblem
        from lms_etl.warehouse.bi_role import RoleProblem
        from lms_etl.warehouse.company_settings import CompanyProblem
        from lms_etl.warehouse.locks import AlreadyRunningError
        from lms_etl.warehouse.queue import UnknownRun, WaitingForCounts

        told = (
            DatabaseProblem
            | AlreadyRunningError
            | WaitingForCounts
            | UnknownRun
            | UnclearRun
            | UserProblem
            | RoleProblem
            | CompanyProblem
            | ProgressProblem
        )
        if not isinstance(error, told):
            raise
        err.print(f"[bold red]Error:[/] {escape(str(error))}", soft_wrap=True, highlight=False)
        sys.exit(1)


def refuse(message: str) -> None:
    """Ends with code 2: the command was not understood, nothing was done."""
    err.print(f"[bold red]Error:[/] {escape(message)}", soft_wrap=True, highlight=False)
    sys.exit(2)


def settings() -> "Settings":
    from lms_etl.settings import current

    return current()


@app.command()
def demo(
    rows: Annotated[int, typer.Option(help="Rows of the synthetic Moodle's log.", min=1000)] = 60_000,
    courses: Annotated[int, typer.Option(help="Courses of the synthetic Moodle.", min=30)] = 60,
    days: Annotated[int, typer.Option(help="Days of activity, ending yesterday.", min=7, max=366)] = 35,
) -> None:
    """Make a synthetic Moodle, run the main job on it and show the last day's report. Needs no server."""
    from lms_etl.demo import tour

    tour.show(out, rows=rows, courses=courses, days=days)


@app.command()
def dev(
    port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000,
    api_port: Annotated[int, typer.Option(help="Port of the HTTP API.")] = 8081,
) -> None:
    """Start the Dagster UI, its daemon and the code location on the embedded home, and the HTTP API."""
    from lms_etl import dev as processes
    from lms_etl.instance import dagster_home

    home = dagster_home(settings())
    served = f"http://127.0.0.1:{api_port}"
    out.print(f"Dagster UI: http://127.0.0.1:{port}   API: {served}/docs   Monitor: {served}/monitor")
    out.print(f"Home: {home}")
    # `dagster dev` calls itself superseded by a command that needs a package of its own: nothing a user can act on.
    dagster = ["-W", "ignore", "-m", "dagster", "dev", "-m", "lms_etl.definitions", "-p", str(port)]
    raise typer.Exit(processes.run_together(dagster, ["-m", "lms_etl.cli", "api", "--port", str(api_port)]))


@app.command()
def api(
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at.")] = 8081,
    workers: Annotated[int, typer.Option(help="Processes that answer.", min=1, max=64)] = 1,
) -> None:
    """Serve the HTTP API until it is told to end; answers under way are finished."""
    from lms_etl.api.serve import serve

    serve(settings(), host, port, workers)


@app.command()
def migrate(
    bi_role: Annotated[str, typer.Option(help="Also open the views for BI tools to this role; made if need be.")] = "",
) -> None:
    """Create the warehouse's tables, or bring them to the newest version."""
    from lms_etl.warehouse import bi_role as roles
    from lms_etl.warehouse import schema
    from lms_etl.warehouse.warehouse import Warehouse

    warehouse = Warehouse(settings())
    before, after = schema.migrate(warehouse)
    place = warehouse.url.render_as_string(hide_password=True)
    done = "was there already" if before == after else f"came from {before}" if before else "is new"
    out.print(f"Warehouse {place}: schema version {after} {done}.", soft_wrap=True, highlight=False)
    if bi_role:
        password = roles.make(warehouse, bi_role)
        told = f"is new; its password, shown this once: {password}" if password else "was there already"
        out.print(f"Role {bi_role} {told}. It may read {', '.join(roles.VIEWS)}.", soft_wrap=True, highlight=False)


@app.command()
def doctor() -> None:
    """Look at both databases, rights, time zones, indexes and the schema, and say what to do."""
    from lms_etl import doctor as examination

    findings = examination.examine(settings())
    examination.show(out, findings)
    raise typer.Exit(1 if any(finding.state == "wrong" for finding in findings) else 0)


@app.command()
def backfill(
    first: Annotated[
        str, typer.Option("--from", help="First day, YYYY-MM-DD; the first missing one of the last 31 if left out.")
    ] = "",
    last: Annotated[str, typer.Option("--to", help="Last day, YYYY-MM-DD; yesterday if left out.")] = "",
    reload: Annotated[bool, typer.Option("--reload", help="Load again what is loaded already.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Likewise, also where Moodle now holds less of a day.")
    ] = False,
) -> None:
    """Load a range of days in one run, day by day. Days that are loaded already are left out, so it resumes."""
    end = day_or_yesterday(last)
    begin = day_or_yesterday(first) if first else first_missing_day(end)
    if begin is None:
        out.print(f"Nothing to load: no day of the {CATCH_UP_DAYS} up to {end} is missing.", highlight=False)
    else:
        run("user_activity_job", begin, end, "backfill", skip_loaded=not (reload or force), force=force)


@app.command()
def purge(
    before: Annotated[str, typer.Option("--before", help="First day that stays, YYYY-MM-DD.")],
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it the rows are only counted.")] = False,
) -> None:
    """Delete the facts of days before a day. Nothing else ever deletes facts; the days' receipts stay."""
    from lms_etl.days import parse
    from lms_etl.warehouse import purge, schema
    from lms_etl.warehouse.warehouse import Warehouse

    day = parse(before)
    warehouse = Warehouse(settings())
    schema.require_current(warehouse)
    for table, rows in purge.facts_before(warehouse, day).items():
        out.print(f"{table}: {rows:,} rows before {day}", highlight=False)
    if yes:
        purge.delete_facts_before(warehouse, day)
    out.print("Deleted." if yes else "Nothing was deleted. Add --yes to delete them.", highlight=False)


@app.command()
def window(days: Annotated[int, typer.Option(help="Days back from today.", min=1, max=3660)] = 30) -> None:
    """Show whether each day was loaded in its window: pending, due, met, late or missed."""
    from lms_etl.activity import window_page

    window_page.show(out, settings(), days)


@app.command()
def restatements(
    days: Annotated[int, typer.Option(help="Days back from the last complete one.", min=1)] = 30,
) -> None:
    """List what later loads changed in days that were loaded already, and why."""
    from lms_etl.activity import status

    status.restatements(out, settings(), days)


@app.command("user_activity_etl")
def user_activity_etl(
    action: Annotated[str, typer.Argument(help="One of the actions; none shows them.", show_default=False)] = "",
    day: Annotated[
        str, typer.Argument(metavar="[DATE or ID]", help="YYYY-MM-DD; yesterday if left out. For stop a run's number.")
    ] = "",
    queue: Annotated[bool, typer.Option("--queue", help="Let the Dagster daemon do it and answer at once.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Load a day although its window is closed.")] = False,
) -> None:
    """The documented actions: pipeline, activity_counts, user_counts, main_etl, status, scheduler_data; and stop."""
    if not action:
        out.print(USAGE, highlight=False, markup=False)
    elif action in ACTIONS:
        chosen = day_or_yesterday(day)
        if queue:
            from lms_etl.activity import request_commands

            request_commands.enqueue(out, settings(), action, chosen, force)
        else:
            run(ACTIONS[action], chosen, chosen, "cli", force=force)
    elif action == "stop":
        stop(day)
    elif action in ("status", "scheduler_data"):
        from lms_etl.activity import status

        getattr(status, action)(out, settings())
    else:
        refuse(f"'{action}' is not an action. Use one of: {', '.join(ACTIONS)}, status, scheduler_data, stop.")


def stop(number: str) -> None:
    """Stops the run of that number, or the only one."""
    from lms_etl.activity import request_commands

    if number and not number.isdecimal():
        refuse(f"'{number}' is not the number of a run; `lms-etl user_activity_etl scheduler_data` lists them.")
    request_commands.stop(out, settings(), int(number) if number else None)


def first_missing_day(last: date) -> date | None:
    """The first day up to `last`, CATCH_UP_DAYS back at most, that one of the daily steps has not loaded."""
    from datetime import timedelta

    from lms_etl import runs
    from lms_etl.warehouse.warehouse import Warehouse

    first = max(settings().start_date, last - timedelta(days=CATCH_UP_DAYS - 1))
    return runs.first_missing_day(Warehouse(settings()), first, last)


def day_or_yesterday(text: str) -> date:
    """The day that is written, or the last complete day of the site. Raises BadDay."""
    from lms_etl.days import last_complete_day, parse

    return parse(text) if text else last_complete_day(settings().zone)


def run(job: str, first: date, last: date, trigger: str, skip_loaded: bool = False, force: bool = False) -> None:
    """Runs a job with a progress bar and a summary; exits with 1 if it failed."""
    from lms_etl import runs

    runs.checked_days(settings(), first, last)
    with progress_bar():
        outcome = runs.run_days(settings(), job, first, last, trigger, skip_loaded, force)
    from lms_etl.activity import status

    status.summary(out, settings(), outcome.run_id)
    for mark, lines in (("[yellow]Warning:[/]", outcome.warnings), ("[bold red]Failed:[/]", outcome.problems)):
        for line in lines:
            short = (
                line
                if len(line) <= LONGEST_LINE
                else line[:LONGEST_LINE] + " … (all of it: the check in the Dagster UI)"
            )
            err.print(f"{mark} {escape(short)}", soft_wrap=True, highlight=False)
    if not outcome.success:
        raise typer.Exit(1)


@contextmanager
def progress_bar() -> Iterator[None]:
    """Draws a bar for each step of the run from what `day_runs` logs; only its end where nobody looks."""
    import logging

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:16}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days"),
        TimeElapsedColumn(),
    )
    bar = Progress(*columns, console=err, disable=settings().log_level not in ("debug", "info"))
    tasks: dict[str, TaskID] = {}

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            job, done, total = (getattr(record, name) for name in ("job", "done", "total"))
            if not tasks:  # A run that is refused shall leave one line, without an empty one for its bar.
                bar.start()
            if job not in tasks:
                tasks[job] = bar.add_task(job, total=total)
            bar.update(tasks[job], completed=done)

    logger = logging.getLogger("lms_etl.progress")
    handler = Handler()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        if tasks:
            bar.stop()
        logger.removeHandler(handler)


if __name__ == "__main__":
    main()
