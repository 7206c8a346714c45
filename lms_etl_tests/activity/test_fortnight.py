"""A simulated fortnight with everything that goes wrong in one: each day ends as it should, each cause is told once."""

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import time_machine

from lms_etl.days import local_day
from lms_etl.sources.moodle import VIEWS
from lms_etl.warehouse import queue, restatements, tables
from lms_etl.warehouse.locks import AlreadyRunningError
from lms_etl_tests.activity.conftest import Etl, fill
from lms_etl_tests.activity.fortnight import Daemon, failed_by_dagster, killed_worker, moments, source_down
from lms_etl_tests.alerts.listeners import Webhook, webhook
from lms_etl_tests.instances import on_disk

FIRST = datetime(2026, 3, 2, tzinfo=UTC)
"""The first day of the site's log; the daemon looks from the day after on."""

OUTAGE = 5
"""The day of the fortnight on which no daemon runs."""


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as listening:
        yield listening


@pytest.fixture
def telling(make_etl: Callable[[str, str], Etl], hook: Webhook, tmp_path: Path) -> Iterator[Etl]:
    """MariaDB into PostgreSQL, alerts to a webhook; Dagster's instance on disk, as the embedded daemon has it."""
    made = make_etl("mariadb", "postgresql")
    told = {"alert_urls": hook.url, "alert_cooldown_minutes": 360}
    made.warehouse.settings = made.warehouse.settings.model_copy(update=told)
    made.instance.dispose()
    gc.collect()  # contexts that other tests left open would end within this one, and take its instance along
    with on_disk(tmp_path) as made.instance:
        yield made


@pytest.mark.long
def test_a_fortnight(telling: Etl, hook: Webhook) -> None:
    etl, daemon = telling, Daemon(telling)
    ids = fill(etl.site)
    etl.site.delete_views()
    for number in range(1, 15):
        day = FIRST + timedelta(days=number - 1)
        etl.site.view(ids["algebra"], "mod_quiz", at=f"{day:%Y-%m-%d} 10:00", times=5 + number)
        if number == OUTAGE:
            continue
        for moment in moments(FIRST + timedelta(days=number)):
            with time_machine.travel(moment, tick=True):
                live_through(daemon, ids, number, moment)
    assert_days_ended_as_they_should(etl)
    assert_numbers_equal_the_source(etl)
    assert_every_cause_was_told_once(hook)


def live_through(daemon: Daemon, ids: dict[str, int], number: int, moment: datetime) -> None:
    """One moment of a day of the fortnight, with what goes wrong then."""
    etl, yesterday = daemon.etl, str((moment - timedelta(days=1)).date())
    nightly = (moment.hour, moment.minute) == (2, 0)
    if number == 3 and nightly:  # two triggers compete
        with etl.warehouse.writing() as connection:
            queue.request(connection, "pipeline", date.fromisoformat(yesterday), "api")
        with pytest.raises(AlreadyRunningError), etl.warehouse.writing() as connection:
            queue.request(connection, "pipeline", date.fromisoformat(yesterday), "api")
        daemon.tick()
    if number == 9 and nightly:  # the worker is killed
        killed_worker(daemon, yesterday)
    elif number == 4 and moment.hour == 2:  # the source is away for an hour
        with source_down(etl):
            if nightly:
                daemon.tick_of_the_schedule(moment)
            daemon.tick()
        return
    elif nightly:
        daemon.tick_of_the_schedule(moment)
    if number == 9 and moment.hour == 3:
        failed_by_dagster(etl)
    if number == 11 and moment.hour == 9:  # a course of the first days is restored
        for day in ("2026-03-02", "2026-03-04"):
            etl.site.view(ids["botany"], "mod_forum", at=f"{day} 09:00", times=7, origin=None, ip=None)
    if number == 12 and moment.hour == 9:  # a buffer is flushed late
        etl.site.view(ids["botany"], "mod_page", at=f"{yesterday} 23:58", times=3)
    daemon.tick()
    daemon.tick()


def assert_days_ended_as_they_should(etl: Etl) -> None:
    query = sa.select(tables.etl_days.c.target_date, tables.etl_days.c.state, tables.etl_days.c.missed_at)
    with etl.warehouse.reading() as connection:
        days = connection.execute(
            query.where(tables.etl_days.c.job_name == "user_activity").order_by(tables.etl_days.c.target_date)
        ).all()
        restated = {str(row["target_date"]) for row in restatements.latest(connection, date.min)}
    states = {str(day): (state, missed is not None) for day, state, missed in days}
    expected = {str((FIRST + timedelta(days=number)).date()): ("met", False) for number in range(14)}
    # The window of the day before the outage closed while no daemon ran; the day after it could still be met.
    expected["2026-03-06"] = ("late", True)
    assert states == expected
    assert restated == {"2026-03-02", "2026-03-04", "2026-03-13"}


def assert_numbers_equal_the_source(etl: Etl) -> None:
    totals = etl.report().groupby("extraction_date")["total_views"].sum()
    for number in range(14):
        day = local_day((FIRST + timedelta(days=number)).date(), etl.site.zone)
        assert totals[day.date] == sum(etl.moodle.views_by_component(day)[kind] for kind in VIEWS), day.key


def assert_every_cause_was_told_once(hook: Webhook) -> None:
    causes = ("Moodle's database cannot be reached", "2026-03-06", "Run of user_activity_job 2026-03-10 failed")
    told = Counter((cause, "RECOVERED" in title) for title in hook.titles for cause in causes if cause in title)
    assert told == {(cause, recovered): 1 for cause in causes for recovered in (False, True)}, hook.titles
    assert len(hook.titles) == len(told), hook.titles
