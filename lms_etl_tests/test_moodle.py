"""Reading Moodle on every dialect: what counts, in which day, by whom, and what a person is told when it fails."""

from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import sqlalchemy as sa

from lms_etl.databases import DatabaseProblem
from lms_etl.days import LocalDay, local_day, parse
from lms_etl.settings import Settings
from lms_etl.sources import moodle as source
from lms_etl.sources.moodle import COMPONENTS, COURSE_COLUMNS, VIEWS, Moodle
from lms_etl_tests.conftest import SERVERS
from lms_etl_tests.servers.child import free_port
from lms_etl_tests.site import CATEGORY, EDITING_TEACHER, FRONT_PAGE, GUEST, MANAGER, MODULE, SYSTEM, TEACHER, Site

MARCH_22 = "2026-03-22"


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    """A site in UTC on each dialect."""
    with Site(database_url) as site:
        yield site


@pytest.fixture(params=list(SERVERS))
def served(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[Site]:
    """A site in UTC on each dialect that has a server with users."""
    with Site(new_database(request.param)) as site:
        yield site


@pytest.fixture
def jakarta(database_url: str) -> Iterator[Site]:
    """A site in Jakarta on each dialect."""
    with Site(database_url, zone="Asia/Jakarta") as site:
        yield site


def counts(site: Site, day: str = MARCH_22, **options: Any) -> dict[int, dict[str, int]]:
    """Rows of one day by course."""
    frame = site.moodle(**options).activity_counts(site.day(day)).frame
    return {row["courseid"]: row for row in frame.to_dict("records")}


def total(site: Site, day: str = MARCH_22, **options: Any) -> int:
    """Views of the six kinds on one day at the whole site."""
    return sum(row[kind] for row in counts(site, day, **options).values() for kind in VIEWS)


def people(site: Site, now: str = MARCH_22, **options: Any) -> dict[int, tuple[int, int]]:
    """Students and teachers by course."""
    frame = site.moodle(**options).user_counts(site.seconds(now))
    return {row["courseid"]: (row["num_students"], row["num_teachers"]) for row in frame.to_dict("records")}


def test_six_components_are_counted_by_course_and_a_page_is_a_video(site: Site) -> None:
    algebra, logic = site.course("ALG"), site.course("LOG")
    for times, component in enumerate(COMPONENTS, start=1):
        site.view(algebra, component, times=times)
    site.view(logic, "mod_page", times=4)
    found = counts(site)
    assert list(found) == [algebra, logic]
    assert [found[algebra][kind] for kind in VIEWS] == [1, 2, 3, 4, 5, 6]
    assert [found[logic][kind] for kind in VIEWS] == [0, 4, 0, 0, 0, 0]
    assert COMPONENTS["mod_page"] == "video_views"
    assert found[algebra]["viewed_rows"] == 21


def test_both_ways_of_counting_a_day_agree(site: Site) -> None:
    for number, component in enumerate(COMPONENTS, start=1):
        site.view(site.course(f"C{number}"), component, times=number, objecttable=None if number % 2 else "any")
    for options in ({}, {"require_objecttable": True}, {"page_views_only": True}):
        summed = {kind: sum(row[kind] for row in counts(site, **options).values()) for kind in VIEWS}
        assert site.moodle(**options).views_by_component(site.day(MARCH_22)) == summed
    assert summed == dict(zip(VIEWS, range(1, 7), strict=True))


def test_only_module_contexts_and_viewed_events_count(site: Site) -> None:
    algebra = site.course("ALG")
    site.view(algebra, times=3)
    before = counts(site)
    site.view(algebra, contextlevel=50, target="course")
    site.view(algebra, action="created")
    site.view(algebra, action="updated", contextlevel=10)
    assert counts(site) == before
    assert site.moodle().views_by_component(site.day(MARCH_22))["video_views"] == 3


def test_other_kinds_of_activity_make_a_course_active_without_a_count(site: Site) -> None:
    algebra = site.course("ALG")
    site.view(algebra, "mod_lesson", at=f"{MARCH_22} 08:00")
    site.view(algebra, "mod_h5pactivity", at=f"{MARCH_22} 20:00")
    row = counts(site)[algebra]
    assert [row[kind] for kind in VIEWS] == [0] * 6
    assert row["viewed_rows"] == 2
    assert (row["first_viewed"], row["last_viewed"]) == (
        site.seconds(f"{MARCH_22} 08:00"),
        site.seconds(f"{MARCH_22} 20:00"),
    )


def test_the_objecttable_option_takes_away_exactly_the_rows_without_one(site: Site) -> None:
    algebra = site.course("ALG")
    site.view(algebra, "mod_quiz", times=5)
    site.view(algebra, "mod_quiz", times=2, objecttable=None)
    by_default, off, on = (
        counts(site),
        counts(site, require_objecttable=False),
        counts(site, require_objecttable=True),
    )
    assert by_default == off
    assert (off[algebra]["quiz_views"], on[algebra]["quiz_views"]) == (7, 5)
    assert off[algebra]["viewed_rows"] == on[algebra]["viewed_rows"] == 7


def test_the_page_view_option_leaves_views_inside_an_activity_out(site: Site) -> None:
    algebra = site.course("ALG")
    site.view(algebra, "mod_forum", times=2)
    site.view(algebra, "mod_forum", times=3, target="discussion")
    assert counts(site)[algebra]["forum_views"] == 5
    assert counts(site, page_views_only=True)[algebra]["forum_views"] == 2


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, database_url: str) -> Iterator[str]:
    """The empty database, on a server whose sessions are in another time zone by default (SQLite has none)."""
    if database_url.startswith("postgresql"):
        name = sa.make_url(database_url).database
        request.getfixturevalue("postgres").execute(f"alter database \"{name}\" set timezone = 'Asia/Kolkata'")
    mariadb = request.getfixturevalue("mariadb") if database_url.startswith("mysql") else None
    if mariadb:
        mariadb.execute("set global time_zone = '+05:30'")
    yield database_url
    if mariadb:
        mariadb.execute("set global time_zone = '+00:00'")


DAYS = {
    "2026-03-22": "Asia/Jakarta",
    "2026-03-08": "America/New_York",
    "2026-11-01": "America/New_York",
    "2026-04-24": "Africa/Cairo",
    "2024-02-29": "UTC",
}


def test_a_day_is_half_open_in_the_sites_zone_whatever_the_servers_zone_is(elsewhere: str) -> None:
    with Site(elsewhere) as site:
        algebra, moodle = site.course("ALG"), site.moodle()
        for text, zone in DAYS.items():
            day = local_day(parse(text), ZoneInfo(zone))
            for instant in (day.start - 1, day.start, day.start + day.seconds // 2, day.end - 1, day.end):
                site.view(algebra, at=instant)
            (row,) = moodle.activity_counts(day).frame.to_dict("records")
            assert row["video_views"] == moodle.views_by_component(day)["video_views"] == 3, text
            assert (row["first_viewed"], row["last_viewed"]) == (day.start, day.end - 1), text


def test_sessions_are_in_utc_on_a_server_that_is_not(elsewhere: str) -> None:
    ask = {"mysql": "select @@session.time_zone", "postgresql": "show timezone", "sqlite": "select 'none'"}
    with Site(elsewhere) as site, site.engine.connect() as plain, site.moodle().reading() as ours:
        question = ask[site.engine.dialect.name]
        assert plain.exec_driver_sql(question).scalar() in {"+05:30", "Asia/Kolkata", "none"}
        assert ours.exec_driver_sql(question).scalar() in {"+00:00", "UTC", "none"}


def test_the_first_second_of_a_local_day_is_in_and_the_next_days_first_is_out(jakarta: Site) -> None:
    algebra = jakarta.course("ALG")
    jakarta.view(algebra, at=f"{MARCH_22} 00:00:00")
    jakarta.view(algebra, at="2026-03-23 00:00:00", times=5)
    assert (total(jakarta), total(jakarta, "2026-03-23"), total(jakarta, "2026-03-21")) == (1, 5, 0)


def test_adjacent_days_add_up_to_the_union(jakarta: Site) -> None:
    algebra = jakarta.course("ALG")
    start = jakarta.day(MARCH_22).start
    for hours in range(0, 48, 3):
        jakarta.view(algebra, at=start + hours * 3600 - (hours % 2))
    first, second = jakarta.day(MARCH_22), jakarta.day("2026-03-23")
    both = LocalDay(first.date, first.start, second.end)
    moodle = jakarta.moodle()
    views = [int(moodle.activity_counts(day).frame["video_views"].sum()) for day in (first, second, both)]
    assert views[0] + views[1] == views[2]
    assert all(views)


def test_a_day_read_a_week_later_gives_the_same_rows(site: Site) -> None:
    algebra = site.course("ALG")
    site.view(algebra, times=3)
    first = counts(site)
    site.view(algebra, at="2026-03-29 10:00", times=9)
    site.view(algebra, at="2026-03-21 10:00", times=9)
    assert counts(site) == first


def test_everybodys_views_count(site: Site) -> None:
    algebra = site.course("ALG")
    for nobody in (0, -1, GUEST):
        site.view(algebra, by=nobody)
    site.view(algebra, anonymous=1)
    site.view(algebra, realuserid=5)
    site.view(algebra, by=site.user("gone", deleted=1))
    assert counts(site)[algebra]["video_views"] == 6


def test_views_outside_any_course_keep_a_number_of_their_own(site: Site) -> None:
    site.view(None, times=2)
    site.view(0, times=3)
    site.view(FRONT_PAGE, times=4)
    assert {course: row["video_views"] for course, row in counts(site).items()} == {0: 5, FRONT_PAGE: 4}


def test_views_of_deleted_courses_and_modules_count(site: Site) -> None:
    site.view(999, contextid=123_456, contextinstanceid=654_321, times=2)
    assert counts(site)[999]["video_views"] == 2


def test_a_restored_row_under_a_new_id_counts_in_its_old_day(site: Site) -> None:
    algebra = site.course("ALG")
    site.view(algebra, at=f"{MARCH_22} 09:00", times=3)
    site.view(algebra, at="2026-03-24 09:00", times=3)
    site.view(algebra, at=f"{MARCH_22} 11:00", id=1_000_000, origin=None)
    views, bounds = site.moodle().activity_counts(site.day(MARCH_22))
    assert views["video_views"].tolist() == [4]
    assert (bounds.log_rows, bounds.max_id) == (4, 1_000_000)
    assert total(site, "2026-03-24") == 3


def test_dense_and_sparse_ids_give_the_same_rows(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    algebra, ana = site.course("ALG"), site.user("ana")
    site.enrol(ana, algebra)
    for hour in range(10, 14):
        site.view(algebra, at=f"{MARCH_22} {hour}:00", by=ana)
        site.view(algebra, at=f"2026-03-23 {hour}:00", by=ana)
    found, bounds = [], []
    for ids_per_row in (0.0, 1e9):
        monkeypatch.setattr(source, "_DENSE", ids_per_row)
        read = site.moodle(student_views=True).activity_counts(site.day(MARCH_22))
        found.append(read.frame.to_dict("records"))
        bounds.append((read.bounds.ids, read.bounds.other_ids))
    assert found[0] == found[1]
    assert found[0][0]["video_views"] == found[0][0]["student_views"] == 4
    assert bounds == [((0, 2**62), (1, 0)), ((1, 7), (1, 0))]


def test_a_day_with_restored_rows_is_read_in_two_ranges_of_ids(site: Site) -> None:
    algebra = site.course("ALG")
    site.view(algebra, at=f"{MARCH_22} 09:00", times=3)
    site.view(algebra, at="2026-03-24 09:00", times=3)
    for number in range(2):
        site.view(algebra, "mod_quiz", at=f"{MARCH_22} 11:00", id=1_000_000 + number)
    views, bounds = site.moodle().activity_counts(site.day(MARCH_22))
    assert (bounds.ids, bounds.other_ids, bounds.log_rows) == ((1, 3), (1_000_000, 1_000_001), 5)
    assert views[["video_views", "quiz_views"]].to_numpy().tolist() == [[3, 2]]
    assert site.moodle().views_by_component(site.day(MARCH_22))["quiz_views"] == 2


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([(3, 9)], ((3, 9), (1, 0))),
        ([(3, 9), (90, 95)], ((3, 9), (90, 95))),
        ([(3, 9), (12, 20), (900, 950)], ((3, 20), (900, 950))),
        ([(3, 9), (800, 850), (900, 950)], ((3, 9), (800, 950))),
    ],
)
def test_blocks_of_ids_are_split_at_their_widest_gap(blocks: list[Any], expected: Any) -> None:
    assert source.split_at_widest_gap(blocks) == expected


def test_an_empty_day_is_an_empty_frame_with_its_columns_and_types(site: Site) -> None:
    expected = ["courseid", *VIEWS, "first_viewed", "last_viewed", "viewed_rows"]
    for student_views in (False, True):
        read = site.moodle(student_views=student_views).activity_counts(site.day(MARCH_22))
        assert list(read.frame.columns) == expected + ["student_views"] * student_views
        assert len(read.frame) == 0
        assert set(read.frame.dtypes) == {np.dtype("int64")}
        assert (read.bounds.log_rows, read.bounds.max_id) == (0, None)
    assert site.moodle().views_by_component(site.day(MARCH_22)) == dict.fromkeys(VIEWS, 0)


def test_the_end_of_the_log_is_its_largest_id(site: Site) -> None:
    moodle = site.moodle()
    assert moodle.log_end() is None
    site.view(FRONT_PAGE, times=3)
    assert moodle.log_end() == 3


def test_people_assigned_long_ago_are_counted_and_both_teacher_roles_are_teachers(site: Site) -> None:
    algebra = site.course("ALG")
    site.enrol(site.user("ana"), algebra, assigned="2025-03-22 10:00")
    site.enrol(site.user("bo"), algebra, assigned=f"{MARCH_22} 10:00")
    site.enrol(site.user("eve"), algebra, EDITING_TEACHER, assigned="2025-03-22 10:00")
    site.enrol(site.user("tim"), algebra, TEACHER)
    site.enrol(site.user("max"), algebra, MANAGER)
    assert people(site) == {algebra: (2, 2)}
    assert site.moodle().user_counts(0)["assignments"].tolist() == [5]


def test_a_person_counts_once_in_a_course_and_once_in_each_kind(site: Site) -> None:
    algebra, logic, ana = site.course("ALG"), site.course("LOG"), site.user("ana")
    site.enrol(ana, algebra)
    site.assign_role(ana, 5, 50, algebra, by="enrol_cohort")
    site.enrol(ana, algebra, TEACHER, method="self")
    site.enrol(ana, logic)
    assert people(site) == {algebra: (1, 1), logic: (1, 0)}


def test_only_roles_in_the_course_itself_count(site: Site) -> None:
    algebra, ana = site.course("ALG"), site.user("ana")
    for level in (SYSTEM, CATEGORY, MODULE):
        site.assign_role(ana, 5, level, algebra)
    assert people(site) == {}


def test_a_student_role_with_another_id_is_found_by_id_or_archetype(site: Site) -> None:
    algebra, ana = site.course("ALG"), site.user("ana")
    site.role(17, "learner", archetype="student")
    site.enrol(ana, algebra, 17)
    site.view(algebra, by=ana)
    for roles in ((17,), ("student",), (5, 17), (5, "student")):
        assert people(site, student_roles=roles) == {algebra: (1, 0)}
        assert counts(site, student_roles=roles, student_views=True)[algebra]["student_views"] == 1
    assert people(site) == {algebra: (0, 0)}
    assert counts(site, student_views=True)[algebra]["student_views"] == 0


def test_teachers_can_be_named_by_archetype(site: Site) -> None:
    algebra = site.course("ALG")
    site.role(18, "tutor", archetype="teacher")
    site.role(19, "observer")
    site.enrol(site.user("tim"), algebra, 18)
    site.enrol(site.user("eve"), algebra, EDITING_TEACHER)
    site.enrol(site.user("oli"), algebra, 19)
    assert people(site, teacher_roles=("teacher", "editingteacher")) == {algebra: (0, 2)}


def test_people_without_a_live_enrolment_are_left_out_when_the_option_is_on(site: Site) -> None:
    algebra = site.course("ALG")
    site.enrol(site.user("live"), algebra)
    site.enrol(site.user("until tomorrow"), algebra, timeend="2026-03-23 00:00")
    site.enrol(site.user("suspended in the course"), algebra, status=1)
    site.enrol(site.user("by a disabled method"), algebra, method="self", method_status=1)
    site.enrol(site.user("expired"), algebra, timeend="2026-03-21 00:00")
    site.enrol(site.user("not yet"), algebra, timestart="2026-03-23 00:00")
    site.enrol(site.user("suspended", suspended=1), algebra)
    site.enrol(site.user("deleted", deleted=1), algebra)
    site.assign_role(site.user("not enrolled"), 5, 50, algebra)
    site.enrol(site.user("teaches no more"), algebra, TEACHER, status=1)
    assert people(site, active_enrolments_only=True) == {algebra: (2, 0)}
    assert people(site, active_enrolments_only=False) == people(site) == {algebra: (9, 1)}


def test_one_live_enrolment_is_enough(site: Site) -> None:
    algebra, ana = site.course("ALG"), site.user("ana")
    site.enrol(ana, algebra, status=1)
    site.enrol(ana, algebra, method="self")
    assert people(site, active_enrolments_only=True) == {algebra: (1, 0)}


def test_an_enrolment_in_another_course_does_not_help(site: Site) -> None:
    algebra, logic, ana = site.course("ALG"), site.course("LOG"), site.user("ana")
    site.enrol(ana, algebra, status=1)
    site.enrol(ana, logic)
    assert people(site, active_enrolments_only=True) == {logic: (1, 0)}


def test_students_views_exclude_teachers_guests_and_students_of_other_courses(site: Site) -> None:
    algebra, logic = site.course("ALG"), site.course("LOG")
    ana, eve, bo = site.user("ana"), site.user("eve"), site.user("bo")
    site.enrol(ana, algebra)
    site.assign_role(ana, 5, 50, algebra, by="enrol_cohort")
    site.enrol(eve, algebra, EDITING_TEACHER)
    site.enrol(bo, logic)
    site.view(algebra, "mod_quiz", by=ana, times=3)
    site.view(algebra, "mod_lesson", by=ana)
    for other in (eve, bo, GUEST, 0):
        site.view(algebra, "mod_quiz", by=other)
    site.view(None, by=ana)
    found = counts(site, student_views=True)
    assert found[algebra]["quiz_views"] == 7
    assert {course: row["student_views"] for course, row in found.items()} == {0: 0, algebra: 3}
    assert "student_views" not in counts(site)[algebra]


def test_students_views_obey_the_options_of_the_counts(site: Site) -> None:
    algebra, ana = site.course("ALG"), site.user("ana")
    site.enrol(ana, algebra)
    site.view(algebra, "mod_forum", by=ana)
    site.view(algebra, "mod_forum", by=ana, target="discussion")
    site.view(algebra, "mod_forum", by=ana, objecttable=None)
    for options, expected in (({}, 3), ({"page_views_only": True}, 2), ({"require_objecttable": True}, 2)):
        assert counts(site, student_views=True, **options)[algebra]["student_views"] == expected


ODD_NAMES = [
    'O\'Brien says "hi", really; drop table mdl_course --',
    "tab\there, line\nbreak, return\rhere",
    "back\\slash \\n \\N %s %(x)s :day {course} 100%",
    "数学入門 / العربية / Ünïcødé",
    "rocket 🚀 family 👩‍👩‍👧",
    "ü" * 1333,
    " leading and trailing ",
    "NULL",
]


def test_odd_names_come_back_unharmed(site: Site) -> None:
    odd = site.category("'\"\\", idnumber="")
    ids = [site.course(f"C{n}", odd, fullname=name, idnumber=name[:100]) for n, name in enumerate(ODD_NAMES)]
    frame = site.moodle().courses().set_index("moodle_course_id")
    assert frame.loc[ids, "course_name"].tolist() == ODD_NAMES
    assert frame.loc[ids, "id_number"].tolist() == [name[:100] for name in ODD_NAMES]
    assert site.moodle().categories()["name"].tolist() == ["'\"\\"]


def test_all_courses_are_listed_with_their_columns(site: Site) -> None:
    maths = site.category("Maths", idnumber="MATH")
    hidden = site.course("HID", maths, visible=0, idnumber="H-1", fullname="Hidden")
    frame = site.moodle().courses()
    assert tuple(frame.columns) == COURSE_COLUMNS
    assert frame["moodle_course_id"].tolist() == [FRONT_PAGE, hidden]
    assert frame.iloc[1].tolist() == [hidden, "H-1", "Hidden", "HID", 0, maths]
    assert [str(frame[name].dtype) for name in ("moodle_course_id", "visible", "category_id")] == ["int64"] * 3


def test_categories_keep_their_tree_and_a_missing_idnumber_is_none(site: Site) -> None:
    science = site.category("Science", idnumber="SCI")
    maths = site.category("Maths", parent=science)
    year = site.category("Year 1", idnumber="", parent=maths)
    frame = site.moodle().categories()
    assert list(frame.columns) == ["category_id", "name", "idnumber", "path"]
    assert frame.to_dict("list") == {
        "category_id": [science, maths, year],
        "name": ["Science", "Maths", "Year 1"],
        "idnumber": ["SCI", None, ""],
        "path": [f"/{science}", f"/{science}/{maths}", f"/{science}/{maths}/{year}"],
    }
    assert frame["category_id"].dtype == "int64"


def test_a_site_without_categories_gives_an_empty_frame(site: Site) -> None:
    frame = site.moodle().categories()
    assert (len(frame), frame["category_id"].dtype) == (0, np.dtype("int64"))


def test_reported_courses_are_visible_and_in_a_category_with_an_idnumber(site: Site) -> None:
    named, unnamed, empty = site.category("A", idnumber="A"), site.category("B"), site.category("C", idnumber="")
    shown, blank = site.course("S", named), site.course("E", empty)
    site.course("H", named, visible=0)
    site.course("U", unnamed)
    assert site.moodle().reported_courses() == {shown, blank}


def test_another_table_prefix_is_read(database_url: str) -> None:
    # PostgreSQL has a reserved word `user`, and Moodle itself refuses to run there without a prefix.
    with Site(database_url, prefix="m45_" if database_url.startswith("postgresql") else "") as site:
        algebra, ana = site.course("ALG", site.category("A", idnumber="A")), site.user("ana")
        site.enrol(ana, algebra)
        site.view(algebra, by=ana)
        for ask, answer in every_method(site.moodle(student_views=True), site):
            assert answer is not None, ask


def every_method(moodle: Moodle, site: Site) -> list[tuple[str, Any]]:
    """What each public method answers."""
    day = site.day(MARCH_22)
    asked: dict[str, Callable[[], Any]] = {
        "activity_counts": lambda: moodle.activity_counts(day),
        "views_by_component": lambda: moodle.views_by_component(day),
        "user_counts": lambda: moodle.user_counts(day.end),
        "courses": moodle.courses,
        "reported_courses": moodle.reported_courses,
        "categories": moodle.categories,
        "log_end": moodle.log_end,
        "role_history": lambda: moodle.role_history(0),
        "look_at_log": lambda: moodle.look_at_log(0, 0, 100, day.end),
        "log_rows": lambda: moodle.log_rows([day]),
    }
    public = {name for name, value in vars(Moodle).items() if callable(value) and not name.startswith("_")}
    assert set(asked) == public - {"reading", "rows", "integers"}
    return [(name, ask()) for name, ask in asked.items()]


def reader_url(site: Site, request: pytest.FixtureRequest) -> str:
    """URL of a user with SELECT only; on SQLite, that has no users, the site's own."""
    dialect = "mariadb" if site.engine.dialect.name == "mysql" else site.engine.dialect.name
    return request.getfixturevalue(SERVERS[dialect]).reader_url(site.url) if dialect in SERVERS else site.url


def test_a_user_with_select_alone_reads_everything(site: Site, request: pytest.FixtureRequest) -> None:
    algebra, ana = site.course("ALG", site.category("A", idnumber="A")), site.user("ana")
    site.enrol(ana, algebra)
    site.view(algebra, by=ana)
    options = {"student_views": True, "active_enrolments_only": True}
    answers = dict(every_method(site.moodle(moodle_database_url=reader_url(site, request), **options), site))
    assert answers["activity_counts"].frame["student_views"].tolist() == [1]
    assert (answers["log_end"], answers["reported_courses"]) == (1, {algebra})


WRITES = (
    "insert into mdl_modules (name) values ('x')",
    "update mdl_role set shortname = 'x'",
    "delete from mdl_role",
    "create table intruder (id integer)",
    "drop table mdl_modules",
)


def test_a_session_can_only_read_even_when_its_user_could_write(site: Site) -> None:
    engine = site.moodle().engine
    for write in WRITES:
        with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match=r"(?i)read.?only"):
            connection.exec_driver_sql(write)
    tables = sa.inspect(site.engine).get_table_names()
    assert {"mdl_modules", "mdl_role"} <= set(tables)
    assert "intruder" not in tables
    assert site.value("role", 5, "shortname") == "student"


def test_statements_of_one_reading_see_one_snapshot(site: Site) -> None:
    if site.engine.dialect.name == "sqlite":
        with site.engine.connect() as connection:
            connection.exec_driver_sql("pragma journal_mode = wal")
    site.view(FRONT_PAGE, times=2)
    moodle, count = site.moodle(), "select count(*) from mdl_logstore_standard_log"
    with moodle.reading() as connection:
        assert connection.exec_driver_sql(count).scalar() == 2
        site.view(FRONT_PAGE, times=3)
        assert connection.exec_driver_sql(count).scalar() == 2
    assert moodle.log_end() == 5


SLOW = {
    "mysql": "select sleep(20)",
    "postgresql": "select pg_sleep(20)",
    "sqlite": "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n",
}


def test_a_statement_that_takes_too_long_is_stopped_with_a_plain_message(site: Site) -> None:
    moodle = site.moodle(timeout=1)
    with pytest.raises(DatabaseProblem) as stopped, moodle.reading() as connection:
        connection.exec_driver_sql(SLOW[site.engine.dialect.name])
    message = str(stopped.value)
    assert message.startswith("A statement took longer than it may (MOODLE_DATABASE_URL=")
    assert "Raise ETL_TIMEOUT" in message
    assert moodle.log_end() is None, "the connection is usable afterwards"


def problem(url: str, ask: Callable[[Moodle], Any] = Moodle.courses, **options: Any) -> str:
    """What a person is told; it names the setting and keeps the password."""
    moodle = Moodle(Settings(moodle_database_url=url, warehouse_database_url="sqlite://", **options))
    with pytest.raises(DatabaseProblem) as told:
        ask(moodle)
    message = str(told.value)
    password = sa.make_url(url).password
    assert "MOODLE_DATABASE_URL" in message
    assert "\n" not in message
    assert not password or str(password) not in message
    return message


def changed(url: str, **parts: Any) -> str:
    return sa.make_url(url).set(**parts).render_as_string(hide_password=False)


def test_a_server_that_is_down_is_a_failure_to_connect(site: Site, tmp_path: Any) -> None:
    if site.engine.dialect.name == "sqlite":
        assert "There is no file" in problem(f"sqlite:///{tmp_path}/nowhere.db")
        return
    message = problem(changed(site.url, port=free_port(), username="reader", password="s3cret-Pa55"))
    assert message.startswith("Failed to connect to database: the server does not answer")
    assert "host, port" in message


def test_a_wrong_password_is_a_failure_to_connect_of_that_user(
    mariadb_url: str, request: pytest.FixtureRequest
) -> None:
    reader = request.getfixturevalue("mariadb").reader_url(mariadb_url)
    message = problem(changed(reader, password="s3cret-Pa55"))
    assert message.startswith(f"Failed to connect to database: user '{sa.make_url(reader).username}' was refused")
    assert "Check the user and the password" in message


def test_an_unknown_user_of_postgresql_is_a_failure_to_connect(postgres_url: str) -> None:
    message = problem(changed(postgres_url, username="nobody_here", password="s3cret-Pa55"))
    assert message.startswith("Failed to connect to database: user 'nobody_here' was refused")


def test_a_wrong_password_of_postgresql_is_a_failure_to_connect(
    postgres_url: str, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue("postgres")
    if not server.ours:
        pytest.skip("needs to ask for passwords, which an existing server may not")
    reader = server.reader_url(postgres_url)
    rules = server.data / "pg_hba.conf"
    trusting = rules.read_text()
    rules.write_text(f"host all {sa.make_url(reader).username} all scram-sha-256\n{trusting}")
    try:
        server.execute("select pg_reload_conf()", "select pg_sleep(0.2)")
        message = problem(changed(reader, password="s3cret-Pa55"))
    finally:
        rules.write_text(trusting)
        server.execute("select pg_reload_conf()")
    assert message.startswith(f"Failed to connect to database: user '{sa.make_url(reader).username}' was refused")


def test_an_unknown_database_is_named(served: Site, request: pytest.FixtureRequest) -> None:
    message = problem(changed(served.url, database="no_such_moodle"))
    assert message.startswith("Failed to connect to database: 'no_such_moodle' does not exist")
    closed = problem(changed(reader_url(served, request), database="no_such_moodle"))
    assert closed.startswith("Failed to connect to database: 'no_such_moodle' does not exist or is closed")


def test_a_wrong_prefix_is_a_missing_table_that_points_to_the_prefix(site: Site) -> None:
    message = problem(site.url, moodle_table_prefix="other_")
    assert message.startswith("Table ")
    assert "other_course is missing" in message
    assert "MOODLE_TABLE_PREFIX" in message


def test_a_missing_right_names_the_table(served: Site, request: pytest.FixtureRequest) -> None:
    url = reader_url(served, request)
    parts = sa.make_url(url)
    if served.engine.dialect.name == "mysql":
        take = [
            f"revoke select on `{str(parts.database).replace('_', chr(92) + '_')}`.* from '{parts.username}'@'%'",
            f"grant select on `{parts.database}`.mdl_course_categories to '{parts.username}'@'%'",
        ]
    else:
        take = [f'revoke select on mdl_course from "{parts.username}"']
    with served.engine.begin() as connection:
        for statement in take:
            connection.exec_driver_sql(statement.replace("%", "%%") if "mysql" in url else statement)
    assert len(served.moodle(moodle_database_url=url).categories()) == 0
    message = problem(url)
    assert message.startswith("The user has no right to mdl_course (")
    assert "needs SELECT" in message


def test_quotes_in_role_names_are_only_text(site: Site) -> None:
    algebra = site.course("ALG")
    site.enrol(site.user("ana"), algebra)
    for name in ("x' or '1'='1", 'x"; drop table mdl_course; --', "%s", "x\\"):
        assert people(site, student_roles=(name,)) == {algebra: (0, 0)}
    assert len(site.moodle().courses()) == 2


def test_nothing_connects_before_the_first_question() -> None:
    moodle = Moodle(Settings(moodle_database_url="mysql://nobody@127.0.0.1:1/none", warehouse_database_url="sqlite://"))
    assert not {"engine", "url"} & set(vars(moodle))
