"""Course progress of users x courses: the first full sync and a delta of 1 %, beside bare SQL of the same question.

The bare statement writes nothing. Both must find the same number of rows and the same sum of percentages.
"""

import argparse
import json
import sys
import tempfile
import time

import sqlalchemy as sa

from benchmarks import measure, source
from benchmarks.daily import command
from benchmarks.results import Difference
from lms_etl_tests.servers import MariaDB

SHARE = 0.01


def main() -> None:
    options = _parser().parse_args()
    with (
        tempfile.TemporaryDirectory() as scratch,
        MariaDB(*source.MARIADB, f"--tmpdir={scratch}") as server,
        source.empty_database(options.into) as warehouse,
    ):
        url = server.create_database(source.DATABASE)
        run(url, warehouse, scratch, options.users, options.courses)


def run(url: str, warehouse: str, home: str, users: int, courses: int) -> None:
    given = source.environment(source.Site(0, 0), url, WAREHOUSE_DATABASE_URL=warehouse, LMS_ETL_HOME=home)
    site = [sys.executable, "-m", "benchmarks.contenders.progress_site"]
    bare = [sys.executable, "-m", "benchmarks.contenders.bare_progress", url]
    built = measure.run([*site, "build", url, str(users), str(courses)], given)
    measure.console.print(f"site: {users:,} users x {courses} courses, built in {built.seconds:.0f} s", style="dim")
    measure.run([*command(), "migrate"], given)
    statement = measure.run(bare, given)
    full = measure.run([*command(), "progress", "full"], given)
    agree(json.loads(statement.output), stored(warehouse))
    again = measure.run([*command(), "progress", "reconcile"], given)
    since = str(int(time.time()))
    measure.run([*site, "change", url, str(SHARE)], given)
    changed = measure.run([*bare, since], given)
    delta = measure.run([*command(), "progress", "sync"], given)
    agree(json.loads(measure.run(bare, given).output), stored(warehouse))
    rows = json.loads(changed.output)["rows"]
    measure.table(
        f"Course progress of {users * courses:,} rows; the delta has {rows:,}",
        ("whole process", "s", "peak MB", "time / bare SQL"),
        [
            line("bare SQL, everything", statement, statement),
            line("lms-etl progress full, the first", full, statement),
            line("lms-etl progress reconcile", again, statement),
            line("bare SQL, the delta", changed, changed),
            line("lms-etl progress sync, the delta", delta, changed),
        ],
    )


def line(name: str, taken: measure.Taken, bare: measure.Taken) -> tuple[str, ...]:
    return name, f"{taken.seconds:.1f}", f"{taken.megabytes:.0f}", f"{taken.seconds / bare.seconds:.2f}"


def stored(url: str) -> dict[str, float]:
    """Live rows of the reporting table, and the sum of their percentages."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        text = "select count(*), sum(percentage) from local_alx_api_reporting where is_deleted = 0"
        rows, total = connection.exec_driver_sql(text).one()
    engine.dispose()
    return {"rows": rows, "percentages": round(float(total or 0), 2)}


def agree(bare: dict[str, float], ours: dict[str, float]) -> None:
    Difference.check("bare SQL", bare, "ours", ours)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.progress", description=__doc__)
    parser.add_argument("--users", type=int, default=10_000, help="%(default)s")
    parser.add_argument("--courses", type=int, default=10, help="%(default)s")
    parser.add_argument("--into", choices=("postgresql", "mariadb", "sqlite"), default="postgresql", help="%(default)s")
    return parser


if __name__ == "__main__":
    main()
