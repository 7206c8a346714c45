"""The alert sensor on real runs, sending to a real mail server and a real webhook."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from lms_etl.alerts import sensors
from lms_etl.alerts.sensors import Cursor, alert_sensor
from lms_etl.databases import DatabaseProblem
from lms_etl.warehouse import registry
from lms_etl.warehouse.tables import alerts, etl_days, etl_job_runs
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.alerts import troubled
from lms_etl_tests.alerts.listeners import Mailbox, Webhook
from lms_etl_tests.instances import on_disk

DAY = "2026-03-22"
UNREACHABLE = "postgresql://etl:s3cretPass@127.0.0.1:9/lms"


class Watched:
    """The troubled jobs on an instance, watched by the sensor."""

    def __init__(self, instance: dg.DagsterInstance, warehouse: Warehouse) -> None:
        self.instance = instance
        self.warehouse = warehouse
        self.cursor: str | None = None
        self.said = ""

    def run(self, day: str = DAY, job: str = "report_job", last: str | None = None, **trouble: object) -> bool:
        """Runs a job over a day or a range with the given trouble; whether it succeeded."""
        ends = {"dagster/asset_partition_range_start": day, "dagster/asset_partition_range_end": last or day}
        how: dict[str, Any] = {"tags": ends} if last else {"partition_key": day} if day else {}
        troubled.TROUBLE.update(trouble)
        try:
            definition = troubled.defs.resolve_job_def(job)
            return definition.execute_in_process(instance=self.instance, raise_on_error=False, **how).success
        finally:
            troubled.TROUBLE.clear()

    def look(self) -> str:
        """One tick; returns its skip reason."""
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"warehouse": self.warehouse}
        ) as context:
            skipped = alert_sensor(context)
            self.cursor = context.cursor
        self.said = skipped.skip_message
        return self.said

    def outage(self) -> DatabaseProblem:
        """What a load says while the warehouse is away."""
        try:
            with self.warehouse.reading():
                return DatabaseProblem("The warehouse is there.")
        except DatabaseProblem as problem:
            return problem

    def alerts(self) -> list[dict[str, Any]]:
        with self.warehouse.reading() as connection:
            return [dict(row) for row in connection.execute(sa.select(alerts).order_by(alerts.c.id)).mappings()]

    def insert(self, table: sa.Table, **values: Any) -> None:
        with self.warehouse.engine.begin() as connection:
            connection.execute(sa.insert(table), values)


@pytest.fixture
def watched(
    warehouse_telling: Callable[..., Warehouse], mail: Mailbox, hook: Webhook, tmp_path: Path
) -> Iterator[Watched]:
    warehouse = warehouse_telling(alert_urls=f"{mail.url()}, {hook.url}", ui_url="https://etl.example.org/")
    with on_disk(tmp_path) as instance:
        yield Watched(instance, warehouse)


def test_a_blocking_check_its_failed_run_and_what_it_skips_are_one_message(
    watched: Watched, mail: Mailbox, hook: Webhook
) -> None:
    assert not watched.run(agree=f"{DAY} course 4: Moodle has 9 views, the warehouse 7")
    said = watched.look()
    assert mail.titles == hook.titles == [f"[lms_etl] HIGH: Check views.agree {DAY} failed"]
    assert mail.mails[0]["To"] == "admin@example.org"
    text = mail.mails[0]["Text"]
    for part in ("Moodle has 9 views, the warehouse 7", "What to do:", "https://etl.example.org/runs/", "When: 20"):
        assert part in text
    assert "1 new events, 1 messages" in said
    assert "Sent 2, 0 failed" in said
    assert "Looks again in 30 s." in said
    watched.look()
    assert len(mail.mails) == len(hook.calls) == 1
    assert watched.run()
    watched.look()
    assert mail.titles[1:] == hook.titles[1:] == [f"[lms_etl] RECOVERED: Check views.agree {DAY} failed"]


def test_a_source_that_is_down_for_every_retry_and_every_job_is_one_message_with_the_count(
    watched: Watched, mail: Mailbox
) -> None:
    for job, day in (("report_job", DAY), ("report_job", DAY), ("views_job", DAY), ("report_job", "2026-03-21")):
        watched.run(day, job, views=troubled.SOURCE_DOWN)
    watched.look()
    watched.run(views=troubled.SOURCE_DOWN)
    watched.look()
    down = "Moodle's database cannot be reached: the server does not answer"
    assert mail.titles == [f"[lms_etl] CRITICAL: {down}"]
    text = mail.mails[0]["Text"]
    assert "Seen: 4 times" in text
    assert "mysql+pymysql://db.example.org/moodle" in text
    assert "reader" not in text
    assert "10.1.2.3" not in text
    watched.run()
    watched.look()
    assert mail.titles[1:] == [f"[lms_etl] RECOVERED: {down}"]
    assert "1 more, which were not told" in mail.mails[1]["Text"]


def test_a_warning_check_is_told_with_less_severity_and_ends_when_it_passes(watched: Watched, mail: Mailbox) -> None:
    assert watched.run(usual=f"{DAY}: 3 views, 900 are usual on a Sunday")
    watched.look()
    watched.run("2026-03-21")
    watched.look()
    assert mail.titles == [f"[lms_etl] MEDIUM: Check views.usual {DAY} warns"]
    watched.run()
    watched.look()
    assert mail.titles[1:] == [f"[lms_etl] RECOVERED: Check views.usual {DAY} warns"]


def test_a_failed_run_tells_job_and_day_but_nothing_that_stood_in_a_row(watched: Watched, mail: Mailbox) -> None:
    watched.run(views=ValueError("could not convert 'Ana Maria' of ana@example.org from 192.0.2.7 to float"))
    watched.look()
    assert mail.titles == [f"[lms_etl] HIGH: Run of report_job {DAY} failed"]
    text = mail.mails[0]["Text"]
    assert "ValueError: could not convert '…'" in text
    for private in ("Ana", "ana@", "192.0.2.7"):
        assert private not in text


def test_the_days_of_a_range_end_one_by_one(watched: Watched, mail: Mailbox) -> None:
    watched.run("2026-03-20", last=DAY, agree=f"2026-03-20 course 1: 2; {DAY} course 1: 3")
    watched.look()
    assert mail.titles == [f"[lms_etl] HIGH: Check views.agree 2026-03-20, {DAY} failed"]
    watched.run("2026-03-20")
    watched.look()
    assert [row["days"] for row in watched.alerts()] == [DAY]
    watched.run()
    watched.look()
    assert len(mail.mails) == 2


def test_missed_days_are_one_message_and_end_when_all_tables_are_loaded(watched: Watched, mail: Mailbox) -> None:
    now = registry.utc_now()
    for table in ("activity_counts", "user_activity"):
        for day in (21, 22):
            watched.insert(etl_days, job_name=table, target_date=date(2026, 3, day), state="missed", missed_at=now)
    watched.insert(
        etl_job_runs, job_name="user_activity", target_date=date(2026, 3, 22), trigger="sensor", status="MISSED",
        completed_at=now,
    )  # fmt: skip
    watched.look()
    watched.look()
    assert mail.titles == ["[lms_etl] CRITICAL: The window of 2026-03-21 to 2026-03-22 closed without a load"]
    assert "Not loaded in time: activity_counts, user_activity." in mail.mails[0]["Text"]
    loaded = sa.update(etl_days).values(run_id=1, state="late", last_completed_at=now + timedelta(seconds=1))
    for where, mails in ((etl_days.c.job_name == "activity_counts", 1), (etl_days.c.state == "missed", 2)):
        with watched.warehouse.engine.begin() as connection:
            connection.execute(loaded.where(where))
        watched.look()
        assert len(mail.mails) == mails


def test_a_dead_run_is_told_once_also_when_dagster_notices_it_later(watched: Watched, mail: Mailbox) -> None:
    job = troubled.defs.resolve_job_def("report_job")
    run = watched.instance.create_run_for_job(job, tags={"dagster/partition": DAY})
    watched.instance.report_run_failed(run, "The process of this run ended without a word.")
    ago = registry.utc_now() - timedelta(hours=1)
    watched.insert(
        etl_job_runs, job_name="views", target_date=date(2026, 3, 22), trigger="cli", status="RUNNING",
        live_key="views:2026-03-22", heartbeat_at=ago, dagster_run_id=run.run_id,
    )  # fmt: skip
    watched.look()
    with watched.warehouse.engine.begin() as connection:
        buried = sa.update(etl_job_runs).values(
            status="FAILED", live_key=None, error=registry.DIED, completed_at=registry.utc_now()
        )
        connection.execute(buried)
    watched.look()
    assert len(mail.mails) == 1
    assert [row["count"] for row in watched.alerts()] == [2]


def test_without_alert_urls_alerts_are_recorded_and_the_reason_says_that_nobody_is_told(
    warehouse_telling: Callable[..., Warehouse], tmp_path: Path
) -> None:
    with on_disk(tmp_path) as instance:
        watched = Watched(instance, warehouse_telling())
        watched.run(agree="wrong")
        assert "ALERT_URLS is not set: alerts are recorded, nobody is told." in watched.look()
        assert [row["told"] for row in watched.alerts()] == [0]


def test_a_channel_that_is_down_delays_only_itself_and_gets_everything_later(
    watched: Watched, mail: Mailbox, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail.refuses = True
    watched.run(agree="wrong")
    said = watched.look()
    assert "Sent 1, 1 failed. 1 wait" in said
    assert len(hook.calls) == 1
    watched.run()
    assert "2 wait" in watched.look()
    assert len(hook.calls) == 2
    mail.refuses = False
    watched.look()
    assert mail.mails == []
    later = registry.utc_now() + timedelta(minutes=3)
    monkeypatch.setattr(sensors.registry, "utc_now", lambda: later)
    watched.look()
    assert [title.split(":")[0] for title in mail.titles] == ["[lms_etl] HIGH", "[lms_etl] RECOVERED"]
    assert mail.titles == hook.titles


def test_a_lost_cursor_tells_nothing_again(watched: Watched, mail: Mailbox) -> None:
    watched.run(agree="wrong")
    watched.run("2026-03-21", views=ValueError("x"))
    watched.look()
    watched.cursor = None
    watched.look()
    assert len(mail.mails) == 2


def test_what_failed_before_anybody_watched_is_not_told(
    watched: Watched, mail: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "LOOK_BACK", timedelta(0))
    monkeypatch.setattr(sensors, "OVERLAP", timedelta(0))
    watched.run(agree="wrong")
    for _ in range(3):
        assert "Saw 0 ended runs" in watched.look()
    watched.run("2026-03-21", agree="wrong")
    watched.look()
    assert mail.titles == ["[lms_etl] HIGH: Check views.agree 2026-03-21 failed"]


def test_a_check_of_the_present_has_no_days_and_ends_when_it_passes_alone(watched: Watched, mail: Mailbox) -> None:
    watched.run(now="nothing came for 3 hours")
    watched.look()
    watched.run("", job="now_job")
    watched.look()
    what = "Check report.now warns"
    assert mail.titles == [f"[lms_etl] MEDIUM: {what}", f"[lms_etl] RECOVERED: {what}"]


def test_runs_that_settled_are_not_read_again(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.run(agree="wrong")
    assert "Saw 1 ended runs" in watched.look()
    assert "Saw 1 ended runs" in watched.look()
    now = sensors.time.time() + 61
    monkeypatch.setattr(sensors.time, "time", lambda: now)
    assert "Saw 1 ended runs" in watched.look()
    assert "Saw 0 ended runs" in watched.look()
    assert Cursor.read(watched.cursor).event


def test_more_runs_than_one_tick_reads_are_all_counted_in_their_order(
    watched: Watched, mail: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors.observed, "RUNS_AT_ONCE", 2)
    monkeypatch.setattr(sensors.observed, "SETTLED_SECONDS", 0)
    for number in range(5):
        watched.run(**({"agree": "wrong"} if number < 3 else {}))
    for _ in range(4):
        watched.look()
    assert [row["count"] for row in watched.alerts()] == [3]
    assert [title.split(":")[0] for title in mail.titles] == ["[lms_etl] HIGH", "[lms_etl] RECOVERED"]


def test_a_warehouse_that_is_away_is_told_directly_and_written_down_when_it_is_back(
    watched: Watched, mail: Mailbox, hook: Webhook
) -> None:
    watched.look()
    url = watched.warehouse.settings.warehouse_database_url
    away = Warehouse(watched.warehouse.settings.model_copy(update={"warehouse_database_url": UNREACHABLE}))
    there, watched.warehouse = watched.warehouse, away
    mail.refuses = True
    watched.look()
    watched.run(views=watched.outage())
    mail.refuses = False
    for _ in range(2):
        said = watched.look()
    assert "Nothing can be recorded since" in said
    assert "told json" in said
    assert mail.titles == hook.titles == ["[lms_etl] CRITICAL: The warehouse cannot be used"]
    assert "s3cretPass" not in mail.mails[0]["Text"] + said
    watched.warehouse = there
    assert there.settings.warehouse_database_url == url
    watched.look()
    assert [title.split(":")[0] for title in mail.titles[1:]] == ["[lms_etl] RECOVERED"]
    [row] = watched.alerts()
    assert (row["kind"], row["subject"], row["count"], row["told"], row["state"]) == (
        "database_down",
        "warehouse",
        2,
        1,
        "resolved",
    )
    watched.look()
    assert len(mail.mails) == len(hook.calls) == 2


def test_an_unmigrated_warehouse_gives_a_reason_instead_of_an_error(
    warehouse_telling: Callable[..., Warehouse], tmp_path: Path
) -> None:
    warehouse = warehouse_telling()
    with warehouse.engine.begin() as connection:
        connection.execute(sa.text("drop table alerts"))
        connection.execute(sa.text("drop table alert_events"))
    with on_disk(tmp_path) as instance:
        assert "run `lms-etl migrate`" in Watched(instance, warehouse).look()
