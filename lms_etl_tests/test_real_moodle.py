"""The Moodle 4.5 dump of ../shared gives exactly the rows of its truth files, through the command line.

The dump and its truth are not part of the repository; without them these tests do not run.
"""

import csv
import gzip
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from lms_etl.activity import report
from lms_etl.activity.enrolment_history import EnrolmentHistory
from lms_etl.days import each_day, local_day
from lms_etl.settings import Settings
from lms_etl.sources.moodle import VIEWS, Moodle
from lms_etl.warehouse import tables
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.servers import MariaDB
from lms_etl_tests.test_cli import Shell, said

MOODLE = Path(__file__).parent.parent.parent / "shared" / "moodle"
FIRST, LAST = "2026-03-22", "2026-03-28"
ROLE_LOG = """
    select contextinstanceid, relateduserid, objectid, action, timecreated
    from mdl_logstore_standard_log where eventname like '%role%assigned' and contextlevel = 50 order by id
"""
pytestmark = pytest.mark.skipif(
    not MOODLE.is_dir(), reason="../shared/moodle, the real dump and its truth, is not here"
)


def truth(name: str) -> list[dict[str, str | None]]:
    r"""Rows of a truth file; `\N` is None."""
    with (MOODLE / "truth" / name).open(encoding="utf-8", newline="") as file:
        return [{key: None if value == r"\N" else value for key, value in row.items()} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def reader_url(mariadb: MariaDB) -> Iterator[str]:
    """The dump in a database of its own, as a user who may only SELECT."""
    with mariadb.fresh_database() as url:
        engine = sa.create_engine(url)
        with (
            gzip.open(MOODLE / "moodle_4_5_mariadb.sql.gz", "rt", encoding="utf-8") as dump,
            engine.connect() as connection,
        ):
            connection.exec_driver_sql("set foreign_key_checks = 0, unique_checks = 0, autocommit = 0")
            cursor = connection.connection.cursor()
            for statement in statements(dump):
                cursor.execute(statement)
            connection.connection.commit()
        engine.dispose()
        yield mariadb.reader_url(url)


def statements(dump: Iterator[str]) -> Iterator[str]:
    """The statements of a mysqldump, which ends each with a semicolon at the end of a line."""
    lines: list[str] = []
    for line in dump:
        if not lines and (line.startswith(("--", "/*M!999999")) or not line.strip()):
            continue
        lines.append(line)
        if line.rstrip().endswith(";"):
            yield "".join(lines)
            lines = []


def test_the_merged_week_equals_the_truth_cell_for_cell(
    reader_url: str, new_database: Callable[[str], str], tmp_path: Path
) -> None:
    """The truth counts the people of the dump on every day, as a load without a replay does."""
    expected = [tuple(row.values()) for row in truth("merged_zero_filled.csv")]
    for dialect in ("postgresql", "mariadb", "sqlite"):
        target = new_database(dialect)
        found = backfilled(reader_url, target, tmp_path / dialect, LMS_ETL_REPLAY_ENROLMENTS="false")
        assert found == expected, dialect


def test_the_replay_changes_only_the_people_of_two_courses_before_some_left(
    reader_url: str, sqlite_url: str, tmp_path: Path
) -> None:
    """On 25 March, 11:00, two students left course 9 and five left course 10; all else is as in the truth."""
    expected = [list(row.values()) for row in truth("merged_zero_filled.csv")]
    for row in expected:
        left = {"9": 2, "10": 5}.get(str(row[1]), 0) if str(row[0]) < "2026-03-25" else 0
        row[5] = str(int(str(row[5])) + left)
    assert backfilled(reader_url, sqlite_url, tmp_path) == [tuple(row) for row in expected]


def backfilled(source: str, target: str, home: Path, **variables: str) -> list[tuple[str, ...]]:
    """The rows of the week that the command line loads, with the truth's columns."""
    columns = (
        "extraction_date", "moodle_course_id", "course_shortname", "course_name", "course_id",
        "num_students", "num_teachers", *VIEWS,
    )  # fmt: skip
    shell = Shell(source, target, home, LMS_ETL_TIMEZONE="Asia/Jakarta", **variables)
    assert shell("migrate").returncode == 0
    result = shell("backfill", "--from", FIRST, "--to", LAST)
    assert result.returncode == 0, said(result)
    warehouse = Warehouse(Settings(warehouse_database_url=target))
    frame = warehouse.frame(tables.user_activity).sort_values(["extraction_date", "moodle_course_id"])
    warehouse.engine.dispose()
    return [tuple(map(str, row)) for row in frame[list(columns)].itertuples(index=False)]


def test_the_replay_equals_the_roles_counted_forwards_through_the_log(reader_url: str) -> None:
    """Every course that still exists, but 22: the dump has its people and not the log of the restore that made it."""
    settings = Settings(moodle_database_url=reader_url, timezone="Asia/Jakarta")
    moodle = Moodle(settings)
    roles = moodle.role_history(since=0)
    with moodle.reading() as connection:
        log = connection.execute(sa.text(ROLE_LOG)).all()
        gone = set(connection.execute(sa.text("select id from mdl_user where deleted = 1")).scalars())
    moodle.engine.dispose()
    history = EnrolmentHistory(roles.holders, roles.events)
    for date in each_day(local_day_of(FIRST), local_day_of(LAST)):
        end = local_day(date, settings.zone).end
        held: Counter[tuple[int, int, int]] = Counter()
        for course, user, role, action, moment in log:
            if moment < end and user not in gone and role in (3, 4, 5):
                held[course, user, role] += 1 if action == "assigned" else -1
        then = history.at(end)
        told = dict(zip(then["courseid"], zip(then["num_students"], then["num_teachers"], strict=True), strict=True))
        for course in set(told) - {22}:
            students = {user for place, user, role in +held if place == course and role == 5}
            teachers = {user for place, user, role in +held if place == course and role in (3, 4)}
            assert told[course] == (len(students), len(teachers)), (date, course)


def views_by_day(url: str, zone: str, **options: bool) -> dict[tuple[str, str], tuple[str, ...]]:
    """(day, course) and its six views in another zone, for every day that the dump has."""
    settings = Settings(moodle_database_url=url, timezone=zone, **options)
    moodle = Moodle(settings)
    found = {}
    for date in each_day(local_day_of(FIRST), local_day_of("2026-03-29")):
        frame = moodle.activity_counts(local_day(date, settings.zone)).frame
        for row in frame[["courseid", *VIEWS, "viewed_rows"]].itertuples(index=False):
            found[date.isoformat(), str(row.courseid)] = tuple(map(str, row[1:]))
    moodle.engine.dispose()
    return found


def local_day_of(text: str):
    from datetime import date

    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("zone", "file", "options"),
    [
        ("Asia/Jakarta", "views_day_course.csv", {}),
        ("Asia/Jakarta", "views_day_course_cmonly.csv", {"page_views_only": True}),
        ("UTC", "views_day_course_tz_UTC.csv", {}),
        ("Europe/Berlin", "views_day_course_tz_Europe_Berlin.csv", {}),
        ("Australia/Sydney", "views_day_course_tz_Australia_Sydney.csv", {}),
    ],
)
def test_views_by_day_and_course_equal_the_truth_in_every_zone(
    reader_url: str, zone: str, file: str, options: dict[str, bool]
) -> None:
    rows = [list(row.values()) for row in truth(file)]
    expected = {(day, course): tuple(numbers) for day, course, *numbers in rows}
    found = views_by_day(reader_url, zone, **options)
    days = {day for day, _ in expected}
    assert {key: value for key, value in found.items() if key[0] in days} == expected


@pytest.mark.parametrize(("file", "active_only"), [("roles_course.csv", False), ("roles_course_active_only.csv", True)])
def test_people_by_course_equal_the_truth(reader_url: str, file: str, active_only: bool) -> None:
    moodle = Moodle(Settings(moodle_database_url=reader_url, active_enrolments_only=active_only))
    frame = moodle.user_counts(now=1774746000)
    moodle.engine.dispose()
    found = {
        tuple(map(str, row)) for row in frame[["courseid", "num_students", "num_teachers"]].itertuples(index=False)
    }
    expected = {tuple(row.values()) for row in truth(file)}
    # A course in which nobody counts stands in the truth with zeros, and has no row where the filter leaves nobody.
    empty = {row for row in expected if row[1:] == ("0", "0")}
    assert found | empty == expected | {row for row in found if row[1:] == ("0", "0")}


def test_days_and_span_of_the_whole_period_equal_the_truth(reader_url: str) -> None:
    import pandas as pd

    settings = Settings(moodle_database_url=reader_url, timezone="Asia/Jakarta")
    moodle = Moodle(settings)
    daily = []
    for date in each_day(local_day_of(FIRST), local_day_of(LAST)):
        counted = report.activity_counts(moodle.activity_counts(local_day(date, settings.zone)).frame, settings.zone)
        daily.append(counted.assign(extraction_date=date))
    moodle.engine.dispose()
    whole = report.over_period(pd.concat(daily))
    found = {str(row.courseid): (str(row.distinct_active_days), str(row.active_days)) for row in whole.itertuples()}
    expected = {row["course_id"]: (row["distinct_days"], row["span_days"]) for row in truth("views_course_total.csv")}
    assert found == expected
