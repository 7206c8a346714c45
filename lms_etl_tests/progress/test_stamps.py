"""What a sync leaves alone, how far it looks back, and which rows belong together."""

from decimal import Decimal

import pytest

from lms_etl.progress.sync import SourceDisagrees
from lms_etl.sources import moodle_progress
from lms_etl_tests.progress.conftest import ENROLLED, LATELY, NOON, ONE, Acme, Stand

ONE_PAIR_EACH = True


def test_a_user_of_two_companies_has_a_row_in_each(acme: Acme) -> None:
    acme.sync()
    acme.progress.sync(acme.other)
    key = [(row["companyid"], row["userid"], row["courseid"]) for row in acme.progress.stored()]
    both = [(user, course) for user in (acme.ana, acme.ben) for course in (acme.algebra, acme.botany)]
    assert key == [(acme.company, *pair) for pair in both] + [(acme.other, *pair) for pair in both[:2]]


def test_start_and_completion_are_of_this_course(acme: Acme) -> None:
    site = acme.progress.site
    site.complete(acme.ben, acme.botany, at="2026-03-22 11:00", started="2026-03-22 10:00")
    acme.sync()
    done, other = acme.row(acme.ben, acme.botany), acme.row(acme.ben, acme.algebra)
    assert (done["timecompleted"], done["timestarted"]) == (
        site.seconds("2026-03-22 11:00"),
        site.seconds("2026-03-22 10:00"),
    )
    assert (done["percentage"], done["status"]) == (Decimal(100), "completed")
    assert (other["timecompleted"], other["timestarted"]) == (0, site.seconds(ENROLLED))
    assert (done["firstname"], done["lastname"], done["email"], done["coursename"]) == (
        "Ben",
        "Berg",
        "ben@example.org",
        "Course BOT",
    )


def test_two_enrolments_in_one_course_are_one_row(acme: Acme) -> None:
    acme.progress.site.enrol(acme.ana, acme.algebra, method="self", created="2026-03-22 07:00")
    assert acme.sync() == (4, 0, 0)
    assert acme.row(acme.ana, acme.algebra)["timestarted"] == acme.progress.site.seconds("2026-03-22 07:00")


def test_an_enrolment_that_begins_or_ends_shows_although_nobody_touched_it(acme: Acme, stand_at: Stand) -> None:
    site = acme.progress.site
    early, late = site.user("early"), site.user("late")
    site.enrol(early, acme.algebra, timeend="2026-03-22 12:30")
    site.enrol(late, acme.algebra, timestart="2026-03-22 12:30")
    company = site.company("GAMMA", members=[early, late], courses=[acme.algebra])
    acme.progress.sync(company)
    assert set(acme.progress.live(company)) == {(early, acme.algebra)}
    stand_at(ONE)
    acme.progress.sync(company)
    assert set(acme.progress.live(company)) == {(late, acme.algebra)}


def test_all_changed_courses_of_a_user_are_updated(acme: Acme, stand_at: Stand) -> None:
    site = acme.progress.site
    courses = [site.course(f"C{number}") for number in range(5)]
    modules = [site.module(course) for course in courses]
    for course in courses:
        site.enrol(acme.ana, course, created=ENROLLED)
        site.insert("company_course", companyid=acme.company, courseid=course)
    acme.sync()
    stand_at(ONE)
    for module in modules:
        site.finish(acme.ana, module, at="2026-03-22 12:30")
    assert acme.sync() == (0, 5, 0)


def test_a_change_that_was_committed_late_is_picked_up_and_nothing_is_changed_twice(
    synced: Acme, stand_at: Stand
) -> None:
    """Moodle took the time before the sync at noon, and committed after it."""
    synced.progress.site.finish(synced.ana, synced.modules[0], at="2026-03-22 11:55")
    assert synced.sync() == (0, 1, 0)
    assert synced.sync() == (0, 0, 0)
    assert synced.progress.company(synced.company)["synced_through"] == synced.progress.site.seconds(ONE)


def test_only_what_changed_gets_a_new_stamp(synced: Acme) -> None:
    """last_updated and change_number of the others stay, and a sync without a change makes no number."""
    site = synced.progress.site
    site.finish(synced.ana, synced.modules[0], at="2026-03-22 12:30")
    synced.sync()
    synced.sync("reconcile")
    stamps = {(row["userid"], row["courseid"]): row for row in synced.progress.stored(synced.company)}
    changed = stamps.pop((synced.ana, synced.algebra))
    assert (changed["last_updated"], changed["change_number"]) == (site.seconds(ONE), 2)
    assert {(row["last_updated"], row["change_number"]) for row in stamps.values()} == {(site.seconds(NOON), 1)}
    assert synced.progress.company(synced.company)["change_number"] == 2


def test_looking_back_for_a_shorter_time_than_to_the_watermark_leaves_it(synced: Acme, stand_at: Stand) -> None:
    site = synced.progress.site
    stand_at("2026-03-22 18:00")
    site.finish(synced.ana, synced.modules[0], at="2026-03-22 15:00")
    assert synced.sync(hours_back=2) == (0, 0, 0)
    assert synced.progress.company(synced.company)["synced_through"] == site.seconds(NOON)
    assert synced.sync(hours_back=4) == (0, 1, 0)
    assert synced.sync(hours_back=7) == (0, 0, 0)
    assert synced.progress.company(synced.company)["synced_through"] == site.seconds("2026-03-22 18:00")


def test_a_load_that_disagrees_with_the_source_is_not_kept(synced: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moodle_progress.CompanyReader, "enrolled_pairs", lambda _reader: 5)
    synced.progress.site.unenrol(synced.ben, synced.botany)
    with pytest.raises(SourceDisagrees, match="Moodle has 5 rows, 3 would be live"):
        synced.sync("reconcile")
    assert len(synced.progress.live(synced.company)) == 4
    company = synced.progress.company(synced.company)
    assert (company["change_number"], company["synced_through"]) == (1, synced.progress.site.seconds(NOON))
    assert synced.progress.log() == [(synced.company, "full", "success"), (synced.company, "reconcile", "failed")]


@pytest.mark.parametrize("others", [0, 400])
def test_changed_states_are_found_by_a_scan_and_by_the_modules_of_a_small_company(synced: Acme, others: int) -> None:
    site = synced.progress.site
    elsewhere = site.course("ELSE")
    site.insert_many("course_modules", [{"course": elsewhere, "module": 1, "instance": 1}] * others)
    site.finish(synced.ana, synced.modules[0], at=LATELY)
    assert synced.sync() == (0, 1, 0)
