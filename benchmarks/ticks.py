"""What a tick of the request sensor costs in a warehouse with a long history, on each database.

The registry holds a million finished runs over 3,650 days. Then 3,650 requests wait, the worst a queue can look like.
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
from lms_etl.activity import requests
from lms_etl.settings import Settings
from lms_etl.warehouse import registry, schema
from lms_etl.warehouse.tables import etl_job_runs as runs
from lms_etl.warehouse.warehouse import Warehouse

DAYS = 3650
FIRST = date(2016, 1, 1)
STEPS = ("activity_counts", "user_counts", "user_activity", "courses")
LIMIT = 1.0
"""Seconds that a tick may take."""


def fill(warehouse: Warehouse, rows: int) -> None:
    """A row for each step and day, doubled until there are enough: what years of reloads leave."""
    now = registry.utc_now()
    ended = {"status": "SUCCESS", "trigger": "schedule", "completed_at": now, "started_at": now, "requested_at": now}
    of_days = [
        {"job_name": step, "target_date": FIRST + timedelta(days=day), "dagster_run_id": f"run-{day}", **ended}
        for day in range(DAYS)
        for step in STEPS
    ]
    copied = [runs.c[name] for name in of_days[0]]
    with warehouse.engine.begin() as connection:
        connection.execute(sa.insert(runs), of_days)
    while (missing := rows - count(warehouse)) > 0:
        with warehouse.engine.begin() as connection:
            some = sa.select(*copied).limit(missing)
            connection.execute(sa.insert(runs).from_select([column.name for column in copied], some))
    if warehouse.engine.dialect.name == "postgresql":
        with warehouse.engine.begin() as connection:
            connection.execute(sa.text("analyze"))  # What autovacuum does within minutes.


def count(warehouse: Warehouse) -> int:
    with warehouse.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(runs)).scalar_one()


def wait(warehouse: Warehouse) -> None:
    """A request for every day."""
    asked = [
        {
            "job_name": "pipeline",
            "target_date": (day := FIRST + timedelta(days=number)),
            "trigger": "api",
            "status": "QUEUED",
            "live_key": registry.live_key("pipeline", day),
            "requested_at": registry.utc_now(),
        }
        for number in range(DAYS)
    ]
    with warehouse.engine.begin() as connection:
        connection.execute(sa.insert(runs), asked)


def ticks(warehouse: Warehouse, times: int = 7) -> tuple[float, float]:
    """Median and longest seconds of a tick."""
    taken = []
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(times):
            context = dg.build_sensor_context(instance=instance, resources={"warehouse": warehouse})
            start = time.perf_counter()
            requests.request_sensor(context)
            taken.append(time.perf_counter() - start)
    return statistics.median(taken), max(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", default="sqlite,postgresql,mariadb")
    chosen = parser.parse_args()
    table = Table("database", "registry rows", "queue", "tick, median s", "longest s", f"limit {LIMIT} s")
    for kind in chosen.only.split(","):
        with source.empty_database(kind) as url:
            settings = Settings(warehouse_database_url=url, start_date=FIRST)
            with closing(Warehouse(settings)) as warehouse:
                schema.migrate(warehouse)
                fill(warehouse, chosen.rows)
                for queue, prepare in ((0, lambda _: None), (DAYS, wait)):
                    prepare(warehouse)
                    median, longest = ticks(warehouse)
                    kept = "kept" if longest < LIMIT else "broken"
                    table.add_row(kind, f"{chosen.rows:,}", f"{queue:,}", f"{median:.3f}", f"{longest:.3f}", kept)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
