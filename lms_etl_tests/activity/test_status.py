"""What the status says of each job, whoever started its last run."""

import io
from typing import Any

import pytest
import sqlalchemy as sa
from rich.console import Console

from lms_etl.activity import status
from lms_etl.warehouse import tables
from lms_etl_tests.activity.conftest import Etl

ONE_PAIR_EACH = True


@pytest.mark.parametrize("trigger", ["api", "cli", "schedule", "sensor", "ui"])
@pytest.mark.parametrize(
    ("state", "word"),
    [
        (None, "not_started"),
        ("QUEUED", "queued"),
        ("RUNNING", "running"),
        ("SUCCESS", "completed"),
        ("SKIPPED", "completed"),
        ("FAILED", "failed"),
        ("STOPPED", "failed"),
    ],
)
def test_the_status_of_a_job_is_the_word_of_its_last_run(
    small_etl: Etl, state: str | None, word: str, trigger: str
) -> None:
    earlier: dict[str, Any] = {"job_name": "pipeline", "trigger": "cli", "status": "FAILED"}
    if state:
        with small_etl.warehouse.writing() as connection:
            connection.execute(
                sa.insert(tables.etl_job_runs), [earlier, {**earlier, "status": state, "trigger": trigger}]
            )
    out = io.StringIO()
    status.status(Console(file=out, width=120), small_etl.warehouse.settings)
    [line] = [line for line in out.getvalue().splitlines() if line.startswith("pipeline")]
    assert line.split()[1] == word
    assert state is None or trigger in line
