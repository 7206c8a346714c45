"""How far the demo's students are: only people of the course, only tracked modules, in the days of the site."""

import sqlalchemy as sa

from lms_etl.demo import SiteShape
from lms_etl.demo.timeline import midnight


def count(site: sa.Connection, condition: str, table: str = "mdl_course_modules_completion") -> int:
    return site.scalar(sa.text(f"select count(*) from {table} r where {condition}")) or 0


def test_states_are_of_tracked_modules_of_courses_that_the_user_is_enrolled_in(site: sa.Connection) -> None:
    enrolled = (
        "exists (select 1 from mdl_course_modules cm join mdl_enrol e on e.courseid = cm.course "
        "join mdl_user_enrolments ue on ue.enrolid = e.id "
        "where cm.id = r.coursemoduleid and cm.completion > 0 and ue.userid = r.userid)"
    )
    assert count(site, enrolled) == count(site, "1 = 1") > 1000


def test_every_state_and_every_stage_of_a_course_occurs(site: sa.Connection) -> None:
    assert {row[0] for row in site.execute(sa.text("select completionstate from mdl_course_modules_completion"))} == {
        1,
        2,
        3,
    }
    completions = "mdl_course_completions"
    assert count(site, "timecompleted > 0", completions) > 10
    assert count(site, "timecompleted is null and timestarted > 0", completions) > 100
    assert count(site, "timecompleted is null and timestarted = 0", completions) > 10
    assert count(site, "timecompleted < timestarted", completions) == 0


def test_everything_happened_in_the_days_of_the_site(site: sa.Connection, shape: SiteShape) -> None:
    first, last = midnight(shape, shape.first_day), midnight(shape, shape.last_day) + 86_400
    outside = f"r.timemodified < {first} or r.timemodified >= {last}"
    assert count(site, outside) == 0
