"""What the command line says about runs: the state of each step, the latest runs, and the summary of one run."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lms_etl.days import last_complete_day
from lms_etl.settings import Settings
from lms_etl.warehouse import restatements as restated
from lms_etl.warehouse.registry import STEPS, WORDS
from lms_etl.warehouse.tables import Moment
from lms_etl.warehouse.tables import etl_job_runs as runs
from lms_etl.warehouse.warehouse import Warehouse

"""The jobs as a whole and the steps they are made of; main_etl is the last step alone."""
COLOURS = {"completed": "green", "running": "cyan", "queued": "cyan", "failed": "red", "not_started": "dim"}


def status(out: Console, settings: Settings) -> None:
    """Prints the last run of each job and step with the documented status words, whoever started it."""
    table = plain_table("step", "status", "day", "trigger", "started (UTC)", "seconds", "rows", "error")
    warehouse = Warehouse(settings)
    with warehouse.reading() as connection:
        for step in STEPS:
            query = sa.select(runs).where(runs.c.job_name == step).order_by(runs.c.id.desc()).limit(1)
            row = connection.execute(query).mappings().first()
            word = WORDS[row["status"] if row else None]
            table.add_row(step, f"[{COLOURS[word]}]{word}[/]", *_columns(row))
    out.print(table)
    out.print(
        f"Last complete day at the site ({settings.timezone}): {last_complete_day(settings.zone)}", highlight=False
    )


def _columns(row: Any) -> list[str]:
    if row is None:
        return [""] * 6
    started = _shown(row["started_at"])
    seconds = "" if row["duration_seconds"] is None else f"{row['duration_seconds']:.2f}"
    return [str(row["target_date"] or ""), row["trigger"], started, seconds, str(row["numrow"]), _shown(row["error"])]


def scheduler_data(out: Console, settings: Settings, limit: int = 20) -> None:
    """Prints the newest rows of the view log_scheduler."""
    names = ("id", "batch_name", "target_date", "offset", "numrow", "status", "start_date", "end_date", "error_details")
    view = sa.table(
        "log_scheduler", *(sa.column(name, Moment if name in ("start_date", "end_date") else None) for name in names)
    )
    table = plain_table(*names)
    with Warehouse(settings).reading() as connection:
        for row in connection.execute(sa.select(view).order_by(view.c.id.desc()).limit(limit)):
            table.add_row(*map(_shown, row))
    out.print(table)
    out.print("status: 1 finished, 2 in progress, 3 failed, 4 queued; times in UTC", highlight=False)
    today = last_complete_day(settings.zone) + timedelta(days=1)
    out.print(f"current_date: {today}, yesterday: {today - timedelta(days=1)} ({settings.timezone})", highlight=False)


def plain_table(*columns: str) -> Table:
    """A table narrow enough for 80 columns; words are never cut, only the last column wraps."""
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    for name in columns:
        table.add_column(name, no_wrap=name != columns[-1], overflow="fold")
    return table


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:%m-%d %H:%M}" if isinstance(value, datetime) else escape(str(value))


def summary(out: Console, settings: Settings, dagster_run_id: str) -> None:
    """Prints what one run in Dagster did, a line for each step."""
    count = sa.func.count().label("runs")
    sums = [
        sa.func.sum(runs.c[name]).label(name) for name in ("numrow", "rows_inserted", "rows_updated", "rows_deleted")
    ]
    seconds = sa.func.sum(runs.c.duration_seconds)
    done = sa.func.count(sa.case((runs.c.status == "SUCCESS", 1)))
    query = (
        sa.select(runs.c.job_name, count, done, *sums, seconds)
        .where(runs.c.dagster_run_id == dagster_run_id, runs.c.job_name.not_in(("pipeline", "main_etl")))
        .group_by(runs.c.job_name)
        .order_by(sa.func.min(runs.c.id))
    )
    table = plain_table("step", "loads", "done", "rows", "inserted", "updated", "deleted", "seconds")
    for column in table.columns[1:]:
        column.justify = "right"
    with Warehouse(settings).reading() as connection:
        found = connection.execute(query).fetchall()
    for step, *numbers, spent in found:
        table.add_row(step, *(f"{int(number or 0):,}" for number in numbers), f"{float(spent or 0):.2f}")
    if found:
        out.print(table)
    else:
        out.print("Nothing to load: every day asked for is loaded already (--force loads them again).", highlight=False)


def restatements(out: Console, settings: Settings, days: int) -> None:
    """Prints what later loads changed in the last `days` days, newest first."""
    last = last_complete_day(settings.zone)
    with Warehouse(settings).reading() as connection:
        found = restated.latest(connection, last - timedelta(days=days - 1))
    table = plain_table("day", "step", "log rows", "total", "courses", "most", "when (UTC)", "reason")
    for row in found:
        most = f"{row['biggest_change']:+} in {row['biggest_course']}" if row["biggest_course"] else ""
        table.add_row(
            str(row["target_date"]),
            row["job_name"],
            f"{row['rows_read_before']} → {row['rows_read_after']}",
            f"{row['total_before']} → {row['total_after']} {row['measure']}",
            str(row["courses_changed"]),
            most,
            _shown(row["recorded_at"]),
            _shown(row["reason"]),
        )
    if found:
        out.print(table)
    else:
        out.print(f"No load changed a loaded day in the last {days} days, up to {last}.", highlight=False)
