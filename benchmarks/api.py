"""The API over HTTP: 50 clients at once beside a bare FastAPI route, all rows as CSV, and datasette as a peer.

Each server is one process of its own on this machine, started in turn; clients share the machine with it. The bare
route sends the very bytes of our answer, ready made. Datasette serves a SQLite copy of the report with its defaults but
for the limits on rows and time, and is asked for the same day.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import Request, urlopen

import sqlalchemy as sa

from benchmarks import measure, source
from benchmarks.api_reading import FIRST, SPEED, by_copy, fill, opened
from benchmarks.http_load import Load, fetch, load
from lms_etl.api import tokens, users
from lms_etl.warehouse import schema
from lms_etl.warehouse.tables import user_activity

CLIENTS = 50
ROUTE = 0.3
"""Requests a second of a result to those of the bare route, at least."""
MEMORY = 200
PREFIX = "/api/user_activity_etl"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(command: list[str], port: int, ready: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server's process, from the first answer at `ready` until the block ends."""
    given = {**os.environ, "PYTHONPATH": str(source.ROOT), **environment}
    process = subprocess.Popen(command, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with suppress(OSError), urlopen(f"http://127.0.0.1:{port}{ready}"):
                break
            if process.poll() is not None:
                raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
            time.sleep(0.1)
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def peak_megabytes(process: subprocess.Popen[bytes]) -> float:
    """The largest resident set of a live process."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


@contextmanager
def ours(url: str, token: str) -> Iterator[tuple[str, dict[str, str], subprocess.Popen[bytes]]]:
    """`lms-etl api` on a warehouse: its address, the headers of a caller, its process."""
    port = free_port()
    command = [sys.executable, "-m", "lms_etl.cli", "api", "--port", str(port)]
    settings = {"WAREHOUSE_DATABASE_URL": url, "API_RATE_LIMIT": "100000000/minute", "ETL_LOG_LEVEL": "error"}
    with (
        tempfile.TemporaryDirectory() as home,
        serving(command, port, "/health/live", LMS_ETL_HOME=home, **settings) as process,
    ):
        yield f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {token}"}, process


def token_for(url: str) -> str:
    """A token of an admin who has to be made first."""
    warehouse = opened(url)
    with warehouse.writing() as connection:
        users.set_privilege(connection, "bench", "admin")
        made = tokens.create(connection, "bench", None, None)
    warehouse.close()
    return made


@contextmanager
def bare(body: bytes) -> Iterator[str]:
    port = free_port()
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        command = [sys.executable, "-m", "benchmarks.contenders.bare_route", str(port)]
        with serving(command, port, "/bare", BARE_BODY=file.name):
            yield f"http://127.0.0.1:{port}/bare"


@contextmanager
def datasette(database: Path) -> Iterator[str]:
    port = free_port()
    options = ["--setting", "max_returned_rows", "10000", "--setting", "sql_time_limit_ms", "60000"]
    command = [sys.executable, "-m", "datasette", "serve", str(database), "--port", str(port), *options]
    with serving(command, port, "/-/versions.json"):
        yield f"http://127.0.0.1:{port}/{database.stem}/user_activity_etl"


def copy_to_sqlite(url: str, path: Path) -> None:
    """The same report in a SQLite warehouse, for datasette."""
    here, there = opened(url), opened(f"sqlite:///{path}")
    schema.migrate(there)
    query = sa.select(user_activity).execution_options(stream_results=True, yield_per=10_000)
    with here.reading() as connection, there.writing() as target:
        for rows in connection.execute(query).mappings().partitions():
            target.execute(sa.insert(user_activity), [dict(row) for row in rows])
    here.close()
    there.close()


def answer_of(url: str, headers: dict[str, str]) -> bytes:
    with urlopen(Request(url, headers=headers)) as answer:
        return bytes(answer.read())


def concurrent(url: str, token: str, database: Path, limit: int, seconds: float) -> list[tuple[str, ...]]:
    """Lines of the table: 50 clients ask for `limit` rows of a day."""
    found: dict[str, Load] = {}
    with ours(url, token) as (address, headers, _):
        asked = f"{address}{PREFIX}/results/{FIRST}?limit={limit}"
        body = answer_of(asked, headers)
        found["results"] = load(asked, headers, CLIENTS, seconds)
    with bare(body) as address:
        found["bare FastAPI route"] = load(address, {}, CLIENTS, seconds)
    with datasette(database) as address:
        asked = f"{address}.json?extraction_date={FIRST}&_size={limit}&_shape=objects"
        found["datasette"] = load(asked, {}, CLIENTS, seconds)
    base = found["bare FastAPI route"].per_second
    lines = []
    for name, each in found.items():
        share = each.per_second / base
        judged = (f"≥ {ROUTE}", measure.verdict(share >= ROUTE)) if name == "results" else ("", "")
        kilobytes = each.bytes / len(each.latencies) / 1000
        numbers = (each.percentile(0.5), each.percentile(0.99))
        told = [f"{each.per_second:.0f}", *(f"{number:.0f}" for number in numbers), f"{kilobytes:.0f}", f"{share:.2f}"]
        lines.append((f"{name}, {limit} rows", *told, *judged))
    return lines


def whole(url: str, token: str, database: Path, repeat: int) -> list[tuple[str, ...]]:
    """Lines of the table: all rows as CSV, one client."""
    warehouse = opened(url)
    copies, exports, streams = [], [], []
    with ours(url, token) as (address, headers, process):
        asked = f"{address}{PREFIX}/export?from={FIRST}&all=true&format=csv"
        for _ in range(repeat):
            start = time.perf_counter()
            by_copy(warehouse)
            copies.append(time.perf_counter() - start)
            seconds, size = fetch(asked, headers)
            exports.append(seconds)
        megabytes = peak_megabytes(process)
    warehouse.close()
    with datasette(database) as address:
        seconds, _ = fetch(f"{address}.csv?_stream=on&_size=max", {})
        streams.append(seconds)
    copy = sorted(copies)[len(copies) // 2]
    export = sorted(exports)[len(exports) // 2]
    met = copy / export >= SPEED and megabytes <= MEMORY
    return [
        ("COPY in the client's process", f"{copy:.2f}", "", "", "1.00", "", ""),
        (
            "export over HTTP",
            f"{export:.2f}",
            f"{size / 1e6:.0f}",
            f"{megabytes:.0f}",
            f"{copy / export:.2f}",
            f"≥ {SPEED}, ≤ {MEMORY} MB",
            measure.verdict(met),
        ),
        ("datasette, _stream=on, once", f"{streams[0]:.2f}", "", "", f"{copy / streams[0]:.2f}", "", ""),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the report (%(default)s)")
    parser.add_argument("--repeat", type=int, default=3, help="rounds of the whole export (%(default)s)")
    parser.add_argument("--seconds", type=float, default=15, help="of each load (%(default)s)")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="lms_etl_bench_") as folder,
        source.postgresql() as server,
        server.fresh_database() as url,
    ):
        rows = fill(url, asked.rows)
        token = token_for(url)
        database = Path(folder) / "report.db"
        copy_to_sqlite(url, database)
        columns = (f"{rows:,} rows as CSV", "median s", "MB sent", "server's peak MB", "speed / COPY", "to reach", "")
        measure.table("The whole report, one client", columns, whole(url, token, database, asked.repeat))
        lines = [line for limit in (1000, 100) for line in concurrent(url, token, database, limit, asked.seconds)]
        columns = ("", "requests/s", "p50 ms", "p99 ms", "kB", "/ bare", "to reach", "")
        measure.table(f"{CLIENTS} clients at once", columns, lines)


if __name__ == "__main__":
    main()
