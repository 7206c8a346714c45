"""Two syncs of a company never mix, and one that is killed leaves what was there. On each pair of dialects."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from lms_etl.progress import companies, rounds
from lms_etl.progress.sync import SyncUnderWay, running, sync_company
from lms_etl.sources import moodle_progress
from lms_etl.warehouse import registry
from lms_etl.warehouse.tables import progress_syncs
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.progress.conftest import CALLER, Acme

REPOSITORY = Path(__file__).parent.parent.parent


def test_of_two_syncs_at_once_the_second_is_refused_or_waits_and_no_row_is_there_twice(acme: Acme) -> None:
    progress = acme.progress
    companies.refresh(progress.warehouse, moodle_progress.companies(progress.moodle))
    ready = Barrier(2)

    def sync(_number: int) -> Any:
        warehouse = Warehouse(progress.warehouse.settings)
        ready.wait(30)
        try:
            return sync_company(warehouse, progress.moodle, acme.company, "full", CALLER, wait=30).counters.created
        finally:
            warehouse.close()

    with ThreadPoolExecutor(2) as pool:
        created = sorted(pool.map(sync, range(2)))
    assert created == [0, 4]
    assert len(progress.stored(acme.company)) == 4
    with (
        running(progress.warehouse, acme.company, "full", CALLER, 0),
        pytest.raises(SyncUnderWay, match=f"Another sync of company {acme.company} is under way"),
    ):
        sync_company(progress.warehouse, progress.moodle, acme.company, "changes", CALLER)
    assert [status for _, _, status in progress.log()] == ["success"] * 3


def test_a_round_leaves_a_company_that_is_being_synced_for_next_time(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "WAIT_SECONDS", 0)
    progress = acme.progress
    subjects = rounds.chosen(progress.warehouse, progress.moodle, [acme.company, acme.other], "full")
    with running(progress.warehouse, acme.company, "full", CALLER, 0) as held:
        held.connection.commit()  # SQLite's one writer is needed by the others
        ended = rounds.go_round(progress.warehouse, progress.moodle, subjects, "full", CALLER)
    assert (list(ended.postponed), [each.companyid for each in ended.synced]) == ([acme.company], [acme.other])
    again = rounds.chosen(progress.warehouse, progress.moodle, [acme.other, acme.company], "full")
    assert [each.companyid for each in again] == [acme.company, acme.other]


def test_a_sync_that_is_killed_leaves_the_old_rows_and_the_next_one_fails_its_row(synced: Acme) -> None:
    progress = synced.progress
    progress.site.unenrol(synced.ben, synced.botany)
    urls = [
        engine.url.render_as_string(hide_password=False) for engine in (progress.site.engine, progress.warehouse.engine)
    ]
    progress.warehouse.engine.dispose()
    killed = subprocess.run(
        [sys.executable, "-m", "lms_etl_tests.progress.doomed", *urls, str(synced.company)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -9, killed.stderr
    assert len(progress.live(synced.company)) == 4
    assert progress.company(synced.company)["change_number"] == 1
    assert progress.log()[-1] == (synced.company, "reconcile", "running")
    assert synced.sync("reconcile", wait=10) == (0, 0, 1)
    newest = progress.rows(sa.select(progress_syncs).order_by(progress_syncs.c.id))[-2:]
    assert [(row["status"], row["error"]) for row in newest] == [("failed", registry.DIED), ("success", None)]
    assert progress.company(synced.company)["change_number"] == 2
