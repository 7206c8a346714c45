"""A small Moodle with companies, and a warehouse that syncs from it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from lms_etl.progress import companies
from lms_etl.progress.staging import Counters
from lms_etl.progress.sync import Synced, sync_company
from lms_etl.progress.sync_log import Caller
from lms_etl.sources import moodle_progress
from lms_etl.sources.moodle import Moodle
from lms_etl.warehouse import schema, tables
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.activity.conftest import DATABASES
from lms_etl_tests.site import Site

CALLER = Caller("cli")


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


@pytest.fixture
def make_progress(new_database: Callable[[str], str]) -> Iterator[Callable[..., Progress]]:
    """A function from two dialects and settings to a Progress on fresh databases."""
    made: list[Progress] = []

    def make(source: str = "sqlite", target: str = "sqlite", **options: Any) -> Progress:
        site = Site(new_database(source))
        url = new_database(target)
        options["warehouse_database_url"] = f"{url}&ssl_disabled=true" if url.startswith("mysql") else url
        moodle = site.moodle(**options)
        warehouse = Warehouse(moodle.settings)
        schema.migrate(warehouse)
        made.append(Progress(site, moodle, warehouse))
        return made[-1]

    yield make
    for each in made:
        each.site.close()
        each.warehouse.close()


@pytest.fixture(params=DATABASES, ids=["-to-".join(pair) for pair in DATABASES])
def progress(request: pytest.FixtureRequest, make_progress: Callable[..., Progress]) -> Progress:
    """Source and warehouse on each pair of dialects."""
    return make_progress(*request.param)


@pytest.fixture
def small(make_progress: Callable[..., Progress]) -> Progress:
    """Source and warehouse in SQLite, for what does not depend on the dialect."""
    return make_progress()
