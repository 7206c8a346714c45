"""Courses, categories, roles and enrolments of a demo site."""

import pytest
import sqlalchemy as sa

from lms_etl.demo import SiteShape


def column(site: sa.Connection, sql: str) -> list[object]:
    return list(site.scalars(sa.text(sql)))


def test_there_are_as_many_courses_as_asked_for_and_a_front_page(site: sa.Connection, shape: SiteShape) -> None:
    assert column(site, "select count(*) from mdl_course where category > 0") == [shape.courses]
    assert column(site, "select id from mdl_course where category = 0") == [1]


def test_a_tenth_of_the_courses_is_hidden(site: sa.Connection) -> None:
    assert column(site, "select count(*) from mdl_course where visible = 0") == [3]


def test_category_codes_may_be_text_null_or_empty(site: sa.Connection) -> None:
    used = column(
        site,
        "select distinct k.idnumber from mdl_course c join mdl_course_categories k on k.id = c.category"
        " where c.visible = 1",
    )
    assert {None, ""} < set(used)


def test_categories_are_three_deep_and_shared(site: sa.Connection) -> None:
    assert column(site, "select distinct depth from mdl_course_categories order by 1") == [1, 2, 3]
    assert max(column(site, "select count(*) from mdl_course where category > 2 group by category")) > 1  # type: ignore[type-var, operator]


def test_course_names_are_as_odd_as_real_ones(site: sa.Connection) -> None:
    names = [str(name) for name in column(site, "select fullname from mdl_course")]
    text = "".join(names)
    assert all(odd in text for odd in ['"', ",", "&", "日本", "🎨", "\\", "'"])
    assert max(map(len, names)) == 254


def test_roles_exist_outside_courses_too(site: sa.Connection) -> None:
    levels = column(
        site,
        "select distinct contextlevel from mdl_role_assignments a join mdl_context x on x.id = a.contextid"
        " where roleid in (3, 4, 5) order by 1",
    )
    assert levels == [10, 40, 50, 70]


def test_a_cohort_member_has_the_role_twice(site: sa.Connection) -> None:
    twice = column(
        site,
        "select count(distinct component || itemid) from mdl_role_assignments"
        " group by userid, roleid, contextid having count(*) > 1",
    )
    assert set(twice) == {2}


def test_a_course_has_one_to_three_teachers(site: sa.Connection, shape: SiteShape) -> None:
    counts = column(
        site,
        "select count(*) from mdl_role_assignments a join mdl_context x on x.id = a.contextid"
        " where contextlevel = 50 and roleid in (3, 4) group by x.instanceid",
    )
    assert len(counts) == shape.courses
    assert set(counts) == {1, 2, 3}


@pytest.mark.parametrize(
    "odd",
    [
        "select 1 from mdl_role_assignments a join mdl_user u on u.id = a.userid where suspended = 1 and roleid = 5",
        "select 1 from mdl_user where deleted = 1",
        "select 1 from mdl_user_enrolments where status = 1",
        "select 1 from mdl_user_enrolments where timeend > 0 and timeend < 1762729200",
        "select 1 from mdl_course where idnumber = ''",
    ],
)
def test_odd_people_and_courses_exist(site: sa.Connection, odd: str) -> None:
    assert column(site, odd)


def test_a_custom_role_has_the_archetype_of_a_student(site: sa.Connection) -> None:
    custom = """
        select distinct r.archetype from mdl_role_assignments a
        join mdl_role r on r.id = a.roleid
        where r.id = 9
    """
    assert column(site, custom) == ["student"]


def test_somebody_studies_and_teaches_in_one_course(site: sa.Connection) -> None:
    both = """
        select count(distinct roleid) from mdl_role_assignments a
        join mdl_context x on x.id = a.contextid and x.contextlevel = 50
        where roleid in (3, 5)
        group by a.userid, a.contextid
        order by 1 desc limit 1
    """
    assert column(site, both) == [2]


def test_deleted_users_have_no_roles(site: sa.Connection) -> None:
    roles = "select count(*) from mdl_role_assignments a join mdl_user u on u.id = a.userid where u.deleted = 1"
    assert column(site, roles) == [0]


def test_every_enrolled_student_has_a_role(site: sa.Connection) -> None:
    without = """
        select count(*) from mdl_user_enrolments ue
        join mdl_enrol e on e.id = ue.enrolid
        join mdl_context x on x.contextlevel = 50 and x.instanceid = e.courseid
        where not exists (select 1 from mdl_role_assignments a where a.contextid = x.id and a.userid = ue.userid)
    """
    assert column(site, without) == [0]


def test_contexts_lie_on_the_path_of_their_parents(site: sa.Connection) -> None:
    orphans = """
        select count(*) from mdl_context x
        where x.depth > 1 and not exists (
            select 1 from mdl_context p where x.path = p.path || '/' || x.id and p.depth = x.depth - 1)
    """
    assert column(site, orphans) == [0]
