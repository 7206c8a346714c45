"""`lms-etl api` as a process: what it imports, how it ends, several workers, and `lms-etl dev`."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import httpx2
import pytest

from lms_etl import dev
from lms_etl_tests.api.conftest import Api
from lms_etl_tests.api.reading.loaded import load_day, report
from lms_etl_tests.warehouse.rows import DAY


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def served(url: str, *words: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a running `lms-etl api`, and its process."""
    port = free_port()
    command = [sys.executable, "-m", "lms_etl.cli", "api", "--port", str(port), *words]
    environ = os.environ | {"WAREHOUSE_DATABASE_URL": url}
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address, process)
        yield address, process
    finally:
        process.kill()
        process.communicate()


def wait_for(address: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        try:
            if httpx2.get(f"{address}/health/live").status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise AssertionError("it did not start")


def test_the_api_never_imports_dagster_and_pandas_only_where_a_format_needs_it() -> None:
    program = "import sys, lms_etl.api.serve; print([n for n in ('dagster', 'pandas', 'pyarrow') if n in sys.modules])"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_a_stream_is_finished_when_the_process_is_told_to_end(make_api: Callable[..., Api], sqlite_url: str) -> None:
    api = make_api(sqlite_url)
    load_day(api.warehouse, DAY, *(report(number, course_name="x" * 500) for number in range(1, 20_001)))
    api.warehouse.close()
    question = f"/api/user_activity_etl/export?date={DAY}&all=true&format=ndjson"
    with (
        served(sqlite_url) as (address, process),
        httpx2.stream("GET", address + question, headers=api.headers("admin") | {"Accept-Encoding": ""}) as answer,
    ):
        lines = answer.iter_lines()
        rows = [json.loads(next(lines))]
        process.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert process.poll() is None
        with pytest.raises(httpx2.TransportError):
            httpx2.get(f"{address}/health/live")
        rows += [json.loads(line) for line in lines]
        assert process.wait(20) in (0, -signal.SIGTERM)
        log = [json.loads(line) for line in process.stderr.read().splitlines()]  # type: ignore[union-attr]
    assert len(rows) == 20_000
    assert {"time", "level", "message"} <= set(log[0])
    [line] = [line for line in log if line.get("route", "").endswith("/export")]
    assert line["status"] == 200


@pytest.mark.long
def test_two_workers_answer_and_count_together(make_api: Callable[..., Api], sqlite_url: str) -> None:
    api = make_api(sqlite_url)
    with served(sqlite_url, "--workers", "2") as (address, process), closing(httpx2.Client()) as client:
        for _ in range(20):
            httpx2.get(f"{address}/api/user_activity_etl/status", headers=api.headers("admin")).raise_for_status()
        text = client.get(f"{address}/metrics", headers=api.headers("admin")).text
        assert (
            'lms_etl_api_requests_total{method="GET",route="/api/user_activity_etl/status",status="200"} 20.0' in text
        )
        assert "lms_etl_warehouse_up 1.0" in text
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)


def test_the_developers_processes_end_together() -> None:
    began = time.monotonic()
    assert dev.run_together(["-c", "import time; time.sleep(60)"], ["-c", "raise SystemExit(3)"]) == 3
    assert time.monotonic() - began < 15
