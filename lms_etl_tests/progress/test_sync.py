"""A sync of a company: which rows there are, and what it notices. On each pair of dialects."""

from decimal import Decimal
from typing import Any

import pytest

from lms_etl.sources import moodle_progress
from lms_etl_tests.progress.conftest import ENROLLED, LATELY, NOON, ONE, Acme


def test_one_of_twenty_tracked_modules_is_five_percent_and_a_passed_one_counts(acme: Acme) -> None:
    site = acme.progress.site
    site.finish(acme.ana, acme.modules[0])
    for state, module in enumerate(acme.modules[:4]):
        site.finish(acme.ben, module, state)
    untracked = site.module(acme.algebra, completion=0)
    hidden = site.module(acme.algebra, visible=0)
    dying = site.module(acme.algebra, deletioninprogress=1)
    for module in (untracked, hidden, dying):
        site.finish(acme.ben, module)
    acme.sync()
    assert acme.row(acme.ana, acme.algebra)["percentage"] == Decimal("5.00")
    assert acme.row(acme.ana, acme.algebra)["status"] == "in_progress"
    assert acme.row(acme.ben, acme.algebra)["percentage"] == Decimal("10.00")
    assert acme.row(acme.ben, acme.botany)["status"] == "not_started"


def test_who_is_not_active_has_no_row(acme: Acme) -> None:
    site = acme.progress.site
    hidden = site.course("HID", visible=0)
    foreign = site.course("FOR")
    members = {
        "deleted": site.user("deleted", deleted=1),
        "suspended": site.user("suspended", suspended=1),
        "in_hidden": site.user("in_hidden"),
        "in_foreign": site.user("in_foreign"),
    }
    site.enrol(members["deleted"], acme.algebra)
    site.enrol(members["suspended"], acme.algebra)
    site.enrol(members["in_hidden"], hidden)
    site.enrol(members["in_foreign"], foreign)
    enrolments: dict[str, dict[str, Any]] = {
        "suspended enrolment": {"status": 1},
        "method off": {"method": "self", "method_status": 1},
        "over": {"timeend": "2026-03-22 11:00"},
        "not yet": {"timestart": "2026-03-22 13:30"},
    }
    for name, enrolment in enrolments.items():
        members[name] = site.user(name)
        site.enrol(members[name], acme.algebra, **enrolment)
    company = site.company("GAMMA", members=members.values(), courses=[acme.algebra, hidden])
    paused = site.user("paused")
    site.enrol(paused, acme.algebra)
    site.insert("company_users", companyid=company, userid=paused, suspended=1)
    acme.progress.sync(company)
    assert acme.progress.stored(company) == []


def test_a_change_in_each_source_alone_changes_the_row(synced: Acme) -> None:
    site = synced.progress.site
    site.finish(synced.ana, synced.modules[0], at=LATELY)
    assert synced.sync() == (0, 1, 0)
    assert synced.row(synced.ana, synced.algebra)["percentage"] == Decimal("5.00")
    site.complete(synced.ben, synced.botany, at=LATELY)
    assert synced.sync() == (0, 1, 0)
    assert synced.row(synced.ben, synced.botany)["status"] == "completed"
    cleo = site.user("cleo")
    site.insert("company_users", companyid=synced.company, userid=cleo)
    site.enrol(cleo, synced.botany, created=LATELY)
    assert synced.sync() == (1, 0, 0)
    assert synced.row(cleo, synced.botany)["status"] == "not_started"


def test_names_states_and_new_modules_show_at_the_hourly_sync(synced: Acme) -> None:
    site, now = synced.progress.site, synced.progress.site.seconds(LATELY)
    site.finish(synced.ana, synced.modules[0], at=LATELY)
    site.change("user", synced.ben, email="ben@new.example.org", timemodified=now)
    site.change("course", synced.botany, fullname="Botany II", timemodified=now)
    assert synced.sync() == (0, 4, 0)
    assert synced.row(synced.ben, synced.algebra)["email"] == "ben@new.example.org"
    assert synced.row(synced.ana, synced.botany)["coursename"] == "Botany II"
    for _ in range(5):
        site.module(synced.algebra, added=now)
    assert synced.sync() == (0, 1, 0)
    assert synced.row(synced.ana, synced.algebra)["percentage"] == Decimal("4.00")
    site.change("user", synced.ben, suspended=1, timemodified=now)
    assert synced.sync() == (0, 0, 2)
    site.change("user", synced.ben, suspended=0, timemodified=now)
    assert synced.sync() == (2, 0, 0)


def test_the_reconcile_finds_what_leaves_no_trace(synced: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in several portions of users."""
    monkeypatch.setattr(moodle_progress, "USERS_A_STATEMENT", 1)
    site = synced.progress.site
    site.complete(synced.ana, synced.botany, at="2026-03-22 12:30")
    synced.sync()
    site.complete(synced.ana, synced.botany, at=None)
    site.unenrol(synced.ben, synced.botany)
    site.change("user", synced.ana, firstname="ANA")  # MySQL would take it for the same
    assert synced.sync() == (0, 0, 0)
    assert synced.sync("reconcile") == (0, 2, 1)
    assert synced.row(synced.ana, synced.botany)["status"] == "not_started"
    assert synced.row(synced.ana, synced.algebra)["firstname"] == "ANA"
    gone = [row for row in synced.progress.stored(synced.company) if row["is_deleted"]]
    assert [(row["userid"], row["courseid"]) for row in gone] == [(synced.ben, synced.botany)]
    assert (gone[0]["last_updated"], gone[0]["change_number"]) == (site.seconds(ONE), 3)
    site.enrol(synced.ben, synced.botany, created=ENROLLED)
    assert synced.sync("reconcile") == (1, 0, 0)
    site.remove("company_users", userid=synced.ben)
    assert synced.sync("reconcile") == (0, 0, 2)
    assert synced.sync("reconcile") == (0, 0, 0)


def test_the_cleanup_buries_those_who_left_and_nothing_else(synced: Acme) -> None:
    site = synced.progress.site
    site.remove("company_users", userid=synced.ben)
    site.unenrol(synced.ana, synced.botany)
    assert synced.sync("cleanup") == (0, 0, 2)
    rows = {(row["userid"], row["is_deleted"], row["last_updated"]) for row in synced.progress.stored(synced.company)}
    assert rows == {(synced.ana, 0, site.seconds(NOON)), (synced.ben, 1, site.seconds(ONE))}


def test_a_company_that_is_gone_leaves_tombstones(synced: Acme) -> None:
    site = synced.progress.site
    site.remove("company", id=synced.company)
    assert synced.sync() == (0, 0, 4)
    assert synced.progress.company(synced.company)["live"] == 0
    assert synced.progress.live(synced.company) == {}
