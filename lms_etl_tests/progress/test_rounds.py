"""Which companies a round is about, in which order, for how long, and what one that fails does to the others."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from lms_etl.progress import companies, rounds
from lms_etl.progress.companies import Subject, UnknownCompany
from lms_etl.settings import Settings
from lms_etl.sources import moodle_progress
from lms_etl.sources.moodle_progress import Company, NoCompanies
from lms_etl_tests.progress.conftest import CALLER, Progress, Stand


def subject(companyid: int, origin: str = "iomad", **more: Any) -> Subject:
    known: dict[str, Any] = {
        "live": True,
        "synced_through": 100,
        "change_number": 1,
        "configured": True,
        "enabled": True,
    }
    return Subject(Company(companyid, "", "", origin), **known | more)


@pytest.mark.parametrize(
    ("company", "due"),
    [
        (subject(1), True),
        (subject(1, configured=False), False),
        (subject(1, enabled=False), False),
        (subject(1, "category", configured=False), True),
        (subject(1, "site", configured=False), True),
        (subject(1, "site", enabled=False), False),
        (subject(1, live=False), False),
        (subject(1, live=False, synced_through=0, configured=False), True),
    ],
)
def test_the_hourly_sync_is_about_companies_with_settings_and_those_that_need_none(company: Subject, due: bool) -> None:
    assert bool(companies.due([company], Settings())) is due


def test_unconfigured_companies_can_be_synced_too() -> None:
    assert companies.due([subject(1, configured=False)], Settings(progress_unconfigured=True))


def test_postponed_companies_come_first_then_the_one_that_waits_for_longest() -> None:
    found = [
        subject(1, synced_through=50),
        subject(2, synced_through=90, postponed=True),
        subject(3, synced_through=10),
    ]
    assert [each.companyid for each in companies.in_order(found)] == [2, 3, 1]


@pytest.fixture
def three(small: Progress, stand_at: Stand) -> Progress:
    """Three companies of IOMAD with a user and a setting each."""
    stand_at("2026-03-22 12:00")
    course = small.site.course("ALG")
    for name in ("A", "B", "C"):
        user = small.site.user(name)
        small.site.enrol(user, course)
        small.set(small.site.company(name, members=[user], courses=[course]), "enabled", 1)
    return small


def go(progress: Progress, seconds: float | None = None) -> rounds.Round:
    subjects = rounds.chosen(progress.warehouse, progress.moodle, [], "changes")
    return rounds.go_round(progress.warehouse, progress.moodle, subjects, "changes", CALLER, seconds=seconds)


def test_a_round_stops_before_its_time_is_over_and_the_next_begins_with_those_left(
    three: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each sync takes 20 seconds, and 30 of the 60 are left for the last one."""
    passed = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: passed[0])
    sync = rounds.sync_company

    def slow(*arguments: Any) -> Any:
        passed[0] += 20
        return sync(*arguments)

    monkeypatch.setattr(rounds, "sync_company", slow)
    first = go(three, seconds=60)
    assert ([each.companyid for each in first.synced], list(first.postponed)) == ([1, 2], [3])
    assert first.postponed[3] == "The 60 seconds of the sync ran out before"
    assert three.log()[-1] == (3, "changes", "postponed")
    second = go(three, seconds=60)
    assert [each.companyid for each in second.synced] == [3, 1]
    assert list(go(three, seconds=300).failed) == []


def test_a_company_that_fails_keeps_its_watermark_and_the_others_are_synced(
    three: Progress, monkeypatch: pytest.MonkeyPatch, stand_at: Stand
) -> None:
    go(three)
    stand_at("2026-03-22 13:00")
    changed = moodle_progress.CompanyReader.changed_pairs

    def fails(reader: moodle_progress.CompanyReader, since: int) -> Any:
        if reader.company.companyid == 2:
            raise RuntimeError("lost")
        return changed(reader, since)

    monkeypatch.setattr(moodle_progress.CompanyReader, "changed_pairs", fails)
    ended = go(three)
    assert ended.failed == {2: "lost"}
    noon, one = three.site.seconds("2026-03-22 12:00"), three.site.seconds("2026-03-22 13:00")
    assert [three.company(number)["synced_through"] for number in (1, 2, 3)] == [one, noon, one]
    assert (2, "changes", "failed") in three.log()


def test_old_rows_of_syncs_go_at_night_and_each_company_keeps_its_newest(three: Progress, stand_at: Stand) -> None:
    go(three)
    stand_at("2026-03-23 12:00")
    go(three)
    stand_at("2027-06-01 03:30")
    subjects = rounds.chosen(three.warehouse, three.moodle, [1, 2], "reconcile")
    rounds.go_round(three.warehouse, three.moodle, subjects, "reconcile", CALLER)
    assert three.log() == [(3, "changes", "success"), (1, "reconcile", "success"), (2, "reconcile", "success")]


def test_a_company_without_settings_is_not_synced_until_it_is_named(three: Progress) -> None:
    bare = three.site.company("BARE")
    assert [each.companyid for each in go(three).synced] == [1, 2, 3]
    assert [each.companyid for each in rounds.chosen(three.warehouse, three.moodle, [bare], "changes")] == [bare]
    with pytest.raises(UnknownCompany, match="There is no company 99"):
        rounds.chosen(three.warehouse, three.moodle, [99], "changes")


def test_top_categories_are_companies_with_the_courses_below_them(make_progress: Callable[..., Progress]) -> None:
    progress = make_progress(companies="categories")
    site = progress.site
    science, arts = site.category("Science", idnumber="SCI"), site.category("Arts")
    maths = site.category("Maths", parent=science)
    algebra, poetry = site.course("ALG", maths), site.course("POE", arts)
    ana = site.user("ana")
    site.enrol(ana, algebra)
    site.enrol(ana, poetry)
    assert progress.sync(science).created == 1
    assert set(progress.live(science)) == {(ana, algebra)}
    assert [(each["shortname"], each["origin"]) for each in (progress.company(science), progress.company(arts))] == [
        ("SCI", "category"),
        ("Arts", "category"),
    ]


def test_the_whole_site_is_one_company_where_iomad_is_not(make_progress: Callable[..., Progress]) -> None:
    progress = make_progress()
    ana, algebra = progress.site.user("ana"), progress.site.course("ALG")
    progress.site.enrol(ana, algebra)
    assert progress.sync(1).created == 1
    assert (progress.company(1)["origin"], progress.company(1)["name"]) == ("site", "Front page")
    asked = progress.site.moodle(companies="iomad")
    with pytest.raises(NoCompanies, match="Moodle has no table mdl_company"):
        moodle_progress.companies(asked)


def test_companies_of_another_kind_are_compared_from_the_start_and_those_of_the_old_one_buried(three: Progress) -> None:
    """Company 1 of IOMAD becomes the whole site, which has the number 1 as well."""
    go(three)
    three.moodle = three.site.moodle(
        companies="site", warehouse_database_url=three.moodle.settings.warehouse_database_url
    )
    for table in moodle_progress.IOMAD_TABLES:
        three.site.tables[table].drop(three.site.engine)
    ended = go(three)
    assert [(each.companyid, each.kind) for each in ended.synced] == [(1, "full"), (2, "full"), (3, "full")]
    assert [len(three.live(number)) for number in (1, 2, 3)] == [3, 0, 0]
    assert [each.companyid for each in go(three).synced] == [1]


@pytest.mark.parametrize(
    ("enrolments", "expected"),
    [
        ([], [(0, 0)]),
        ([1], [(0, 1)]),
        ([1, 1, 1, 1], [(0, 3), (3, 4)]),
        ([6, 5, 9, 1], [(0, 1), (1, 2), (2, 4)]),
        ([4, 20, 1], [(0, 1), (1, 2), (2, 3)]),
    ],
)
def test_a_portion_has_so_many_users_and_rows_at_most(
    enrolments: list[int], expected: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moodle_progress, "USERS_A_STATEMENT", 3)
    monkeypatch.setattr(moodle_progress, "ROWS_A_STATEMENT", 10)
    assert list(moodle_progress.parts(enrolments)) == expected


def test_the_number_of_statements_does_not_grow_with_the_rows(make_progress: Callable[..., Progress]) -> None:
    import sqlalchemy as sa

    progress = make_progress()
    site, counted = progress.site, [0]
    for engine in (progress.moodle.engine, progress.warehouse.engine):
        sa.event.listen(engine, "before_cursor_execute", lambda *_: counted.__setitem__(0, counted[0] + 1))
    courses = [site.course(f"C{number}") for number in range(4)]

    def statements_for(users: int) -> int:
        for number in range(users):
            user = site.user(f"u{users}-{number}")
            for course in courses:
                site.enrol(user, course)
        counted[0] = 0
        progress.sync(1, "reconcile")
        return counted[0]

    statements_for(1)
    assert statements_for(3) == statements_for(30)
