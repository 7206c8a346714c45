"""What the control page does. Whatever needs the source is queued for Dagster; the rest is done at once."""

import os
import subprocess
import sys

from lms_etl.alerts.channels import parse
from lms_etl.alerts.messages import TEST_BODY, TEST_TITLE
from lms_etl.alerts.outbox import Letter
from lms_etl.settings import Settings
from lms_etl.warehouse import progress_queue
from lms_etl.warehouse.locks import AlreadyRunningError
from lms_etl.warehouse.progress_queue import Wanted
from lms_etl.warehouse.registry import utc_now
from lms_etl.warehouse.warehouse import Warehouse

CLEAR_SECONDS = 300


class ActionProblem(Exception):
    """The action was not done; the message is for the page."""


def ask_for_sync(warehouse: Warehouse, wanted: Wanted, named: str, username: str) -> str:
    """Queues a sync. Raises ActionProblem."""
    reason = f"{wanted.kind} of {named}, asked for by {username} on the control page"
    try:
        with warehouse.writing() as connection:
            number = progress_queue.request(connection, wanted, "ui", reason)
    except (AlreadyRunningError, ValueError) as error:
        raise ActionProblem(str(error)) from None
    return f"Request {number} is queued: {wanted.kind} of {named}. The Dagster daemon starts it within seconds."


def clear(settings: Settings, company: int) -> str:
    """Deletes the rows of a company by the command that people would type, under the company's lock.

    Raises ActionProblem with what the command said.
    """
    words = ("progress", "clear", "--company", str(company), "--yes")
    environ = os.environ | {"WAREHOUSE_DATABASE_URL": settings.warehouse_database_url, "NO_COLOR": "1"}
    try:
        done = subprocess.run(  # noqa: S603  # our own program, and a number
            [sys.executable, "-m", "lms_etl.cli", *words],
            env=environ, capture_output=True, text=True, check=False, timeout=CLEAR_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ActionProblem(f"The command did not end within {CLEAR_SECONDS} s.") from None
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())[-300:]
        raise ActionProblem(f"lms-etl {' '.join(words)} failed: {said}")
    return " ".join(done.stdout.split())


def test_alert(settings: Settings) -> str:
    """Sends a test message to every channel. Raises ActionProblem unless all accept it."""
    channels = parse(settings.alert_urls)
    if not channels:
        raise ActionProblem("No channel is set up, nobody is told. Set ALERT_URLS.")
    key = f"test-{utc_now():%Y%m%d%H%M%S}"
    refused = {}
    for channel in channels:
        letter = Letter(0, 0, channel.name, key, "test", settings.alert_threshold, TEST_TITLE, TEST_BODY, 0)
        problem = channel.send(letter)
        if problem:
            refused[channel.name] = problem
    if refused:
        raise ActionProblem("; ".join(f"{name}: {problem}" for name, problem in refused.items()))
    return f"Accepted by {', '.join(channel.name for channel in channels)}."
