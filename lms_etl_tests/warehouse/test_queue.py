"""The registry as a queue: requests are rows, and one job and day is asked for once at a time."""

import pytest

from lms_etl.warehouse import queue
from lms_etl.warehouse.locks import AlreadyRunningError
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.warehouse.rows import DAY, NEXT_DAY, runs


def test_a_request_is_a_queued_row_and_a_second_one_is_refused_with_the_documented_message(
    warehouse: Warehouse,
) -> None:
    with warehouse.engine.begin() as connection:
        first = queue.request(connection, "pipeline", DAY, "api", reason="asked by the dean", force=True)
        with pytest.raises(AlreadyRunningError, match="ETL process is already running: pipeline of 2026-03-22"):
            queue.request(connection, "pipeline", DAY, "api")
        other = queue.request(connection, "pipeline", NEXT_DAY, "cli")
    told = ("id", "job_name", "target_date", "trigger", "status", "reason", "forced")
    assert [tuple(run[name] for name in told) for run in runs(warehouse)] == [
        (first, "pipeline", DAY, "api", "QUEUED", "asked by the dean", 1),
        (other, "pipeline", NEXT_DAY, "cli", "QUEUED", None, 0),
    ]
