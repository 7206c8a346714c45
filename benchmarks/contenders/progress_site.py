"""The Moodle site of the benchmark of course progress: `build URL USERS COURSES`, or `change URL SHARE`.

Every user is in every course; each course tracks ten modules, of which half have a state.
"""

import sys
import time

import numpy as np
import sqlalchemy as sa

from lms_etl.databases import parse_url
from lms_etl.demo.schema import moodle_tables
from lms_etl.warehouse.bulk import insert_columns

TRACKED = 10
PORTION = 10_000
BEGAN, ENDED = 1_735_689_600, 1_767_225_600
"""The year 2025, in which everything happened before the benchmark changes something."""


def engine_of(url: str) -> sa.Engine:
    return sa.create_engine(parse_url(url, "the site's URL"), connect_args={"local_infile": 1, "charset": "utf8mb4"})


def build(url: str, users: int, courses: int) -> None:
    metadata = moodle_tables("mdl_")
    table = {name.removeprefix("mdl_"): each for name, each in metadata.tables.items()}
    random = np.random.default_rng(1)
    course_ids = list(range(2, courses + 2))
    modules = [course for course in course_ids for _ in range(TRACKED)]
    with engine_of(url).connect() as connection:
        metadata.create_all(connection)

        def load(name: str, **columns: object) -> None:
            rows = next(len(value) for value in columns.values() if isinstance(value, list))
            insert_columns(connection, table[name], columns, rows)
            connection.commit()

        load("course", id=[1, *course_ids], fullname=[f"Course {number}" for number in [1, *course_ids]], visible=1)
        load("enrol", id=course_ids, courseid=course_ids, enrol="manual", status=0)
        load("course_modules", id=list(range(1, len(modules) + 1)), course=modules, completion=1, added=BEGAN)
        for first in range(1, users + 1, PORTION):
            ids = np.arange(first, min(first + PORTION, users + 1))
            who, where = np.repeat(ids, courses), np.tile(np.array(course_ids), len(ids))
            what = np.tile(np.arange(1, len(modules) + 1), len(ids))
            done = random.random(len(what)) < 0.5
            finished = random.random(len(who)) < 0.3
            moment = random.integers(BEGAN, ENDED, len(who)).tolist()
            load(
                "user",
                id=ids.tolist(),
                username=[f"u{number}" for number in ids],
                firstname=[f"First {number}" for number in ids],
                lastname=[f"Last {number}" for number in ids],
                email=[f"u{number}@example.org" for number in ids],
                timemodified=BEGAN,
            )
            load(
                "user_enrolments",
                enrolid=where.tolist(),
                userid=who.tolist(),
                timeend=0,
                timecreated=BEGAN,
                timemodified=BEGAN,
            )
            load(
                "course_completions",
                userid=who.tolist(),
                course=where.tolist(),
                timeenrolled=BEGAN,
                timestarted=moment,
                timecompleted=[at if full else None for at, full in zip(moment, finished, strict=True)],
            )
            load(
                "course_modules_completion",
                userid=np.repeat(ids, len(modules))[done].tolist(),
                coursemoduleid=what[done].tolist(),
                completionstate=1,
                timemodified=random.integers(BEGAN, ENDED, int(done.sum())).tolist(),
            )
        for each in table.values():
            connection.exec_driver_sql(f"analyze table {each.name}")


def change(url: str, share: float) -> None:
    """Turns one state of that share of the users' courses, now."""
    with engine_of(url).connect() as connection:
        pairs = connection.exec_driver_sql("select count(*) from mdl_user_enrolments").scalar_one()
        connection.execute(
            sa.text(
                "update mdl_course_modules_completion cmc join ("
                "select min(r.id) as id from mdl_course_modules_completion r "
                "join mdl_course_modules cm on cm.id = r.coursemoduleid group by r.userid, cm.course "
                "order by rand(1) limit :pairs) chosen on chosen.id = cmc.id "
                "set completionstate = 0, timemodified = :now"
            ),
            {"pairs": int(pairs * share), "now": int(time.time())},
        )
        connection.commit()


if __name__ == "__main__":
    if sys.argv[1] == "build":
        build(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        change(sys.argv[2], float(sys.argv[3]))
