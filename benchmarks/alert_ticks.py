"""What a tick of the alert sensor costs in a warehouse with a long history, on each database.

The registry holds a million finished runs, the receipts 3,650 days of three tables. A quiet tick finds nothing new; a
busy one comes after an alert was opened, so that it looks for what may have mended it.
"""

import argparse
import statistics
import time
from contextlib import closing
from datetime import date, timedelta

import dagster as dg
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from benchmarks import source
from lms_etl.alerts.hub import Hub
from lms_etl.alerts.rules import Event, Policy
from lms_etl.alerts.sensors import watch
from lms_etl.alerts.spans import Spans
from lms_etl.settings import Settings
from lms_etl.warehouse import registry, schema
from lms_etl.warehouse.tables import etl_days, etl_job_runs
from lms_etl.warehouse.warehouse import Warehouse

DAYS = 3650
FIRST = date(2016, 1, 1)
TABLES = ("activity_counts", "user_counts", "user_activity")
LIMIT = 1.0
"""Seconds that a tick may take."""


def fill(warehouse: Warehouse, rows: int) -> None:
    """A receipt for each table and day, and the registry rows of years of reloads."""
    ago = registry.utc_now() - timedelta(days=2)
    days = [(table, FIRST + timedelta(days=number)) for number in range(DAYS) for table in TABLES]
    ended = {"status": "SUCCESS", "trigger": "schedule", "completed_at": ago, "requested_at": ago}
    with warehouse.engine.begin() as connection:
        receipts = [
            {"job_name": table, "target_date": day, "run_id": 1, "last_completed_at": ago} for table, day in days
        ]
        connection.execute(sa.insert(etl_days), [{**receipt, "state": "met"} for receipt in receipts])
        connection.execute(
            sa.insert(etl_job_runs), [{"job_name": table, "target_date": day, **ended} for table, day in days]
        )
    copied = [etl_job_runs.c[name] for name in ("job_name", "target_date", *ended)]
    stored = len(days)
    while stored < rows:
        with warehouse.engine.begin() as connection:
            some = sa.select(*copied).limit(rows - stored)
            names = [column.name for column in copied]
            connection.execute(sa.insert(etl_job_runs).from_select(names, some))
        stored += min(stored, rows - stored)
    if warehouse.engine.dialect.name == "postgresql":
        with warehouse.engine.begin() as connection:
            connection.execute(sa.text("analyze"))  # What autovacuum does within minutes.


def open_an_alert(warehouse: Warehouse) -> None:
    """An alert of three days ago that every receipt of the history may have mended, but for one day."""
    at = registry.utc_now() - timedelta(days=3)
    days = Spans.between(FIRST, FIRST + timedelta(days=DAYS))
    event = Event("run:1", "run_failed", "user_activity_job", "user_activity_job", at, "Run failed", days=days)
    Hub(warehouse, Policy()).note([event], [], registry.utc_now())


def ticks(warehouse: Warehouse, times: int = 7) -> tuple[float, float]:
    """Median and longest seconds of a tick."""
    taken = []
    with dg.DagsterInstance.local_temp(overrides={"telemetry": {"enabled": False}}) as instance:
        cursor = None
        for _ in range(times):
            context = dg.build_sensor_context(instance=instance, cursor=cursor)
            start = time.perf_counter()
            watch(context, warehouse)
            taken.append(time.perf_counter() - start)
            cursor = context.cursor
    return statistics.median(taken), max(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", default="sqlite,postgresql,mariadb")
    chosen = parser.parse_args()
    table = Table("database", "registry rows", "tick", "median s", "longest s", f"limit {LIMIT} s")
    for kind in chosen.only.split(","):
        with source.empty_database(kind) as url, closing(Warehouse(Settings(warehouse_database_url=url))) as warehouse:
            schema.migrate(warehouse)
            ticks(warehouse, 1)  # The first tick of a process loads its code, a second on a busy machine.
            fill(warehouse, chosen.rows)
            for name, prepare in (("quiet", lambda _: None), ("busy", open_an_alert)):
                prepare(warehouse)
                median, longest = ticks(warehouse)
                kept = "kept" if longest < LIMIT else "broken"
                table.add_row(kind, f"{chosen.rows:,}", name, f"{median:.3f}", f"{longest:.3f}", kept)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
