"""The two servers of a benchmark: a Moodle site in MariaDB, built once for its shape, and an empty PostgreSQL.

Environment: MOODLE_DATABASE_URL names a site that is there already; LMS_ETL_TEST_MARIADB_URL and
LMS_ETL_TEST_POSTGRES_URL name servers to use instead of our own.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import create_engine, text

from lms_etl_tests.servers import MariaDB, PostgreSQL

ROOT = Path(__file__).resolve().parent.parent
DATABASE = "moodle"
MARIADB = ("--innodb-buffer-pool-size=4G", "--innodb-log-file-size=512M", "--max-allowed-packet=64M")
"""The pool holds the whole log of 6 million rows (1.6 GB), so that no contender pays for another's reads."""


@dataclass(frozen=True)
class Site:
    """What the log of a benchmark looks like. A course has 6,000 rows a year."""

    rows: int
    courses: int
    first: str = "2025-01-01"
    last: str = "2025-12-31"
    zone: str = "Asia/Jakarta"
    seed: int = 1

    @classmethod
    def of_rows(cls, rows: int, **other: str) -> "Site":
        return cls(rows, max(rows // 6000, 30), **other)

    def local_date(self, instant: int) -> date:
        return datetime.fromtimestamp(instant, tz=ZoneInfo(self.zone)).date()


class KeptMariaDB(MariaDB):
    """A MariaDB whose data folder outlives it, to be used by the next run."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        super().__init__(*arguments)
        self._kept = folder.resolve()

    @property
    def data(self) -> Path:
        return self._kept

    def _install(self, binaries) -> None:
        if not (self._kept / "mysql").is_dir():
            super()._install(binaries)

    def close(self) -> None:
        if self.ours and self.process_id:
            self.stop()
        super().close()


@contextmanager
def moodle(site: Site, keep: Path | None) -> Iterator[str]:
    """URL of the site, in a server of its own unless MOODLE_DATABASE_URL names one. The buffer pool is warm."""
    given = os.environ.get("MOODLE_DATABASE_URL")
    if given:
        warm(given)
        yield given
        return
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, server_of(keep, Path(scratch)) as server:
        url = server.url(DATABASE)
        stamp = keep / "site.json" if keep else None
        if not (stamp and stamp.exists() and json.loads(stamp.read_text()) == asdict(site)):
            server.execute(f"drop database if exists {DATABASE}")
            url = server.create_database(DATABASE)
            build(url, site)
            if stamp:
                stamp.write_text(json.dumps(asdict(site)))
        warm(url)
        yield url


def server_of(keep: Path | None, scratch: Path) -> MariaDB:
    """A server that is not started yet; `scratch` takes the temporary tables of big GROUP BYs.

    In the shared /tmp they vanish when another MariaDB starts: it removes what it takes for its own leftovers there.
    """
    arguments = (*MARIADB, f"--tmpdir={scratch}")
    return KeptMariaDB(keep / "mariadb", *arguments) if keep else MariaDB(*arguments)


def build(url: str, site: Site) -> None:
    """Builds the site in a process of its own: its memory must not count as that of the contenders started later."""
    options = {"rows": site.rows, "courses": site.courses, "first-day": site.first, "last-day": site.last}
    options |= {"timezone": site.zone, "seed": site.seed, "url": url}
    command = [sys.executable, "-m", "lms_etl.demo", *(f"--{name}={value}" for name, value in options.items())]
    subprocess.run(command, check=True, cwd=ROOT, stdout=sys.stderr, env={**os.environ, "PYTHONPATH": str(ROOT)})


def warm(url: str) -> None:
    """Reads the log once by its primary key and once by the index on time."""
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.execute(text("select sum(length(other)) from mdl_logstore_standard_log force index (primary)"))
        connection.execute(text("select count(*), max(id) from mdl_logstore_standard_log where timecreated > 0"))
    engine.dispose()


def environment(site: Site, moodle_url: str, **other: str) -> dict[str, str]:
    """What every contender gets. Without DAGSTER_HOME ours makes its embedded instance in LMS_ETL_HOME."""
    given = {
        "PYTHONPATH": str(ROOT),
        "MOODLE_DATABASE_URL": moodle_url,
        "LMS_ETL_TIMEZONE": site.zone,
        "LMS_ETL_START_DATE": site.first,
        # The others count the people of now; replayed ones would differ from theirs.
        "LMS_ETL_REPLAY_ENROLMENTS": "false",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }
    kept = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    return {**kept, **given, **other}


@contextmanager
def empty_database(kind: str) -> Iterator[str]:
    """The URL of an empty database: sqlite, postgresql or mariadb."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="lms_etl_bench_") as folder:
            yield f"sqlite:///{Path(folder) / 'warehouse.db'}"
        return
    with MariaDB() if kind == "mariadb" else PostgreSQL() as server, server.fresh_database() as url:
        yield url


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """An empty PostgreSQL server with 1 GB of shared buffers."""
    with PostgreSQL("--shared_buffers=1GB", "--max_wal_size=8GB", "--work_mem=64MB") as server:
        yield server
