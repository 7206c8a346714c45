"""The console command `lms-etl`. Only what a command needs is imported when it runs: `--help` answers at once."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from lms_etl.alerts.commands import app as alerts

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
out = Console()
err = Console(stderr=True)

ACTIONS = {
    "pipeline": "user_activity_job",
    "activity_counts": "activity_counts_job",
    "user_counts": "user_counts_job",
    "main_etl": "main_etl_job",
}
LONGEST_LINE = 400
USAGE = """\
Usage: lms-etl user_activity_etl ACTION [DATE]

DATE is a day at the site, YYYY-MM-DD; yesterday, the last complete one, if
left out.

  pipeline          courses, activity counts, user counts, report of the day
  activity_counts   views per course only
  user_counts       students and teachers per course only
  main_etl          the report only, from counts that are loaded already
  status            state of the last run of each step
  scheduler_data    the latest runs as log_scheduler has them\
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
        from lms_etl.databases import DatabaseProblem
        from lms_etl.warehouse.locks import AlreadyRunningError

        if not isinstance(error, DatabaseProblem | AlreadyRunningError):
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
def dev(port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000) -> None:
    """Start the Dagster UI, its daemon and the code location on the embedded home."""
    from lms_etl.instance import dagster_home

    home = dagster_home(settings())
    out.print(f"Dagster UI: http://127.0.0.1:{port}   home: {home}")
    # `dagster dev` calls itself superseded by a command that needs a package of its own: nothing a user can act on.
    arguments = ["-W", "ignore", "-m", "dagster", "dev", "-m", "lms_etl.definitions", "-p", str(port)]
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606


@app.command()
def migrate() -> None:
    """Create the warehouse's tables, or bring them to the newest version."""
    from lms_etl.warehouse import schema
    from lms_etl.warehouse.warehouse import Warehouse

    warehouse = Warehouse(settings())
    before, after = schema.migrate(warehouse)
    place = warehouse.url.render_as_string(hide_password=True)
    done = "was there already" if before == after else f"came from {before}" if before else "is new"
    out.print(f"Warehouse {place}: schema version {after} {done}.", soft_wrap=True, highlight=False)


@app.command()
def doctor() -> None:
    """Look at both databases, rights, time zones, indexes and the schema, and say what to do."""
    from lms_etl import doctor as examination

    findings = examination.examine(settings())
    examination.show(out, findings)
    raise typer.Exit(1 if any(finding.state == "wrong" for finding in findings) else 0)


@app.command()
def backfill(
    first: Annotated[str, typer.Option("--from", help="First day, YYYY-MM-DD.")],
    last: Annotated[str, typer.Option("--to", help="Last day, YYYY-MM-DD; yesterday if left out.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Load again what is loaded already.")] = False,
) -> None:
    """Load a range of days in one run, day by day. Days that are loaded already are left out, so it resumes."""
    run("user_activity_job", day_or_yesterday(first), day_or_yesterday(last), "backfill", skip_loaded=not force)


@app.command("user_activity_etl")
def user_activity_etl(
    action: Annotated[str, typer.Argument(help="One of the actions; none shows them.", show_default=False)] = "",
    day: Annotated[str, typer.Argument(metavar="[DATE]", help="YYYY-MM-DD; yesterday if left out.")] = "",
) -> None:
    """The documented actions: pipeline, activity_counts, user_counts, main_etl, status, scheduler_data."""
    if not action:
        out.print(USAGE, highlight=False, markup=False)
    elif action in ACTIONS:
        chosen = day_or_yesterday(day)
        run(ACTIONS[action], chosen, chosen, "cli")
    elif action in ("status", "scheduler_data"):
        from lms_etl.activity import status

        getattr(status, action)(out, settings())
    else:
        refuse(f"'{action}' is not an action. Use one of: {', '.join(ACTIONS)}, status, scheduler_data.")


def day_or_yesterday(text: str) -> date:
    """The day that is written, or the last complete day of the site. Raises BadDay."""
    from lms_etl.days import last_complete_day, parse

    return parse(text) if text else last_complete_day(settings().zone)


def run(job: str, first: date, last: date, trigger: str, skip_loaded: bool = False) -> None:
    """Runs a job with a progress bar and a summary; exits with 1 if it failed."""
    from lms_etl import runs

    runs.checked_days(settings(), first, last)
    with progress_bar():
        outcome = runs.run_days(settings(), job, first, last, trigger, skip_loaded)
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
            if job not in tasks:
                tasks[job] = bar.add_task(job, total=total)
            bar.update(tasks[job], completed=done)

    logger = logging.getLogger("lms_etl.progress")
    handler = Handler()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        with bar:
            yield
    finally:
        logger.removeHandler(handler)


if __name__ == "__main__":
    main()
