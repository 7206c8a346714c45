"""What one day costs: the daily run from the shell, and whether a longer log makes a day or a backfill dearer.

The short log is the first sixth of the long one by id, in a database of its own on the same server, so that the same
day has the same rows in both.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa

from benchmarks import measure, source

TIMES_LONGER = 6
FIRST_DAY = date(2025, 2, 3)
"""Lies in the first sixth of the log, after a month of history."""
DAYS_IN_PROCESS = 15
IMPORTS = "import dagster, pandas"
LAUNCH_RATIO = 2.5
DAY_TOLERANCE = 0.2
MEMORY = 400
"""MB that a backfill may take at its peak."""


class OneSite:
    """The runs of the product against one log, into warehouses of their own."""

    def __init__(self, site: source.Site, moodle_url: str, server: source.PostgreSQL, stack: ExitStack) -> None:
        self.site, self.moodle_url, self.server = site, moodle_url, server
        self._daily = stack.enter_context(self._empty_warehouse())
        self._days = (FIRST_DAY + timedelta(days=number) for number in range(365))

    def imports(self) -> measure.Taken:
        return measure.run([sys.executable, "-c", IMPORTS], self._daily)

    def daily_run(self) -> measure.Taken:
        """The documented command for the next day that is not loaded yet."""
        return measure.run([*command(), "user_activity_etl", "pipeline", str(next(self._days)), "--force"], self._daily)

    def day_in_process(self) -> float:
        """Median seconds to read one day's counts and load them, without Dagster, over different days."""
        last = FIRST_DAY + timedelta(days=DAYS_IN_PROCESS)
        period = ["--from", str(FIRST_DAY), "--to", str(last)]
        with self._empty_warehouse() as environment:
            taken = measure.run([sys.executable, "-m", "benchmarks.contenders.one_day", *period], environment)
        return statistics.median(json.loads(taken.output.splitlines()[-1]))

    def backfill(self) -> measure.Taken:
        """A backfill of the whole log into an empty warehouse."""
        with self._empty_warehouse() as environment:
            return measure.run(
                [*command(), "backfill", "--from", self.site.first, "--to", str(self.last_day)], environment
            )

    @cached_property
    def last_day(self) -> date:
        """The last local day that the log holds to its end."""
        engine = sa.create_engine(self.moodle_url)
        query = sa.text("select timecreated from mdl_logstore_standard_log order by id desc limit 1")
        with engine.connect() as connection:
            newest = connection.execute(query).scalar_one()
        engine.dispose()
        return self.site.local_date(newest) - timedelta(days=1)

    @contextmanager
    def _empty_warehouse(self) -> Iterator[dict[str, str]]:
        """The environment for an empty warehouse in PostgreSQL and a fresh home folder."""
        with tempfile.TemporaryDirectory(prefix="lms_etl_bench_") as home, self.server.fresh_database() as url:
            given = source.environment(self.site, self.moodle_url, LMS_ETL_HOME=home, WAREHOUSE_DATABASE_URL=url)
            measure.run([*command(), "migrate"], given)
            yield given


def command() -> list[str]:
    """`lms-etl` as installed beside this Python, else as a module."""
    script = shutil.which("lms-etl", path=str(Path(sys.executable).parent))
    return [script] if script else [sys.executable, "-m", "lms_etl.cli"]


@contextmanager
def first_part(url: str) -> Iterator[str]:
    """URL of a copy of the site that has the first sixth of its log, by id."""
    long = sa.make_url(url)
    short = long.set(database=f"{long.database}_short")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        run = connection.exec_driver_sql
        run(f"drop database if exists {short.database}")
        run(f"create database {short.database} character set utf8mb4 collate utf8mb4_unicode_ci")
        for table in sa.inspect(connection).get_table_names():
            part = f"where id <= (select max(id) / {TIMES_LONGER} from {table})" if "logstore" in table else ""
            run(f"create table {short.database}.{table} like {table}")
            run(f"insert into {short.database}.{table} select * from {table} {part} order by id")
            run(f"analyze table {short.database}.{table}")
        text = short.render_as_string(hide_password=False)
        source.warm(text)
        yield text
        run(f"drop database {short.database}")
    engine.dispose()


def launches(long: OneSite, rounds: int) -> None:
    """The daily run, from the shell to its end, beside the imports that it cannot do without."""
    contenders = {f'python -c "{IMPORTS}"': long.imports, "lms-etl user_activity_etl pipeline DAY": long.daily_run}
    for contender in contenders.values():
        contender()  # not counted: compiles what is imported
    runs = measure.interleaved(contenders, rounds)
    imports, daily = runs.values()
    ratio = daily.seconds / imports.seconds
    results = (("1.00", "", ""), (f"{ratio:.2f}", f"≤ {LAUNCH_RATIO}", measure.verdict(ratio <= LAUNCH_RATIO)))
    columns = ("whole process", "median s", "range s", "peak MB", "ratio", "to reach", "")
    rows = [
        (name, f"{each.seconds:.2f}", each.spread, f"{each.megabytes:.0f}", *result)
        for (name, each), result in zip(runs.items(), results, strict=True)
    ]
    measure.table(f"The daily run into PostgreSQL, {rounds} rounds", columns, rows)


def longer_log(short: OneSite, long: OneSite, rounds: int) -> None:
    """The same days, and a backfill, on the short log and on the long one."""
    sizes = {"short log": short, "long log": long}
    in_process: dict[str, list[float]] = {name: [] for name in sizes}
    for _ in range(rounds):
        for name, each in sizes.items():
            in_process[name].append(1000 * each.day_in_process())
    days = measure.interleaved({name: each.daily_run for name, each in sizes.items()}, rounds)
    backfills = measure.interleaved({name: each.backfill for name, each in sizes.items()}, 1)
    near = f"{1 - DAY_TOLERANCE:.1f} to {1 + DAY_TOLERANCE:.1f}"
    memory = [backfills[name].megabytes for name in sizes]
    spans = f"{short.last_day} / {long.last_day}"
    rows = [
        compared(
            "one day read and loaded, in process, ms", [statistics.median(in_process[name]) for name in sizes], near
        ),
        compared("daily run, whole process, s", [days[name].seconds for name in sizes], near),
        compared(f"backfill to {spans}, peak MB", memory, f"{near}, ≤ {MEMORY} MB", max(memory) <= MEMORY),
    ]
    columns = ("", "short log", f"{TIMES_LONGER} times longer", "ratio", "to reach", "")
    measure.table(f"Logs of {long.site.rows // TIMES_LONGER:,} and {long.site.rows:,} rows", columns, rows)


def compared(name: str, pair: list[float], wanted: str, also: bool = True) -> tuple[str, ...]:
    """A line of the table: met when the two values are near each other, and `also` is true."""
    one, other = pair
    digits = 2 if other < 10 else 1
    shown = [f"{value:.{digits}f}" for value in pair]
    met = also and abs(other / one - 1) <= DAY_TOLERANCE
    return name, *shown, f"{other / one:.2f}", wanted, measure.verdict(met)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the longer log (%(default)s)")
    parser.add_argument("--repeat", type=int, default=5, help="rounds (%(default)s)")
    parser.add_argument("--keep", type=Path, help="folder that keeps the built site for the next run")
    asked = parser.parse_args()
    site = source.Site.of_rows(asked.rows)
    with ExitStack() as stack:
        long_url = stack.enter_context(source.moodle(site, asked.keep))
        short_url = stack.enter_context(first_part(long_url))
        server = stack.enter_context(source.postgresql())
        long = OneSite(site, long_url, server, stack)
        launches(long, asked.repeat)
        short = OneSite(site, short_url, server, stack)
        longer_log(short, OneSite(site, long_url, server, stack), asked.repeat)


if __name__ == "__main__":
    main()
