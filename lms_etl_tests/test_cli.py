"""The console command as a stranger types it: real processes on a small site."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from lms_etl.warehouse import tables
from lms_etl_tests import warm
from lms_etl_tests.activity.conftest import fill
from lms_etl_tests.site import Site

DAY = "2026-03-22"


class Shell:
    """Runs `lms-etl` with the environment of one test's site and warehouse."""

    def __init__(self, source: str, target: str, home: Path, **more: str) -> None:
        self.environ = {
            **os.environ,
            "LMS_ETL_HOME": str(home),
            "MOODLE_DATABASE_URL": source,
            "WAREHOUSE_DATABASE_URL": target,
            "LMS_ETL_START_DATE": "2026-03-01",
            "COLUMNS": "100",
            **more,
        }

    def start(self, *words: str, **more: str) -> subprocess.Popen[str]:
        """The command, running."""
        command = [sys.executable, "-m", "lms_etl.cli", *words]
        environ = {**self.environ, **more}
        return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __call__(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """The command, ended."""
        return warm.run(words, {**self.environ, **more})


@pytest.fixture
def shell(new_database: Callable[[str], str], tmp_path: Path) -> Shell:
    source = new_database("sqlite")
    with Site(source) as site:
        fill(site)
    return Shell(source, new_database("sqlite"), tmp_path / "home")


def said(result: subprocess.CompletedProcess[str]) -> str:
    """Both streams in one line, without the line breaks that the width of the terminal brings."""
    assert "Traceback" not in result.stdout + result.stderr
    return re.sub(r"\s+", " ", result.stdout + result.stderr)


def test_the_documented_actions_from_an_empty_warehouse_to_the_report(shell: Shell) -> None:
    refused = shell("user_activity_etl", "pipeline", DAY, "--force")
    assert refused.returncode == 1
    assert "Run `lms-etl migrate`" in said(refused)
    assert shell("migrate").returncode == 0
    assert "was there already" in said(shell("migrate"))
    assert "not_started" in said(shell("user_activity_etl", "status"))
    waiting = shell("user_activity_etl", "main_etl", DAY, "--force")
    assert waiting.returncode == 1
    assert "Waiting for ActivityCounts and UserCounts ETL to complete" in said(waiting)
    for action in ("activity_counts", "user_counts", "main_etl", "pipeline"):
        result = shell("user_activity_etl", action, DAY, "--force")
        assert result.returncode == 0, said(result)
    status = said(shell("user_activity_etl", "status"))
    assert status.count("completed") == 6
    scheduler = said(shell("user_activity_etl", "scheduler_data"))
    assert "user_activity 2026-03-22" in scheduler
    assert "yesterday:" in scheduler
    page = said(shell("window", "--days", "400"))
    assert re.search(rf"{DAY} late 20\d\d-\d\d-\d\d \d\d:\d\d -\d+:\d\d \d+ loaded late by force", page), page
    assert "0 met, 1 late, 0 missed; times of the site (UTC)" in page


def test_a_backfill_resumes_where_it_stopped_and_force_loads_again(shell: Shell) -> None:
    shell("migrate")
    assert shell("backfill", "--from", "2026-03-20", "--to", DAY).returncode == 0
    rest = said(shell("backfill", "--from", "2026-03-20", "--to", "2026-03-24"))
    assert re.search(r"user_activity 2 2 4", rest), rest
    assert re.search(
        r"user_activity 5 5 10", said(shell("backfill", "--from", "2026-03-20", "--to", "2026-03-24", "--force"))
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("user_activity_etl", "pipeline", "2024-02-30"), "'2024-02-30' is not a day of the calendar"),
        (("user_activity_etl", "pipeline", "2999-01-01"), "2999-01-01 is not over at the site"),
        (("user_activity_etl", "pipeline", DAY), f"ETL time window expired: {DAY} could be loaded until"),
        (("user_activity_etl", "main_etl", DAY), "lms-etl backfill --from 2026-03-22 --to 2026-03-22"),
        (("user_activity_etl", "pipeline", "2026-02-28"), "before the first day of the site"),
        (("user_activity_etl", "pipelin"), "'pipelin' is not an action"),
        (("backfill", "--from", "2026-03-22", "--to", "2026-03-20"), "is after the last"),
        (("backfill", "--from", "yesterday"), "'yesterday' is not a day"),
    ],
)
def test_a_bad_day_or_action_ends_with_two_and_one_clear_line(
    shell: Shell, words: tuple[str, ...], message: str
) -> None:
    result = shell(*words)
    assert result.returncode == 2
    assert message in said(result)
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


def test_a_wrong_setting_ends_with_two_and_names_the_variable(shell: Shell) -> None:
    result = shell("user_activity_etl", "status", LMS_ETL_TIMEZONE="Asia/Jakata")
    assert result.returncode == 2
    assert "LMS_ETL_TIMEZONE='Asia/Jakata' cannot be used" in said(result)


def test_without_an_action_the_usage_is_shown(shell: Shell) -> None:
    result = shell("user_activity_etl")
    assert result.returncode == 0
    for action in ("pipeline", "activity_counts", "user_counts", "main_etl", "status", "scheduler_data"):
        assert action in result.stdout


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom typer.testing import CliRunner\nfrom lms_etl.cli import app\n"
        "print(CliRunner().invoke(app, ['--help']).output)\n"
        "print('heavy:', [name for name in ('dagster', 'pandas', 'sqlalchemy', 'pydantic') if name in sys.modules])"
    )
    root = str(Path(__file__).parent.parent)
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root
    ).stdout
    for command in ("demo", "dev", "migrate", "doctor", "backfill", "window", "user_activity_etl"):
        assert command in printed
    assert "heavy: []" in printed


def test_a_source_that_is_down_is_told_in_one_line_and_recorded(shell: Shell) -> None:
    shell("migrate")
    url = "mysql://reader:hush-hush@127.0.0.1:9/moodle"
    result = shell("user_activity_etl", "pipeline", DAY, "--force", MOODLE_DATABASE_URL=url)
    assert result.returncode == 1
    assert "Failed to connect to database: the server does not answer (MOODLE_DATABASE_URL=" in said(result)
    assert "hush-hush" not in said(result)
    assert "failed" in said(shell("user_activity_etl", "status"))


def test_doctor_finds_a_healthy_set_up_healthy_and_names_what_is_not(shell: Shell) -> None:
    before = shell("doctor")
    assert before.returncode == 1
    assert f"✗ Schema: version none, {tables.SCHEMA_VERSION} is needed: run `lms-etl migrate`" in said(before)
    shell("migrate")
    healthy = shell("doctor")
    assert healthy.returncode == 0, said(healthy)
    assert "Everything that is needed is in place." in said(healthy)
    wrong = shell("doctor", MOODLE_TABLE_PREFIX="wrong_")
    assert wrong.returncode == 1
    assert "MOODLE_TABLE_PREFIX" in said(wrong)


def test_doctor_sees_a_missing_log_index_and_a_reader_that_may_write(
    new_database: Callable[[str], str], tmp_path: Path
) -> None:
    source = new_database("mariadb")
    with Site(source) as site:
        fill(site)
        with site.engine.begin() as connection:
            connection.exec_driver_sql("alter table mdl_logstore_standard_log drop index mdl_logsstanlog_tim_ix")
    shell = Shell(source, new_database("postgresql"), tmp_path / "home")
    shell("migrate")
    result = shell("doctor")
    assert result.returncode == 1
    assert "has no index on timecreated" in said(result)
    assert "this user may write" in said(result)


def test_the_demo_ends_with_a_report_a_chart_and_what_to_type_next(tmp_path: Path) -> None:
    shell = Shell("", "", tmp_path / "home")
    result = shell("demo", "--rows", "3000", "--courses", "30", "--days", "7")
    assert result.returncode == 0, result.stderr
    assert "user_activity of" in result.stdout
    assert "What to type next" in result.stdout
    [token] = re.findall(r"lms_\w{8}_[\w-]{43}", result.stdout)
    listed = said(shell("token", "list", MOODLE_DATABASE_URL="", WAREHOUSE_DATABASE_URL=""))
    assert token[:12] in listed
    chart = tmp_path / "home" / "demo" / "views_per_day.png"
    assert chart.read_bytes().startswith(b"\x89PNG")
    del shell.environ["LMS_ETL_START_DATE"]
    assert "completed" in said(shell("user_activity_etl", "status", MOODLE_DATABASE_URL="", WAREHOUSE_DATABASE_URL=""))


def test_the_log_level_decides_whether_progress_and_tracebacks_are_shown(shell: Shell) -> None:
    shell("migrate")
    words = ("user_activity_etl", "activity_counts", DAY, "--force")
    assert "1/1" in said(shell(*words))
    assert shell(*words, ETL_LOG_LEVEL="error").stderr == ""
    assert "STEP_START" in shell(*words, ETL_LOG_LEVEL="debug").stderr


def finished(url: str) -> list[tuple[str, str]]:
    """(job, day) of each successful load so far; none while the tables are not there or locked."""
    engine = sa.create_engine(url)
    query = sa.text(
        "select job_name, target_date from etl_job_runs where status = 'SUCCESS' and target_date is not null"
    )
    try:
        with engine.connect() as connection:
            return [(job, str(day)) for job, day in connection.execute(query)]
    finally:
        engine.dispose()


@pytest.mark.long
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_a_backfill_killed_in_the_middle_resumes_without_loading_finished_days_again(
    new_database: Callable[[str], str], tmp_path: Path, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = new_database("sqlite"), new_database(dialect)
    with Site(source) as site:
        fill(site)
    shell = Shell(source, target, tmp_path / "home")
    assert shell("migrate").returncode == 0
    days = ("backfill", "--from", "2026-03-01", "--to", "2026-06-30")
    with shell.start(*days) as process:
        while len(finished(target)) < 40:
            assert process.poll() is None, "the backfill ended before it could be killed"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    before = finished(target)
    assert 40 <= len(before) < 3 * 122
    result = shell(*days)
    assert result.returncode == 0, said(result)
    after = finished(target)
    assert len(after) == len(set(after)) == 3 * 122
    assert set(before) <= set(after)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home" / "dagster"))
    with dg.DagsterInstance.get() as instance:
        statuses = [run.status.value for run in instance.get_runs()]
    assert statuses == ["SUCCESS", "FAILURE"]
