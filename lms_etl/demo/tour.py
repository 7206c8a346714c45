"""`lms-etl demo`: from nothing to yesterday's report and all progress, on a synthetic Moodle, in SQLite."""

import os
import shutil
import sys
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from lms_etl import settings as configuration
from lms_etl.days import last_complete_day
from lms_etl.settings import Settings

ZONE = "Asia/Jakarta"
SHOWN_COURSES = 12


def show(out: Console, rows: int, courses: int, days: int) -> None:
    """Builds the site, migrates the warehouse, runs the main job over all days and prints the last day's report."""
    settings = embedded(days)
    last = last_complete_day(settings.zone)
    out.print(
        f"[bold]1.[/] A synthetic Moodle: {rows:,} log rows, {courses} courses, {days} days in {settings.timezone}"
    )
    build(out, settings, rows, courses, last)
    out.print("[bold]2.[/] The main job: courses, views, people and the report, each checked")
    problems = load(settings, last)
    for problem in problems:
        out.print(f"[bold red]Failed:[/] {escape(problem)}", soft_wrap=True)
    if problems:
        sys.exit(1)
    out.print(f"[bold]3.[/] The report of {last}, the last complete day")
    report(out, settings, last)
    out.print("[bold]4.[/] Course progress: how far every student is in every course, company by company")
    problems = load_progress(settings)
    for problem in problems:
        out.print(f"[bold red]Failed:[/] {escape(problem)}", soft_wrap=True)
    if problems:
        sys.exit(1)
    out.print(progress_table(settings))
    out.print(farewell(settings, monitor_token(settings)))


def embedded(days: int) -> Settings:
    """Settings of the demo: its own databases and zone, whatever the environment names; written to demo.env."""
    for name in ("MOODLE_DATABASE_URL", "WAREHOUSE_DATABASE_URL", "MOODLE_TABLE_PREFIX", "LMS_ETL_START_DATE"):
        os.environ.pop(name, None)
    os.environ["MOODLE_DATABASE_URL"] = os.environ["WAREHOUSE_DATABASE_URL"] = ""
    home = configuration.load()
    zone = os.environ.get("LMS_ETL_TIMEZONE", ZONE)
    first = last_complete_day(home.model_copy(update={"timezone": zone}).zone) - timedelta(days=days - 1)
    home.demo_folder.mkdir(parents=True, exist_ok=True)
    (home.demo_folder / "demo.env").write_text(
        f"# Written by `lms-etl demo`; counts while MOODLE_DATABASE_URL is not set.\n"
        f"LMS_ETL_TIMEZONE={zone}\nLMS_ETL_START_DATE={first}\nLMS_ETL_COMPANIES=categories\n",
        encoding="utf-8",
    )
    configuration.current.cache_clear()
    return configuration.current()


def build(out: Console, settings: Settings, rows: int, courses: int, last: date) -> None:
    """Writes the site anew beside the old one and puts it in place when it is whole."""
    from lms_etl.demo import SiteShape, build_site

    site = settings.demo_folder / "moodle.db"
    fresh = site.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    shape = SiteShape(
        log_rows=rows,
        courses=courses,
        students=20 * courses,
        first_day=settings.start_date,
        last_day=last,
        timezone=settings.timezone,
        departures_every=97,
    )
    columns = (TextColumn("   {task.description:16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out) as bar:
        task = bar.add_task("log rows", total=rows)
        build_site(f"sqlite:///{fresh}", shape, lambda written, total: bar.update(task, completed=written, total=total))
    fresh.replace(site)


def load(settings: Settings, last: date) -> list[str]:
    """Runs the main job over all days of the demo; returns what failed."""
    from lms_etl import runs
    from lms_etl.cli import progress_bar
    from lms_etl.warehouse import schema
    from lms_etl.warehouse.warehouse import Warehouse

    schema.migrate(Warehouse(settings))
    with progress_bar():
        return runs.run_days(settings, "user_activity_job", settings.start_date, last, "backfill").problems


def load_progress(settings: Settings) -> list[str]:
    """Fills the reporting table from the new site; returns what failed."""
    from lms_etl import runs

    return runs.run_job(settings, "progress_job", "cli", {"course_progress": {"kind": "full"}}).problems


def monitor_token(settings: Settings) -> str:
    """A token of an admin of the demo's own warehouse, good for a day; those of earlier demos end."""
    from lms_etl.api import tokens, users
    from lms_etl.warehouse.registry import utc_now
    from lms_etl.warehouse.warehouse import Warehouse

    with closing(Warehouse(settings)) as warehouse, warehouse.writing() as connection:
        users.set_privilege(connection, "demo", "admin")
        users.disable(connection, "demo")
        users.set_privilege(connection, "demo", "admin")
        return tokens.create(connection, "demo", utc_now() + timedelta(days=1), "made by the demo")


def progress_table(settings: Settings) -> Table:
    """The companies with their rows by status."""
    import sqlalchemy as sa

    from lms_etl.warehouse.tables import companies, course_progress
    from lms_etl.warehouse.warehouse import Warehouse

    row = course_progress.c
    counts = [
        sa.func.sum(sa.case((row.status == status, 1), else_=0))
        for status in ("completed", "in_progress", "not_started")
    ]
    query = (
        sa.select(companies.c.name, sa.func.count(), *counts, sa.func.avg(row.percentage))
        .join(course_progress, row.companyid == companies.c.companyid)
        .where(row.is_deleted == 0)
        .group_by(companies.c.companyid, companies.c.name)
        .order_by(companies.c.companyid)
    )
    table = Table(
        title="course_progress by company", title_justify="left", box=box.SIMPLE_HEAD, padding=0, pad_edge=False
    )
    table.add_column("company", no_wrap=True, overflow="ellipsis", max_width=32)
    for name in ("rows", "completed", "in progress", "not started", "average %"):
        table.add_column(name, justify="right")
    with Warehouse(settings).reading() as connection:
        for name, *numbers, average in connection.execute(query):
            table.add_row(escape(name), *(f"{number:,}" for number in numbers), f"{average:.1f}")
    return table


def report(out: Console, settings: Settings, day: date) -> None:
    """Prints the busiest courses of the day as a table, and writes and names the chart."""
    from lms_etl.activity import pictures
    from lms_etl.warehouse import tables
    from lms_etl.warehouse.warehouse import Warehouse

    warehouse = Warehouse(settings)
    frame = warehouse.frame(tables.user_activity, [day])
    out.print(report_table(frame, day))
    per_day = pictures.views_per_day(warehouse, settings.start_date, day)
    chart = settings.demo_folder / "views_per_day.png"
    pictures.views_figure(per_day, (9, 3)).savefig(chart, dpi=110)
    out.print(f"Views per day  [cyan]{sparkline(per_day['views'].tolist())}[/]  {per_day['views'].sum():,} in all")
    out.print(f"Chart          {chart}", soft_wrap=True, highlight=False)


def report_table(frame: Any, day: date) -> Table:
    """The day's busiest courses with the report's columns."""
    shown = frame.sort_values(["total_views", "moodle_course_id"], ascending=[False, True]).head(SHOWN_COURSES)
    title = f"user_activity of {day}: {len(shown)} of {len(frame)} courses"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    table.add_column("course", no_wrap=True, overflow="ellipsis", max_width=24)
    for name in ("students", "file", "video", "forum", "quiz", "assign", "url", "total", "avg"):
        table.add_column(name, justify="right", style="bold" if name == "total" else "")
    for row in shown.itertuples():
        views = (row.file_views, row.video_views, row.forum_views, row.quiz_views, row.assignment_views, row.url_views)
        average = row.avg_activity_per_student_per_day
        numbers = (row.num_students, *views, row.total_views)
        table.add_row(
            escape(str(row.course_name)),
            *(f"{number:,}" for number in numbers),
            "" if average is None else str(average),
        )
    return table


def sparkline(values: list[int]) -> str:
    """One block character for each value, its height in proportion to the largest."""
    blocks = "▁▂▃▄▅▆▇█"
    top = max(values, default=0) or 1
    return "".join(blocks[min(7, 8 * value // top)] for value in values)


def farewell(settings: Settings, token: str) -> Panel:
    """What to type next; `token` opens the monitor."""
    command = command_name()
    lines = [
        (
            "make dev" if Path("Makefile").exists() else f"{command} dev",
            "the Dagster UI on this data: http://127.0.0.1:3000\n"
            "    the monitor: http://127.0.0.1:8081/monitor, for a day with this token:\n"
            f"    {token}",
        ),
        (f"{command} user_activity_etl status", "the last run of each step"),
        (f"{command} window", "whether each day was loaded in time"),
        (f"{command} progress status", "the companies and their last sync"),
        (f"{command} doctor", "a look at both databases"),
        (
            f"{command} backfill --from {settings.start_date} --to {settings.start_date + timedelta(days=6)} --force",
            "load a week again",
        ),
    ]
    text = "\n".join(f"[bold]{line}[/]\n    [dim]{meaning}[/]" for line, meaning in lines)
    text += "\n\nYour own Moodle: README, 'Point it at a real Moodle'."
    return Panel(text, title="What to type next", title_align="left")


def command_name() -> str:
    """How this command can be typed here: its name if it is on the path, else the way to it."""
    if shutil.which("lms-etl"):
        return "lms-etl"
    beside = Path(sys.executable).with_name("lms-etl")
    return os.path.relpath(beside) if beside.is_relative_to(Path.cwd()) else str(beside)
