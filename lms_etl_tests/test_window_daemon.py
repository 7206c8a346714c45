"""The window sensor in a real daemon, after an outage of three days."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import sqlalchemy as sa

from lms_etl.days import last_complete_day
from lms_etl.instance import dagster_home
from lms_etl.run_tags import FIRST_TAG, LAST_TAG
from lms_etl.settings import Settings
from lms_etl.warehouse import receipts, registry, schema, tables
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.activity.conftest import fill
from lms_etl_tests.site import Site

PATIENCE = 240
"""Seconds that a daemon on a busy machine may take to start, tick and run."""


def zone_at_noon() -> ZoneInfo:
    """A zone where it is about noon now: the schedule's hour has passed, and no midnight comes."""
    ahead = 12 - datetime.now(tz=UTC).hour
    return ZoneInfo(f"Etc/GMT{-ahead:+d}")


@contextmanager
def daemon(home: Path, environ: dict[str, str]) -> Iterator[None]:
    """Dagster's daemon with the code location, ended at the end of the block."""
    command = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-m", "lms_etl.definitions"]
    environ = {**os.environ, **environ, "PYTHONWARNINGS": "ignore"}
    with (
        (home / "daemon.log").open("w") as log,
        subprocess.Popen(command, env=environ, stdout=log, stderr=log, cwd=home) as process,
    ):
        try:
            yield
        finally:
            process.terminate()


def states(warehouse: Warehouse) -> dict[date, str]:
    days = tables.etl_days.c
    with warehouse.reading() as connection:
        query = sa.select(days.target_date, days.state).where(days.job_name == "user_activity")
        return {row[0]: row[1] for row in connection.execute(query.order_by(days.target_date))}


@pytest.mark.long
@pytest.mark.parametrize(("source", "target"), [("mariadb", "postgresql")])
def test_after_three_days_without_a_daemon_it_loads_them_by_one_run_and_yesterday_by_another(
    new_database: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, target: str
) -> None:
    zone = zone_at_noon()
    with Site(new_database(source), zone.key) as site:
        fill(site)
    yesterday = last_complete_day(zone)
    watched, *outage = (yesterday - timedelta(days=number) for number in (4, 3, 2, 1))
    environ = {
        "MOODLE_DATABASE_URL": site.url,
        "WAREHOUSE_DATABASE_URL": new_database(target),
        "LMS_ETL_TIMEZONE": zone.key,
        "LMS_ETL_START_DATE": str(yesterday - timedelta(days=30)),
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    home = dagster_home(settings)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    warehouse = Warehouse(settings)
    schema.migrate(warehouse)
    loaded = registry.utc_now() - timedelta(days=4)
    with warehouse.writing() as connection:
        receipts.record(connection, "user_activity", watched, 1, loaded, 0, None, zone)
    expected = {watched: "met", **dict.fromkeys(outage, "late"), yesterday: "met"}
    with daemon(home, environ):
        deadline = time.monotonic() + PATIENCE
        while states(warehouse) != expected:
            assert time.monotonic() < deadline, (states(warehouse), (home / "daemon.log").read_text()[-4000:])
            time.sleep(1)
        with dg.DagsterInstance.get() as instance:
            asked = [
                (run.tags.get("dagster/partition"), run.tags.get(FIRST_TAG), run.tags.get(LAST_TAG))
                for run in instance.get_runs(dg.RunsFilter(job_name="user_activity_job"))
            ]
    assert sorted(asked, key=str) == sorted(
        [(str(yesterday), None, None), (None, str(outage[0]), str(outage[-1]))], key=str
    )
    runs = tables.etl_job_runs.c
    with warehouse.reading() as connection:
        query = sa.select(runs.target_date, runs.status, runs.trigger, runs.late).where(
            runs.job_name == "user_activity"
        )
        rows = {tuple(row) for row in connection.execute(query)}
    warehouse.close()
    assert rows == {
        *((day, "MISSED", "sensor", 1) for day in outage),
        *((day, "SUCCESS", "backfill", 1) for day in outage),
        (yesterday, "SUCCESS", "sensor", 0),
    }
