"""A small Moodle with companies, and a warehouse that syncs from it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
import sqlalchemy as sa

from lms_etl.progress import companies
from lms_etl.progress.staging import Counters
from lms_etl.progress.sync import Synced, sync_company
from lms_etl.progress.sync_log import Caller
from lms_etl.settings import Settings
from lms_etl.sources import moodle_progress
from lms_etl.sources.moodle import Moodle
from lms_etl.warehouse import tables
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.activity.conftest import DATABASES
from lms_etl_tests.site import Site
from lms_etl_tests.warehouse.rows import lay_tables

CALLER = Caller("cli")
TABLES = [
    tables.companies,
    tables.course_progress,
    tables.progress_syncs,
    tables.company_settings,
    tables.sync_status,
]
Stand = Callable[[str], datetime]
ENROLLED, NOON, LATELY, ONE = (f"2026-03-22 {time}" for time in ("08:00", "12:00", "12:55", "13:00"))


@dataclass
class Progress:
    """A site and a warehouse; verbs that sync and look."""

    site: Site
    moodle: Moodle
    warehouse: Warehouse

    def sync(self, company: int, kind: str = "changes", **options: Any) -> Counters:
        """Syncs one company, after a look at which there are, and returns what changed."""
        return self.synced(company, kind, **options).counters

    def synced(self, company: int, kind: str = "changes", **options: Any) -> Synced:
        companies.refresh(self.warehouse, moodle_progress.companies(self.moodle))
        return sync_company(self.warehouse, self.moodle, company, kind, CALLER, **options)

    def stored(self, company: int | None = None) -> list[dict[str, Any]]:
        """Rows of the reporting table, tombstones included, by company, user and course."""
        table = tables.course_progress
        query = sa.select(table).order_by(table.c.companyid, table.c.userid, table.c.courseid)
        return self.rows(query if company is None else query.where(table.c.companyid == company))

    def live(self, company: int) -> dict[tuple[int, int], dict[str, Any]]:
        """The rows that are no tombstones, by user and course."""
        return {(row["userid"], row["courseid"]): row for row in self.stored(company) if not row["is_deleted"]}

    def company(self, companyid: int) -> dict[str, Any]:
        table = tables.companies
        return self.rows(sa.select(table).where(table.c.companyid == companyid))[0]

    def log(self) -> list[tuple[int, str, str]]:
        """Company, kind and status of every sync, oldest first."""
        table = tables.progress_syncs
        return [
            (row["companyid"], row["kind"], row["status"]) for row in self.rows(sa.select(table).order_by(table.c.id))
        ]

    def rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        with self.warehouse.reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def set(self, company: int, name: str, value: int) -> None:
        """Writes a setting of a company."""
        row = {"companyid": company, "setting_name": name, "setting_value": value, "timecreated": 1, "timemodified": 1}
        with self.warehouse.writing() as connection:
            connection.execute(sa.insert(tables.company_settings).values(row))


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty warehouse in SQLite with every table, to be copied: the migrations take most of a second."""
    file = tmp_path_factory.mktemp("template") / "warehouse.db"
    with closing(Warehouse(Settings(warehouse_database_url=f"sqlite:///{file}"))) as warehouse:
        lay_tables(warehouse)
    return file


@pytest.fixture
def make_progress(new_database: Callable[[str], str]) -> Iterator[Callable[..., Progress]]:
    """A function from two dialects and settings to a Progress on fresh databases.

    They have the tables of this room alone, which takes a tenth of the time, unless a file to copy is given.
    """
    made: list[Progress] = []

    def make(source: str = "sqlite", target: str = "sqlite", template: Path | None = None, **options: Any) -> Progress:
        site = Site(new_database(source))
        url = new_database(target)
        if template:
            shutil.copy(template, url.removeprefix("sqlite:///"))
        options["warehouse_database_url"] = f"{url}&ssl_disabled=true" if url.startswith("mysql") else url
        moodle = site.moodle(**options)
        warehouse = Warehouse(moodle.settings)
        if not template:
            tables.metadata.create_all(warehouse.engine, TABLES)
        made.append(Progress(site, moodle, warehouse))
        return made[-1]

    yield make
    for each in made:
        each.site.close()
        each.warehouse.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a test on each pair of dialects; those of a module with ONE_PAIR_EACH on one pair, the next on another."""
    if "progress" not in metafunc.fixturenames:
        return
    pairs = DATABASES
    if getattr(metafunc.module, "ONE_PAIR_EACH", False):
        pairs = [DATABASES[crc32(metafunc.function.__name__.encode()) % len(DATABASES)]]
    metafunc.parametrize("progress", pairs, ids=["-to-".join(pair) for pair in pairs], indirect=True)


@pytest.fixture
def progress(request: pytest.FixtureRequest, make_progress: Callable[..., Progress]) -> Progress:
    """Source and warehouse on a pair of dialects."""
    return make_progress(*request.param)


@pytest.fixture
def small(make_progress: Callable[..., Progress], migrated: Path) -> Progress:
    """Source and warehouse in SQLite, for what does not depend on the dialect."""
    return make_progress(template=migrated)


@dataclass
class Acme:
    """Two companies: ana is in both, ben in the first; both offer algebra (20 tracked modules) and botany."""

    progress: Progress
    ana: int
    ben: int
    algebra: int
    botany: int
    modules: list[int]
    company: int
    other: int

    def row(self, user: int, course: int, company: int = 0) -> dict[str, Any]:
        return self.progress.live(company or self.company)[user, course]

    def sync(self, kind: str = "changes", **options: Any) -> tuple[int, int, int]:
        """Rows created, updated and deleted by a sync of the first company."""
        counted = self.progress.sync(self.company, kind, **options)
        return counted.created, counted.updated, counted.deleted


def acme_of(progress: Progress) -> Acme:
    site = progress.site
    ana = site.user("ana", firstname="Ana", lastname="Núñez")
    ben = site.user("ben", firstname="Ben", lastname="Berg")
    algebra, botany = site.course("ALG"), site.course("BOT")
    modules = [site.module(algebra) for _ in range(20)]
    for user in (ana, ben):
        for course in (algebra, botany):
            site.enrol(user, course, created=ENROLLED)
    company = site.company("ACME", members=[ana, ben], courses=[algebra, botany])
    other = site.company("BETA", members=[ana], courses=[algebra, botany])
    return Acme(progress, ana, ben, algebra, botany, modules, company, other)


@pytest.fixture
def acme(progress: Progress, stand_at: Stand) -> Acme:
    """The companies at noon, before any sync."""
    stand_at(NOON)
    return acme_of(progress)


@pytest.fixture
def synced(acme: Acme, stand_at: Stand) -> Acme:
    """The companies at one o'clock, synced at noon."""
    assert acme.sync() == (4, 0, 0)
    stand_at(ONE)
    return acme
