"""What the log of a demo site looks like: times, mixes and oddities of a real one."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from lms_etl.activity.enrolment_history import EnrolmentHistory
from lms_etl.days import local_day
from lms_etl.demo import SiteShape, build_site
from lms_etl.demo.log import log_chunks
from lms_etl.demo.plan import plan_of
from lms_etl.settings import Settings
from lms_etl.sources.moodle import Moodle

BERLIN = ZoneInfo("Europe/Berlin")


def one(site: sa.Connection, sql: str, **values: object) -> object:
    return site.scalar(sa.text(sql), values)


def pairs(site: sa.Connection, sql: str) -> dict[object, object]:
    return {row[0]: row[1] for row in site.execute(sa.text(sql))}


def epoch(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=BERLIN).timestamp())  # type: ignore[arg-type, misc]


def test_every_row_lies_in_the_days_asked_for(site: sa.Connection) -> None:
    first, last = site.execute(
        sa.text("select min(timecreated), max(timecreated) from mdl_logstore_standard_log")
    ).one()
    assert first == epoch(2025, 10, 1)
    assert last == epoch(2025, 11, 10) - 1


def test_every_day_has_rows_and_sundays_have_fewer(site: sa.Connection) -> None:
    times = site.scalars(sa.text("select timecreated from mdl_logstore_standard_log"))
    by_day = Counter(datetime.fromtimestamp(time, BERLIN).date() for time in times)
    assert set(by_day) == {date(2025, 10, 1) + timedelta(days=number) for number in range(40)}
    assert by_day[date(2025, 10, 12)] < by_day[date(2025, 10, 14)]


def test_evenings_are_busier_than_nights(site: sa.Connection) -> None:
    times = site.scalars(sa.text("select timecreated from mdl_logstore_standard_log"))
    by_hour = Counter(datetime.fromtimestamp(time, BERLIN).hour for time in times)
    assert by_hour[20] > 5 * by_hour[4]


def test_a_semester_break_is_quieter_than_the_term() -> None:
    shape = SiteShape(log_rows=30_000, first_day=date(2025, 1, 1), last_day=date(2025, 12, 31))
    months = Counter(
        datetime.fromtimestamp(time, UTC).month for chunk in log_chunks(plan_of(shape)) for time in chunk["timecreated"]
    )  # type: ignore[call-overload]
    assert 0 < months[7] < months[10] / 2


def test_both_passes_of_the_doubled_hour_have_rows(site: sa.Connection) -> None:
    sql = "select count(*) from mdl_logstore_standard_log where timecreated >= :start and timecreated < :start + 3600"
    second_pass = epoch(2025, 10, 26, 3) - 3600
    assert one(site, sql, start=second_pass)
    assert one(site, sql, start=second_pass - 3600)


@pytest.mark.parametrize(
    "moment", [epoch(2025, 10, 1), epoch(2025, 10, 2) - 1, epoch(2025, 11, 9), epoch(2025, 11, 10) - 1]
)
def test_rows_crowd_at_midnight(site: sa.Connection, moment: int) -> None:
    assert one(site, "select count(*) from mdl_logstore_standard_log where timecreated = :moment", moment=moment) >= 5  # type: ignore[operator]


def test_restored_rows_are_older_than_their_neighbours(site: sa.Connection) -> None:
    restored = site.execute(
        sa.text("select id, timecreated, ip from mdl_logstore_standard_log where origin is null order by id")
    ).all()
    previous = "select max(timecreated) from mdl_logstore_standard_log where id < :id and origin is not null"
    newest = one(site, previous, id=restored[0].id)
    late = [newest - row.timecreated for row in restored]  # type: ignore[operator]
    assert len(restored) == 20
    assert [row.id for row in restored] == list(range(restored[0].id, restored[0].id + 20))
    assert 3_000 < min(late) < max(late) < 8 * 86_400
    assert max(late) > 6 * 86_400
    assert {row.ip for row in restored} == {None}


def test_buffered_rows_are_a_little_out_of_order(site: sa.Connection) -> None:
    times = site.scalars(
        sa.text("select timecreated from mdl_logstore_standard_log where origin is not null order by id")
    )
    newest, late = 0, []
    for time in times:
        late.append(newest - time)
        newest = max(newest, time)
    assert 20 < sum(seconds > 0 for seconds in late) < len(late) / 10
    assert max(late) <= 600


def test_two_in_five_rows_are_views_of_modules(site: sa.Connection) -> None:
    views = one(site, "select count(*) from mdl_logstore_standard_log where contextlevel = 70 and action = 'viewed'")
    assert 0.4 < views / 20_000 < 0.5  # type: ignore[operator]


def test_sub_views_are_not_course_module_views(site: sa.Connection) -> None:
    targets = pairs(
        site,
        "select target, count(*) from mdl_logstore_standard_log where contextlevel = 70 and action = 'viewed'"
        " group by 1",
    )
    assert {"course_module", "discussion", "submission_status", "attempt", "attempt_summary"} <= set(targets)


def test_courses_differ_much_in_popularity(site: sa.Connection) -> None:
    counts = sorted(
        pairs(site, "select courseid, count(*) from mdl_logstore_standard_log where courseid > 1 group by 1").values()  # type: ignore[type-var]
    )
    assert counts[-1] > 4 * counts[len(counts) // 2]  # type: ignore[operator]


@pytest.mark.parametrize("userid", [-1, 0, 1, 2])
def test_odd_actors_write_rows(site: sa.Connection, userid: int) -> None:
    assert one(site, "select count(*) from mdl_logstore_standard_log where userid = :userid", userid=userid)


@pytest.mark.parametrize(
    "odd",
    [
        "courseid = 0 and contextlevel = 10 and action = 'loggedin' and target = 'user' and objectid = userid",
        "courseid = 0 and contextlevel = 30 and target = 'dashboard' and contextinstanceid = userid",
        "courseid = 1 and contextlevel = 50 and contextid = 2 and contextinstanceid = 1",
        "anonymous = 1 and userid > 2 and component = 'mod_feedback'",
        "realuserid = 2 and userid > 2",
        "other = 'N;'",
        "other = 'null'",
        "other like 'a:1:{s:%'",
        'other like \'{"%":"%"}\'',
        "origin = 'cli' and ip is null",
        "origin = 'ws'",
        "ip like '%:%'",
        "contextlevel = 70 and objecttable is null and objectid is null",
    ],
)
def test_odd_rows_exist(site: sa.Connection, odd: str) -> None:
    assert one(site, f"select count(*) from mdl_logstore_standard_log where {odd}")


def test_living_rows_agree_with_context_and_course_modules(site: sa.Connection) -> None:
    wrong = """
        select count(*) from mdl_logstore_standard_log l
        join mdl_course c on c.id = l.courseid
        left join mdl_context x on x.id = l.contextid and x.contextlevel = l.contextlevel
             and x.instanceid = l.contextinstanceid
        left join mdl_course_modules m on m.id = l.contextinstanceid and m.course = l.courseid
        where x.id is null or (l.contextlevel = 70 and m.id is null)
    """
    assert one(site, wrong) == 0


def test_viewed_module_is_of_the_component_that_says_so(site: sa.Connection) -> None:
    wrong = """
        select count(*) from mdl_logstore_standard_log l
        join mdl_course_modules m on m.id = l.contextinstanceid
        join mdl_modules t on t.id = m.module
        where l.contextlevel = 70 and l.target = 'course_module' and l.action = 'viewed'
          and (l.component <> 'mod_' || t.name or l.objecttable <> t.name or l.objectid <> m.instance)
    """
    assert one(site, wrong) == 0


def test_rows_of_the_deleted_course_dangle_until_its_end(site: sa.Connection) -> None:
    rows, modules, newest = site.execute(
        sa.text("""
            select count(*), count(distinct contextinstanceid), max(timecreated) from mdl_logstore_standard_log l
            where courseid > 1 and not exists (select 1 from mdl_course c where c.id = l.courseid)
              and not exists (select 1 from mdl_context x where x.id = l.contextid)
        """)
    ).one()
    assert rows > 50
    assert modules > 3
    assert newest < epoch(2025, 11, 1)


def test_students_who_leave_are_told_by_an_event_and_the_replay_counts_them_until_then(sqlite_url: str) -> None:
    shape = SiteShape(log_rows=5_000, departures_every=40, last_day=date(2025, 9, 30))
    build_site(sqlite_url, shape)
    moodle = Moodle(Settings(moodle_database_url=sqlite_url))
    roles = moodle.role_history(since=0)
    moodle.engine.dispose()
    history = EnrolmentHistory(roles.holders, roles.events)
    first, last = (local_day(day, shape.zone).end for day in (shape.first_day, shape.last_day))
    students = [sum(history.at(moment)["num_students"]) for moment in (first, (first + last) // 2, last)]
    assert len(roles.events) > 10
    assert students[0] > students[1] > students[2]
    assert set(history.at(first)["basis"]) == {"replayed"}
    assert roles.log_start <= first


def test_a_departure_changes_nothing_else_in_the_log() -> None:
    shape = SiteShape(log_rows=3_000)
    plain, leaving = (
        [row for chunk in log_chunks(plan_of(each)) for row in zip(*chunk.values(), strict=True)]
        for each in (shape, replace(shape, departures_every=40))
    )
    changed = [new for old, new in zip(plain, leaving, strict=True) if old != new]
    assert 5 < len(changed) < 40
    assert {row[1] for row in changed} == {r"\core\event\role_unassigned"}
