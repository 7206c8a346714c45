"""The manual tools on the command line, and the rows of a company that is not loaded yet."""

import csv
import io
import json

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from lms_etl.cli import app
from lms_etl.progress import report
from lms_etl.progress.live import live_rows
from lms_etl.settings import current
from lms_etl.sources import moodle_progress
from lms_etl.warehouse import tables
from lms_etl_tests.progress.conftest import Progress


@pytest.fixture
def two(small: Progress, monkeypatch: pytest.MonkeyPatch) -> Progress:
    """Two companies of IOMAD with two users each, whose databases the environment names."""
    site = small.site
    course = site.course("ALG", fullname='Algebra, "I"')
    module = site.module(course)
    for name in ("ACME", "BETA"):
        users = [site.user(f"{name}{number}", firstname="Ana", lastname="Núñez") for number in range(2)]
        for user in users:
            site.enrol(user, course, created="2026-03-01 08:00")
        site.finish(users[0], module)
        site.company(name, members=users, courses=[course])
    monkeypatch.setenv("MOODLE_DATABASE_URL", site.url)
    monkeypatch.setenv("WAREHOUSE_DATABASE_URL", small.warehouse.settings.warehouse_database_url)
    monkeypatch.setattr("lms_etl.progress.commands.out.width", 200, raising=False)
    current.cache_clear()
    yield small  # type: ignore[misc]
    current.cache_clear()


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["progress", *arguments])


def test_full_loads_all_companies_or_those_named(two: Progress) -> None:
    assert invoke("full", "--company", "2").exit_code == 0
    assert (len(two.live(1)), len(two.live(2))) == (0, 2)
    answer = invoke("full")
    assert "Company 1: 2 rows read, 2 created, 0 updated, 0 deleted" in answer.output
    assert "Company 2: 2 rows read, 0 created, 0 updated, 0 deleted" in answer.output


def test_sync_is_about_configured_companies_and_says_so_when_there_is_none(two: Progress) -> None:
    answer = invoke("sync")
    assert "No company is due: a company of IOMAD is synced once it has a setting" in answer.output
    two.set(1, "enabled", 1)
    assert "Company 1: 2 rows read, 2 created" in invoke("sync").output
    assert two.live(2) == {}


def test_hours_back_reads_the_changes_of_so_many_hours(two: Progress) -> None:
    invoke("full", "--company", "1")
    with two.warehouse.writing() as connection:
        connection.execute(sa.update(tables.course_progress).values(firstname="Old"))
    assert "0 rows read" in invoke("sync", "--company", "1", "--hours-back", "1").output
    assert "2 rows read, 0 created, 2 updated" in invoke("sync", "--company", "1", "--hours-back", "8760").output


def test_cleanup_and_reconcile_bury_what_is_gone(two: Progress) -> None:
    invoke("full")
    first, second = (user for user, _ in two.live(1))
    two.site.remove("company_users", userid=first)
    assert "0 updated, 1 deleted" in invoke("cleanup", "--company", "1").output
    two.site.unenrol(second, 2)
    assert "0 updated, 1 deleted" in invoke("reconcile", "--company", "1").output
    assert (two.live(1), len(two.live(2))) == ({}, 2)


def test_clear_asks_first_and_forgets_how_far_the_tokens_have_read(two: Progress) -> None:
    invoke("full")
    with two.warehouse.writing() as connection:
        for company in (1, 2):
            status = {"companyid": company, "token_hash": "a" * 64, "last_sync_status": "success"}
            connection.execute(sa.insert(tables.sync_status).values(status))
    assert "Company 1 (Company ACME) would be cleared. Add --yes" in invoke("clear", "--company", "1").output
    assert len(two.stored()) == 4
    assert "Company 1: 2 rows deleted" in invoke("clear", "--company", "1", "--yes").output
    assert {row["companyid"] for row in two.stored()} == {2}
    assert [row["companyid"] for row in two.rows(sa.select(tables.sync_status))] == [2]
    cleared = two.company(1)
    assert (cleared["synced_through"], cleared["change_number"]) == (0, 2)
    assert "2 rows read, 2 created" in invoke("sync", "--company", "1").output


def test_export_writes_the_live_rows_of_one_company(two: Progress) -> None:
    invoke("full")
    rows = list(csv.DictReader(io.StringIO(invoke("export", "--company", "1").stdout)))
    assert tuple(rows[0]) == report.COLUMNS
    assert [row["coursename"] for row in rows] == ['Algebra, "I"'] * 2
    assert [row["percentage"] for row in rows] == ["100.00", "0.00"]
    loaded = json.loads(invoke("export", "--company", "1", "--format", "json").stdout)
    assert [(row["userid"], row["percentage"], row["lastname"]) for row in loaded] == [
        (int(rows[0]["userid"]), 100.0, "Núñez"),
        (int(rows[1]["userid"]), 0.0, "Núñez"),
    ]


def test_an_exported_name_cannot_run_in_a_spreadsheet(two: Progress) -> None:
    invoke("full")
    for user, _ in two.live(1):
        two.site.change("user", user, lastname='=HYPERLINK("http://evil")')
    invoke("reconcile", "--company", "1")
    rows = list(csv.DictReader(io.StringIO(invoke("export", "--company", "1").stdout)))
    assert {row["lastname"] for row in rows} == {'\'=HYPERLINK("http://evil")'}
    loaded = json.loads(invoke("export", "--company", "1", "--format", "json").stdout)
    assert {row["lastname"] for row in loaded} == {'=HYPERLINK("http://evil")'}


def test_status_lists_companies_their_rows_and_why_one_is_not_synced(two: Progress) -> None:
    assert "No company is known yet" in invoke("status").output
    invoke("full", "--company", "1")
    two.set(2, "enabled", 0)
    answer = invoke("status").output
    assert "Company ACME" in answer
    assert "no: it has no setting" in answer
    assert "no: it is switched off" in answer


def test_an_unknown_company_is_told_in_one_line(two: Progress) -> None:
    answer = invoke("full", "--company", "99")
    assert str(answer.exception) == "There is no company 99. `lms-etl progress status` lists them."


def test_the_live_rows_of_a_company_are_those_that_a_sync_loads(two: Progress) -> None:
    [acme, _] = moodle_progress.companies(two.moodle)
    live = list(live_rows(two.moodle, acme))
    assert len(live) == 2
    assert two.stored() == [], "nothing is written"
    invoke("full")
    loaded = [{name: row[name] for name in report.COLUMNS} for row in two.stored(1)]
    assert loaded == live
