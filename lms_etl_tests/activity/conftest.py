"""A small Moodle, a warehouse and the project's own jobs on both, in this process."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any
from zlib import crc32

import dagster as dg
import pandas as pd
import pytest

from lms_etl.definitions import defs
from lms_etl.run_tags import TRIGGER_TAG
from lms_etl.sources.moodle import Moodle
from lms_etl.warehouse import tables
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.site import Site
from lms_etl_tests.warehouse.rows import lay_tables

DATABASES = [("sqlite", "sqlite"), ("mariadb", "postgresql"), ("postgresql", "mariadb")]


@dataclass
class Etl:
    """The jobs of the code location on a test's own two databases."""

    site: Site
    moodle: Moodle
    warehouse: Warehouse
    instance: dg.DagsterInstance

    def run(
        self,
        first: str,
        last: str | None = None,
        job: str = "user_activity_job",
        skip_loaded: bool = False,
        force: bool = False,
        trigger: str | None = "backfill",
    ) -> dg.ExecuteInProcessResult:
        """Runs a job over the days first to last in one run, as the command line does.

        As a backfill, unless told otherwise: the windows of the sites' days are long closed. None is the UI.
        """
        definition = self.definitions.resolve_job_def(job)
        daily = [
            node.name for node in definition.nodes if node.name in ("activity_counts", "user_counts", "user_activity")
        ]
        ends = ("dagster/asset_partition_range_start", first), ("dagster/asset_partition_range_end", last or first)
        days: dict[str, Any] = {"tags": dict(ends)} if last else {"partition_key": first, "tags": {}}
        if trigger:
            days["tags"][TRIGGER_TAG] = trigger
        return definition.execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            run_config={"ops": {name: {"config": {"skip_loaded": skip_loaded, "force": force}} for name in daily}},
            **days,
        )

    @cached_property
    def definitions(self) -> dg.Definitions:
        """The code location on the databases of the test; made once, since Dagster makes a repository of each."""
        resources = {"moodle": self.moodle, "warehouse": self.warehouse}
        return dg.Definitions(
            assets=defs.assets,
            asset_checks=defs.asset_checks,
            jobs=defs.jobs,
            resources=resources,
            executor=defs.executor,
        )

    def report(self, *days: str) -> pd.DataFrame:
        """Rows of the report, of the days or all of them, by day and course."""
        wanted = [date.fromisoformat(day) for day in days] or None
        return self.warehouse.frame(tables.user_activity, wanted).sort_values(["extraction_date", "moodle_course_id"])

    def registry(self, job: str) -> list[tuple[str, str]]:
        """(day, status) of each run of a job, in the order in which they ended."""
        frame = self.warehouse.frame(tables.etl_job_runs)
        rows = frame[frame["job_name"] == job].sort_values(["completed_at", "id"])
        return [(str(day), status) for day, status in zip(rows["target_date"], rows["status"], strict=True)]

    def materialized(self, asset: str) -> dict[str, dict[str, Any]]:
        """Metadata of the latest materialization of each partition."""
        found = self.instance.fetch_materializations(dg.AssetKey(asset), limit=1000, ascending=True).records
        return {
            str(record.partition_key): {
                name: value.value for name, value in record.asset_materialization.metadata.items()
            }
            for record in found
        }


@pytest.fixture
def make_etl(new_database: Callable[[str], str]) -> Iterator[Callable[[str, str], Etl]]:
    """A function from the two dialects to an Etl on fresh databases."""
    made: list[Etl] = []

    def make(source: str, target: str) -> Etl:
        site = Site(new_database(source))
        moodle = site.moodle()
        settings = moodle.settings.model_copy(update={"warehouse_database_url": new_database(target)})
        warehouse = Warehouse(settings)
        lay_tables(warehouse)
        made.append(Etl(site, moodle, warehouse, dg.DagsterInstance.ephemeral()))
        return made[-1]

    yield make
    for etl in made:
        etl.site.close()
        etl.warehouse.engine.dispose()
        etl.instance.dispose()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a test on each pair of dialects; those of a module with ONE_PAIR_EACH on one pair, the next test on another.

    What such a module proves does not depend on the dialect, and the pairs are all there when one looks at the module.
    """
    if "etl" not in metafunc.fixturenames:
        return
    pairs = DATABASES
    if getattr(metafunc.module, "ONE_PAIR_EACH", False):
        pairs = [DATABASES[crc32(metafunc.function.__name__.encode()) % len(DATABASES)]]
    metafunc.parametrize("etl", pairs, ids=["-to-".join(pair) for pair in pairs], indirect=True)


@pytest.fixture
def etl(request: pytest.FixtureRequest, make_etl: Callable[[str, str], Etl]) -> Etl:
    """Source and warehouse on a pair of dialects."""
    return make_etl(*request.param)


@pytest.fixture
def small_etl(make_etl: Callable[[str, str], Etl]) -> Etl:
    """Source and warehouse in SQLite, for what does not depend on the dialect."""
    return make_etl("sqlite", "sqlite")


def fill(site: Site) -> dict[str, int]:
    """Two visible courses and a hidden one in two categories, with people, and views on 2026-03-22 and 2026-03-24."""
    science = site.category("Science", idnumber="SCI")
    nameless = site.category("Without number")
    ids = {
        "algebra": site.course("ALG", science, idnumber="CS-101"),
        "botany": site.course("BOT", science),
        "hidden": site.course("HID", science, visible=0),
        "nameless": site.course("NON", nameless),
    }
    ana, ben, teacher = site.user("ana"), site.user("ben"), site.user("teacher")
    for course in ids.values():
        site.enrol(ana, course)
        site.enrol(ben, course)
        site.enrol(teacher, course, role=3)
    for day in ("2026-03-22", "2026-03-24"):
        site.view(ids["algebra"], "mod_quiz", at=f"{day} 10:00", by=ana, times=3)
        site.view(ids["algebra"], "mod_page", at=f"{day} 11:00", by=ben, times=4)
        site.view(ids["hidden"], "mod_url", at=f"{day} 12:00", by=ben)
    return ids
