"""`make bench`: a year of days from Moodle's log into the warehouse, ours and what a team would write instead.

Every contender is a whole process, from launch to exit, in turn and repeated; the table shows medians. Contenders that
fill the warehouse must leave the same three tables as ours, and the bare statements must count the same views.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks import measure, source
from benchmarks.results import Difference, summary_of

CONTENDERS = "benchmarks.contenders"
OURS = "ours"
ENGINES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}
BARE = {"group_by": "bare_group_by", "day_by_day": "bare_day_by_day"}
FILLING = {"pandas": "with_pandas", "dlt": "with_dlt", "dlt_tuned": "with_dlt_tuned"}
NAMES = {
    OURS: "ours through Dagster",
    "group_by": "bare single GROUP BY",
    "day_by_day": "bare statement day by day",
    "pandas": "pandas",
    "dlt": "dlt",
    "dlt_tuned": "dlt, tuned",
}
TARGETS = {"group_by": 1.0, "pandas": 4.0, "dlt": 6.0, "dlt_tuned": 6.0}
"""How many times our time a contender must need at least, at 6 million rows."""
MEMORY = 400
"""MB that ours may take at its peak."""


@dataclass
class Bench:
    """One site, one PostgreSQL server for the warehouses, and what each filling contender left there."""

    site: source.Site
    moodle_url: str
    postgresql: source.PostgreSQL
    left: dict[str, dict[str, object]] = field(default_factory=dict)
    counted: dict[str, dict[str, int]] = field(default_factory=dict)

    def bare(self, name: str, last: str | None = None) -> measure.Taken:
        taken = measure.run(self._script(BARE[name], last), source.environment(self.site, self.moodle_url))
        self.counted[name] = json.loads(taken.output.splitlines()[-1])
        return taken

    def filling(self, name: str, engine: str, last: str | None = None) -> measure.Taken:
        """One run into an empty warehouse whose tables are there already, with their keys."""
        with tempfile.TemporaryDirectory(prefix="lms_etl_bench_") as home, self._warehouse(engine, home) as url:
            environment = source.environment(self.site, self.moodle_url, LMS_ETL_HOME=home, WAREHOUSE_DATABASE_URL=url)
            measure.run([sys.executable, "-m", "lms_etl.cli", "migrate"], environment)
            ours = [sys.executable, "-m", "lms_etl.cli", "backfill", *self._period(last)]
            taken = measure.run(ours if name == OURS else self._script(FILLING[name], last), environment)
            self.left[f"{name} {engine}"] = summary_of(url)
        return taken

    @contextmanager
    def _warehouse(self, engine: str, home: str) -> Iterator[str]:
        if engine == "sqlite":
            yield f"sqlite:///{home}/warehouse.db"
        else:
            with self.postgresql.fresh_database() as url:
                yield url

    def _script(self, name: str, last: str | None) -> list[str]:
        return [sys.executable, "-m", f"{CONTENDERS}.{name}", *self._period(last)]

    def _period(self, last: str | None) -> list[str]:
        return ["--from", self.site.first, "--to", last or self.site.last]

    def contenders(self, chosen: set[str]) -> dict[str, Callable[..., measure.Taken]]:
        bare = {name: partial(self.bare, name) for name in BARE if name in chosen}
        filling = {
            f"{name} {engine}": partial(self.filling, name, engine)
            for engine in ENGINES
            for name in (OURS, *FILLING)
            if name in chosen
        }
        return {**bare, **filling}

    def check(self) -> None:
        """Raises Difference unless all contenders of both engines left the same rows and counted the same views."""
        first, *others = self.left.items()
        for name, left in others:
            Difference.check(first[0], first[1], name, left)
        for name, counted in self.counted.items():
            ours = {"rows": first[1]["activity_counts_etl"]["rows"], "views": first[1]["views"]}
            Difference.check(first[0], ours, name, counted)


def rows_of(runs: dict[str, measure.Runs]) -> Iterator[tuple[str, ...]]:
    """Lines of the table: a ratio is the contender's median to that of ours into the same engine."""
    ours = {engine: runs[f"{OURS} {engine}"] for engine in ENGINES if f"{OURS} {engine}" in runs}
    for key, each in runs.items():
        name, engine = [*key.split(), ""][:2]
        taken = (f"{each.seconds:.1f}", each.spread, f"{each.megabytes:.0f}")
        line = (NAMES[name], ENGINES.get(engine, "nothing"), *taken)
        if name == OURS:
            yield (*line, "1.00", f"≤ {MEMORY} MB", measure.verdict(each.megabytes <= MEMORY))
            continue
        for own in [engine] if engine else ours:
            ratio = each.seconds / ours[own].seconds if own in ours else 0.0
            shown = f"{ratio:.2f}" if engine else f"{ratio:.2f} ({ENGINES[own]})"
            target = TARGETS.get(name)
            wanted = (f"≥ {target:.2f}", measure.verdict(ratio >= target)) if target and own in ours else ("", "")
            yield (*line, shown, *wanted)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the log (%(default)s)")
    parser.add_argument("--repeat", type=int, default=3, help="rounds (%(default)s)")
    parser.add_argument(
        "--only", default=",".join(NAMES), help="contenders beside ours, separated by commas (%(default)s)"
    )
    parser.add_argument("--keep", type=Path, help="folder that keeps the built site for the next run")
    given = parser.parse_args()
    given.only = {OURS, *given.only.split(",")}
    if not given.only <= set(NAMES):
        parser.error(f"--only takes {', '.join(NAMES)}")
    return given


def main() -> None:
    asked = options()
    site = source.Site.of_rows(asked.rows)
    with source.moodle(site, asked.keep) as url, source.postgresql() as server:
        bench = Bench(site, url, server)
        contenders = bench.contenders(asked.only)
        for contender in contenders.values():
            contender(last=site.first)  # one day, not counted: compiles what is imported
        bench.left.clear()
        runs = measure.interleaved(contenders, asked.repeat)
        bench.check()
    columns = ("contender", "into", "median s", "range s", "peak MB", "time / ours", "to reach", "")
    title = f"Backfill of {site.first} to {site.last}, {asked.rows:,} log rows, {asked.repeat} rounds"
    measure.table(title, columns, rows_of(runs))


if __name__ == "__main__":
    main()
