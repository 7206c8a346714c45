"""What an export costs without HTTP: all rows beside the database's own COPY, memory, page 1,000 beside page 1.

One PostgreSQL, one table of a year with as many rows as asked for. Every contender that exports is a whole process; its
time is taken inside it, from the opened question to the last byte, so that imports do not count.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta

import sqlalchemy as sa

from benchmarks import measure, source
from lms_etl.api.reading.export import ExportAsk, open_export
from lms_etl.api.scope import Scope
from lms_etl.settings import Settings
from lms_etl.warehouse import schema
from lms_etl.warehouse.warehouse import Warehouse

FIRST = date(2025, 1, 1)
DAYS = 365
SPEED = 0.5
"""Our CSV's speed to that of COPY to the same client, at least."""
MEMORY = 200
"""MB that an export may take at its peak."""
PAGES = 1.2
"""Cost of page 1,000 to that of page 1, at most."""
PAGE = 1000
ADMIN = Scope("bench", admin=True)

_FILL = """
insert into user_activity_etl (moodle_course_id, course_id, id_number, course_name, course_shortname, num_teachers,
    num_students, file_views, video_views, forum_views, quiz_views, assignment_views, url_views, total_views,
    avg_activity_per_student_per_day, active_days, distinct_active_days, extraction_date)
select c, 'CAT-' || c % 40, 'ID-' || c, 'Introduction to subject number ' || c || ', group ' || c % 7, 'SUBJ-' || c, 2,
    c % 90, c % 50, c % 11, c % 23, c % 5, c % 3, c % 2, c % 94, (c % 700) / 100.0, 1, 1, :first_day + d
from generate_series(0, :days - 1) d, generate_series(1, :courses) c
"""
_RUNS = """
insert into etl_job_runs (job_name, target_date, trigger, status, rows_inserted, started_at, completed_at)
select 'user_activity', :first_day + d, 'backfill', 'SUCCESS', :courses, now(), now()
from generate_series(0, :days - 1) d
"""
_RECEIPTS = """
insert into etl_days (job_name, target_date, run_id, first_completed_at, last_completed_at)
select 'user_activity', target_date, id, completed_at, completed_at from etl_job_runs
"""


def opened(url: str) -> Warehouse:
    return Warehouse(Settings(warehouse_database_url=url))


def fill(url: str, rows: int) -> int:
    """Makes the report of a year; returns its rows."""
    warehouse = opened(url)
    schema.migrate(warehouse)
    parameters = {"first_day": FIRST, "days": DAYS, "courses": max(rows // DAYS, 1)}
    with warehouse.writing() as connection:
        for statement in (_FILL, _RUNS, _RECEIPTS):
            connection.execute(sa.text(statement), parameters)
    with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("vacuum analyze"))
        found = connection.execute(sa.text("select count(*) from user_activity_etl")).scalar_one()
    warehouse.close()
    return int(found)


class Sink:
    """Takes bytes and counts them."""

    def __init__(self) -> None:
        self.bytes = 0

    def write(self, part: bytes) -> None:
        self.bytes += len(part)


def by_copy(warehouse: Warehouse) -> Sink:
    """The database's own export of the table, in the order of nothing."""
    sink = Sink()
    with warehouse.reading() as connection:
        cursor = connection.connection.cursor()
        cursor.copy_expert("copy user_activity_etl to stdout with (format csv, header)", sink)
    return sink


def by_us(warehouse: Warehouse, format: str) -> Sink:  # noqa: A002
    """All rows as the API streams them."""
    sink = Sink()
    ask = ExportAsk(first=FIRST, last=FIRST + timedelta(days=DAYS), limit=None)
    for part in open_export(warehouse, ADMIN, ask).stream(format):
        sink.write(part)
    return sink


def contender(url: str, name: str) -> None:
    """One export in this process; prints its seconds and bytes."""
    warehouse = opened(url)
    with warehouse.reading() as connection:
        connection.execute(sa.text("select 1"))
    if name != "copy":
        next(open_export(warehouse, ADMIN, ExportAsk(date=FIRST, limit=1)).stream(name))
    start = time.perf_counter()
    sink = by_copy(warehouse) if name == "copy" else by_us(warehouse, name)
    print(json.dumps([time.perf_counter() - start, sink.bytes]))


def exports(url: str, rows: int, formats: list[str], repeat: int) -> None:
    """All rows in each format, in a process of its own."""

    def contender_of(name: str) -> Callable[[], measure.Taken]:
        def run() -> measure.Taken:
            command = [sys.executable, "-m", "benchmarks.api_reading", "--contender", name, "--url", url]
            taken = measure.run(command, {"PYTHONPATH": str(source.ROOT)})
            return measure.Taken(json.loads(taken.output.splitlines()[-1])[0], taken.megabytes, taken.output)

        return run

    runs = measure.interleaved({name: contender_of(name) for name in ("copy", *formats)}, repeat)
    copy = runs["copy"].seconds
    lines = []
    for name, each in runs.items():
        size = json.loads(each.taken[-1].output.splitlines()[-1])[1] / 1e6
        speed = copy / each.seconds
        wanted, met = f"≤ {MEMORY} MB", each.megabytes <= MEMORY
        if name == "csv":
            wanted, met = f"≥ {SPEED}, {wanted}", met and speed >= SPEED
        judged = ("", "") if name == "copy" else (wanted, measure.verdict(met))
        numbers = (f"{each.seconds:.2f}", f"{size:.0f}", f"{each.megabytes:.0f}", f"{speed:.2f}")
        lines.append((name, *numbers, *judged))
    columns = (f"{rows:,} rows as", "median s", "MB sent", "peak MB", "speed / COPY", "to reach", "")
    measure.table("Export from PostgreSQL, one stream", columns, lines)


def pages(url: str, rows: int, repeat: int) -> None:
    """One page of 1,000 rows by cursor, at the beginning and 1,000 pages on (or at the end of a shorter table)."""
    warehouse = opened(url)
    far = min(1000, rows // PAGE) - 1
    cursors = {"page 1": None, f"page {far + 1:,}": _cursor_before(warehouse, far)}
    taken: dict[str, list[float]] = {name: [] for name in cursors}
    for _ in range(repeat):
        for name, cursor in cursors.items():
            ask = ExportAsk(cursor=cursor) if cursor else ExportAsk(first=FIRST, last=FIRST + timedelta(days=DAYS))
            start = time.perf_counter()
            for _part in open_export(warehouse, ADMIN, ask).stream("json"):
                pass
            taken[name].append(1000 * (time.perf_counter() - start))
    medians = [statistics.median(each) for each in taken.values()]
    ratio = medians[1] / medians[0]
    verdict = (f"{ratio:.2f}", f"≤ {PAGES}", measure.verdict(ratio <= PAGES))
    lines = [
        (name, f"{median:.1f}", *judged)
        for name, median, judged in zip(taken, medians, (("1.00", "", ""), verdict), strict=True)
    ]
    measure.table(f"{PAGE:,} rows as JSON by cursor", ("", "median ms", "ratio", "to reach", ""), lines)


def _cursor_before(warehouse: Warehouse, page: int) -> str | None:
    """The cursor that `page` pages hand out one after the other, without walking them."""
    ask = ExportAsk(first=FIRST, last=FIRST + timedelta(days=DAYS), limit=1, offset=page * PAGE - 1)
    with open_export(warehouse, ADMIN, ask) as export:
        return export.next_cursor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the report (%(default)s)")
    parser.add_argument("--repeat", type=int, default=3, help="rounds (%(default)s)")
    parser.add_argument(
        "--formats", default="csv,json,ndjson,parquet,arrow", help="compared (%(default)s); xlsx is slow"
    )
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.contender:
        contender(asked.url, asked.contender)
        return
    with source.postgresql() as server, server.fresh_database() as url:
        rows = fill(url, asked.rows)
        exports(url, rows, asked.formats.split(","), asked.repeat)
        pages(url, rows, 30 * asked.repeat)


if __name__ == "__main__":
    main()
