"""People of past days on real databases: observed ones stay, others are replayed from the log, else those of now."""

from datetime import date

import pytest

from lms_etl.activity import head_counts
from lms_etl.warehouse import tables
from lms_etl_tests.activity.conftest import Etl
from lms_etl_tests.site import TEACHER

People = dict[tuple[str, int], tuple[int, int, str]]


def people(etl: Etl) -> People:
    """(day, course) and its students, teachers and basis."""
    frame = etl.warehouse.frame(tables.user_counts)
    columns = ["extraction_date", "courseid", "num_students", "num_teachers", "basis"]
    return {(str(row[0]), row[1]): tuple(row[2:]) for row in frame[columns].itertuples(index=False)}


@pytest.fixture
def course(request: pytest.FixtureRequest) -> int:
    """A visible course, with the first row of a log that begins on 2026-03-01 before anybody has a role."""
    etl: Etl = request.getfixturevalue("etl" if "etl" in request.fixturenames else "small_etl")
    made = etl.site.course("ALG", etl.site.category("Science", idnumber="SCI"))
    etl.site.view(made, at="2026-03-01 08:00")
    return made


def enrol(etl: Etl, course: int, name: str, at: str, role: int = 5) -> int:
    """As Moodle does: the assignment and its event."""
    user = etl.site.user(name)
    etl.site.enrol(user, course, role, assigned=at)
    etl.site.role_event(user, course, role, at=at)
    return user


def leave(etl: Etl, course: int, user: int, at: str, role: int = 5) -> None:
    etl.site.unassign(user, course)
    etl.site.role_event(user, course, role, at=at, given=False)


def newest_day(monkeypatch: pytest.MonkeyPatch, day: str) -> None:
    monkeypatch.setattr(head_counts, "last_complete_day", lambda _zone: date.fromisoformat(day))


def test_a_year_later_each_day_has_the_people_that_it_had(etl: Etl, course: int) -> None:
    enrol(etl, course, "ana", "2026-03-02 10:00")
    ben = enrol(etl, course, "ben", "2026-03-03 00:00")
    enrol(etl, course, "tess", "2026-03-03 23:59", role=TEACHER)
    leave(etl, course, ben, "2026-03-04 12:00")
    etl.site.role_event(ben, course, at="2026-03-02 09:00", origin=None)  # written by a restore: not this course's past
    assert etl.run("2026-03-02", "2026-03-05", job="user_counts_job").success
    assert people(etl) == {
        ("2026-03-02", course): (1, 0, "replayed"),
        ("2026-03-03", course): (2, 1, "replayed"),
        ("2026-03-04", course): (1, 1, "replayed"),
        ("2026-03-05", course): (1, 1, "replayed"),
    }


def test_observed_people_do_not_change_when_roles_change_later(
    etl: Etl, course: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = etl.site.user("ana")
    etl.site.enrol(ana, course)
    newest_day(monkeypatch, "2026-03-24")
    etl.run("2026-03-24")
    observed = {("2026-03-24", course): (1, 0, "observed")}
    assert people(etl) == observed
    ben = enrol(etl, course, "ben", "2026-03-25 08:00")
    etl.site.unassign(ana, course)
    for newest, force, trigger in (
        ("2026-03-24", False, "backfill"),
        ("2026-04-30", False, "backfill"),
        ("2026-04-30", True, "late"),
    ):
        newest_day(monkeypatch, newest)
        assert etl.run("2026-03-24", force=force, trigger=trigger).success
        assert people(etl) == observed
        assert etl.report("2026-03-24")["num_students"].tolist() == [1]
    assert etl.materialized("user_counts")["2026-03-24"]["basis"] == "observed"
    leave(etl, course, ben, "2026-03-26 08:00")


def test_force_replaces_observed_people_by_a_replay_and_never_by_those_of_now(
    small_etl: Etl, course: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_etl.site.enrol(small_etl.site.user("ana"), course, assigned="2026-03-02 10:00")
    newest_day(monkeypatch, "2026-03-24")
    small_etl.run("2026-03-24")
    enrol(small_etl, course, "ben", "2026-03-24 08:00")
    newest_day(monkeypatch, "2026-04-30")
    small_etl.run("2026-03-24", force=True, job="user_counts_job")
    assert people(small_etl) == {("2026-03-24", course): (2, 0, "replayed")}
    newest_day(monkeypatch, "2026-03-24")
    small_etl.run("2026-03-24", force=True, job="user_counts_job")
    small_etl.site.delete_views()
    small_etl.site.unassign(3, course)
    newest_day(monkeypatch, "2026-04-30")
    small_etl.run("2026-03-24", force=True, job="user_counts_job")
    assert people(small_etl) == {("2026-03-24", course): (2, 0, "observed")}


def test_days_from_before_a_purge_have_the_people_of_now_and_say_so(etl: Etl, course: int) -> None:
    enrol(etl, course, "ana", "2026-03-02 10:00")
    etl.site.view(course, at="2026-03-03 10:00")
    enrol(etl, course, "ben", "2026-03-04 10:00")
    etl.site.delete_views(before="2026-03-03 00:00")
    etl.site.view(course, at="2026-03-01 10:00", origin=None)  # a restore does not make the log whole again
    assert etl.run("2026-03-02", "2026-03-04", job="user_counts_job").success
    assert people(etl) == {
        ("2026-03-02", course): (2, 0, "current"),
        ("2026-03-03", course): (1, 0, "replayed"),
        ("2026-03-04", course): (2, 0, "replayed"),
    }


def test_what_was_replayed_before_a_purge_stays(small_etl: Etl, course: int) -> None:
    enrol(small_etl, course, "ana", "2026-03-02 10:00")
    enrol(small_etl, course, "ben", "2026-03-04 10:00")
    small_etl.run("2026-03-02", job="user_counts_job")
    small_etl.site.delete_views(before="2026-03-04 00:00")
    other = small_etl.site.course("NEW")
    small_etl.site.enrol(4, other, assigned="2026-03-20 10:00")
    small_etl.run("2026-03-02", job="user_counts_job")
    assert people(small_etl) == {
        ("2026-03-02", course): (1, 0, "replayed"),
        ("2026-03-02", other): (1, 0, "current"),
    }


@pytest.mark.parametrize("options", [{"replay_enrolments": False}, {"active_enrolments_only": True}])
def test_without_a_replay_a_past_day_has_the_people_of_now(
    small_etl: Etl, course: int, options: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in options.items():
        monkeypatch.setattr(small_etl.moodle.settings, name, value)
    enrol(small_etl, course, "ana", "2026-03-20 10:00")
    small_etl.run("2026-03-02", job="user_counts_job")
    assert people(small_etl) == {("2026-03-02", course): (1, 0, "current")}


def test_a_long_range_reads_the_roles_once(small_etl: Etl, course: int, monkeypatch: pytest.MonkeyPatch) -> None:
    read, asked = small_etl.moodle.role_history, []
    monkeypatch.setattr(small_etl.moodle, "role_history", lambda since: asked.append(since) or read(since))
    enrol(small_etl, course, "ana", "2026-03-02 10:00")
    assert small_etl.run("2026-03-01", "2026-03-24", job="user_counts_job").success
    assert asked == [small_etl.site.day("2026-03-01").end]


def test_roles_are_found_by_archetype_and_for_any_number_of_people(
    small_etl: Etl, course: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small_etl.moodle.settings, "student_roles", ("student",))
    monkeypatch.setattr("lms_etl.sources.moodle._ACTORS", 2)
    small_etl.site.role(17, "learner", archetype="student")
    ana = enrol(small_etl, course, "ana", "2026-03-02 10:00", role=17)
    ben = enrol(small_etl, course, "ben", "2026-03-02 11:00")
    leave(small_etl, course, ana, "2026-03-03 10:00", role=17)
    small_etl.site.role_event(ben, course, 17, at="2026-03-04 10:00", userid=ben)
    small_etl.site.assign_role(ben, 17, 50, course, assigned="2026-03-04 10:00")
    history = small_etl.moodle.role_history(0)
    assert history.events[["userid", "change_by", "student", "teacher"]].sort_values("userid").to_numpy().tolist() == [
        [ana, 1, 1, 0], [ana, -1, 1, 0], [ben, 1, 1, 0], [ben, 1, 1, 0],
    ]  # fmt: skip
    small_etl.run("2026-03-02", "2026-03-04", job="user_counts_job")
    assert [count[0] for count in people(small_etl).values()] == [2, 1, 1]
