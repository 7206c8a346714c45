"""Killed at any moment the alerts neither miss nor repeat: real processes, a real daemon, real mail and webhook."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from lms_etl.warehouse import schema
from lms_etl.warehouse.tables import alerts
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.alerts import doomed, troubled
from lms_etl_tests.alerts.listeners import Mailbox, Webhook
from lms_etl_tests.warehouse.rows import warehouse_at

ROOT = Path(__file__).parent.parent.parent
DAY = "2026-03-22"
CHECK = f"[lms_etl] HIGH: Check views.agree {DAY} failed"


class Place:
    """An instance on disk, a warehouse and two channels, for processes that come and go."""

    def __init__(self, home: Path, warehouse: Warehouse, mail: Mailbox, hook: Webhook) -> None:
        self.home = home
        self.warehouse = warehouse
        self.environ = {
            **os.environ,
            "DAGSTER_HOME": str(home),
            "WAREHOUSE_DATABASE_URL": warehouse.settings.warehouse_database_url,
            "ALERT_URLS": f"{mail.url()} {hook.url}",
            "BROKEN_UNTIL_GONE": str(home / "broken"),
            "HELD_UNTIL_GONE": str(home / "held"),
            "PYTHONPATH": str(ROOT),
        }

    def fail(self) -> None:
        """A run whose blocking check fails."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            troubled.TROUBLE["agree"] = "wrong"
            definition = troubled.defs.resolve_job_def("report_job")
            definition.execute_in_process(instance=instance, raise_on_error=False, partition_key=DAY)
            troubled.TROUBLE.clear()

    @contextmanager
    def looking(self) -> Iterator[Callable[[str], int]]:
        """A function that looks once in a process of its own, dying at a moment, and returns how that ended."""
        command = [sys.executable, "-W", "ignore", "-m", doomed.__name__, str(self.home / "cursor")]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=self.environ, stdin=pipe, stdout=pipe, text=True) as process:

            def look(moment: str = "alive") -> int:
                assert process.stdin
                assert process.stdout
                process.stdin.write(moment + "\n")
                process.stdin.flush()
                return int(process.stdout.readline())

            yield look

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """A real daemon with the troubled code location; killed with everything it started."""
        command = [str(Path(sys.executable).parent / "dagster-daemon"), "run", "-m", troubled.__name__]
        log = (self.home / "daemon.log").open("a")
        process = subprocess.Popen(command, env=self.environ, stdout=log, stderr=log, start_new_session=True)
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            log.close()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 120
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"{what}\n{(self.home / 'daemon.log').read_text()[-4000:]}")
            time.sleep(0.2)

    def counts(self) -> dict[str, int]:
        """Events of each kind of alert."""
        with self.warehouse.reading() as connection:
            return dict(connection.execute(sa.select(alerts.c.kind, alerts.c["count"])).all())


@pytest.fixture
def place(
    new_database: Callable[[str], str], tmp_path: Path, mail: Mailbox, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with warehouse_at(new_database("sqlite")) as warehouse:
        schema.migrate(warehouse)
        yield Place(home, warehouse, mail, hook)


@pytest.mark.parametrize("moment", doomed.MOMENTS)
def test_a_process_killed_at_any_moment_before_the_send_tells_exactly_once(
    place: Place, mail: Mailbox, hook: Webhook, moment: str
) -> None:
    place.fail()
    with place.looking() as look:
        assert look(moment) == -signal.SIGKILL
        assert len(mail.mails) == len(hook.calls) == (1 if moment == "after the look" else 0)
        for _ in range(2):
            assert look() == 0
            assert mail.titles == hook.titles == [CHECK]
    assert place.counts() == {"check_failed": 1}


def test_a_process_killed_between_acceptance_and_mark_sends_again_with_the_same_key(
    place: Place, mail: Mailbox, hook: Webhook
) -> None:
    place.fail()
    with place.looking() as look:
        assert look(doomed.UNKNOWN) == -signal.SIGKILL
        assert (mail.titles, hook.titles) == ([CHECK], [])
        assert look() == 0
        assert (mail.titles, hook.titles) == ([CHECK], [CHECK])
        assert look("later") == 0
        assert (mail.titles, hook.titles) == ([CHECK, CHECK], [CHECK])
    assert mail.mails[0]["Idempotency-Key"] == mail.mails[1]["Idempotency-Key"]


@pytest.mark.long
def test_a_daemon_killed_between_event_and_send_tells_each_cause_once_after_its_restart(
    place: Place, mail: Mailbox, hook: Webhook
) -> None:
    broken, held = place.home / "broken", place.home / "held"
    broken.touch()
    held.touch()
    place.fail()
    with place.daemon():
        place.until(lambda: "check_failed" in place.counts(), "the failed check was not recorded")
        assert not mail.mails
        assert not hook.calls
    held.unlink()
    with place.daemon():
        place.until(lambda: len(mail.mails) >= 2 and len(hook.calls) >= 2, "nobody was told")
        sensor = "[lms_etl] HIGH: Sensor broken_sensor fails"
        assert sorted(mail.titles) == sorted(hook.titles) == [CHECK, sensor]
        broken.unlink()
        place.until(lambda: len(mail.mails) >= 3 and len(hook.calls) >= 3, "the end was not told")
        assert mail.titles[2:] == hook.titles[2:] == ["[lms_etl] RECOVERED: Sensor broken_sensor fails"]
    assert place.counts()["check_failed"] == 1
    assert place.counts()["tick_failed"] >= 1
    assert not [mail for mail in mail.mails if "ana@" in mail["Text"]]
