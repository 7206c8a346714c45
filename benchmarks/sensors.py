"""What a tick of each sensor costs when the history is long: 3,650 days of three jobs and a million runs.

The warehouse is filled once in SQLite and once in PostgreSQL; Dagster's instance is an empty one. Dagster gives a tick
60 s; ours are to stay under 1 s. The hourly checks of the registry, which see the same history, stand beside them.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from benchmarks import measure, source
from lms_etl.activity import sync_checks
from lms_etl.activity.assets import user_activity
from lms_etl.days import last_complete_day
from lms_etl.definitions import defs
from lms_etl.runs import DAILY
from lms_etl.settings import Settings
from lms_etl.sources.moodle import Moodle
from lms_etl.warehouse import bulk, schema, tables
from lms_etl.warehouse.warehouse import Warehouse

LIMIT = 1000
"""Milliseconds that a tick may take."""
PER_INSERT = 50_000
SYNC = sync_checks.Sync(user_activity, jobs=("courses", *DAILY), daily=DAILY)


@dataclass(frozen=True)
class Situation:
    """How a sensor finds things: its cursor, by the last complete day, and the days before it that nothing loaded."""

    name: str = ""
    cursor: Callable[[date], str | None] = lambda _last: None
    missing: int = 0


SITUATIONS = {
    "window_sensor": [
        Situation("without a cursor"),
        Situation("a day later", lambda last: f'{{"settled_through": "{last - timedelta(days=1)}"}}'),
        Situation(
            "after 100 days of outage", lambda last: f'{{"settled_through": "{last - timedelta(days=100)}"}}', 100
        ),
    ],
}
"""What a sensor is measured with; one that is not named here is measured without a cursor."""


@dataclass
class Bench:
    """One filled warehouse."""

    warehouse: Warehouse
    days: int
    runs: int

    def __post_init__(self) -> None:
        self.last = last_complete_day(self.warehouse.settings.zone)
        self.dates = [self.last - timedelta(days=number) for number in reversed(range(self.days))]
        self.resources = {"warehouse": self.warehouse, "moodle": Moodle(self.warehouse.settings)}

    def fill(self) -> None:
        """Receipts of every day, all met, and runs spread evenly over the days; one in twenty failed."""
        schema.migrate(self.warehouse)
        self.load(self.dates)
        for first in range(0, self.runs, PER_INSERT):
            numbers = range(first, min(first + PER_INSERT, self.runs))
            dates = [self.dates[number * self.days // self.runs] for number in numbers]
            ended = [loaded_at(day) for day in dates]
            columns = {
                "job_name": [DAILY[number % 3] for number in numbers],
                "target_date": dates,
                "trigger": "schedule",
                "status": ["SUCCESS" if number % 20 else "FAILED" for number in numbers],
                **dict.fromkeys(("requested_at", "started_at", "completed_at"), ended),
            }
            with self.warehouse.writing() as connection:
                bulk.insert_columns(connection, tables.etl_job_runs, columns, len(numbers))
        with self.warehouse.writing() as connection:
            connection.exec_driver_sql("analyze")

    def load(self, dates: list[date]) -> None:
        """Receipts of these days, loaded at 02:00 of the day after."""
        state = {"state": "met", "margin_minutes": 1319, "run_id": 1}
        moments = [dict.fromkeys(("first_completed_at", "last_completed_at"), loaded_at(day)) for day in dates]
        rows = [
            {"job_name": job, "target_date": day, **state, **moment}
            for job in DAILY
            for day, moment in zip(dates, moments, strict=True)
        ]
        days = tables.etl_days
        with self.warehouse.writing() as connection:
            connection.execute(sa.delete(days).where(days.c.target_date >= dates[0]))
            connection.execute(sa.insert(days), rows)

    def tick(self, sensor: dg.SensorDefinition, situation: Situation) -> float:
        """Milliseconds of one tick."""
        days = tables.etl_days
        gone = self.dates[-situation.missing :] if situation.missing else []
        with self.warehouse.writing() as connection:
            connection.execute(sa.delete(days).where(days.c.target_date.in_(gone)))
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(
                instance,
                situation.cursor(self.last),
                definitions=defs,
                sensor_name=sensor.name,
                resources=self.resources,
            )
            taken = milliseconds(lambda: sensor.evaluate_tick(context))
        if gone:
            self.load(gone)
        return taken


def loaded_at(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), datetime.min.time()).replace(hour=2)


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def measured(bench: Bench, repeat: int) -> Iterator[tuple[str, float]]:
    """The name of each tick and check, and its median; the first time opens the connections and is not counted."""
    for sensor in defs.sensors or []:
        for situation in SITUATIONS.get(sensor.name, [Situation()]):
            taken = [bench.tick(sensor, situation) for _ in range(repeat + 1)]
            yield f"{sensor.name} {situation.name}".strip(), statistics.median(taken[1:])
    for sentence in sync_checks.SENTENCES:
        taken = [milliseconds(lambda: sentence(bench.warehouse, SYNC)) for _ in range(repeat + 1)]  # noqa: B023
        yield f"check {sentence.__name__}", statistics.median(taken[1:])


@contextmanager
def empty_warehouses() -> Iterator[dict[str, str]]:
    """URLs of empty databases, by the name of their engine."""
    with (
        tempfile.TemporaryDirectory(prefix="lms_etl_bench_") as folder,
        source.postgresql() as server,
        server.fresh_database() as url,
    ):
        yield {"SQLite": f"sqlite:///{Path(folder) / 'warehouse.db'}", "PostgreSQL": url}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=3650, help="days of receipts (%(default)s)")
    parser.add_argument("--runs", type=int, default=1_000_000, help="rows of the registry (%(default)s)")
    parser.add_argument("--repeat", type=int, default=5, help="ticks of each (%(default)s)")
    asked = parser.parse_args()
    rows = []
    with empty_warehouses() as urls:
        for name, url in urls.items():
            warehouse = Warehouse(Settings(warehouse_database_url=url, start_date=date(2000, 1, 1)))
            bench = Bench(warehouse, asked.days, asked.runs)
            bench.fill()
            for what, taken in measured(bench, asked.repeat):
                rows.append((what, name, f"{taken:.0f}", f"≤ {LIMIT}", measure.verdict(taken <= LIMIT)))
            warehouse.close()
    title = f"A tick with {asked.days:,} days and {asked.runs:,} runs, median of {asked.repeat}"
    measure.table(title, ("sensor or check", "warehouse", "ms", "to reach", ""), rows)


if __name__ == "__main__":
    main()
