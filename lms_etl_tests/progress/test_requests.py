"""A sync that somebody asks for on the control page: queued, launched once, and ended in the registry."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from lms_etl.activity import requests as activity_requests
from lms_etl.definitions import defs
from lms_etl.progress import requests
from lms_etl.run_tags import RUN_KEY_TAG
from lms_etl.warehouse import progress_queue
from lms_etl.warehouse.locks import AlreadyRunningError
from lms_etl.warehouse.progress_queue import Wanted
from lms_etl_tests.progress.conftest import Progress


@pytest.fixture
def site(small: Progress) -> Progress:
    """A whole site as company 1, with a user in a course."""
    small.site.enrol(small.site.user("ana"), small.site.course("ALG"))
    return small


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def ask(progress: Progress, wanted: Wanted) -> int:
    with progress.warehouse.writing() as connection:
        return progress_queue.request(connection, wanted, "ui", "asked for in a test")


def states(progress: Progress) -> list[tuple[str, str | None]]:
    """Status and error of the requests, oldest first."""
    with progress.warehouse.reading() as connection:
        found = progress_queue.latest(connection, 10)
    return [(row["status"], row["error"]) for row in reversed(found)]


def launch(progress: Progress, instance: dg.DagsterInstance, asked: dg.RunRequest) -> dg.ExecuteInProcessResult:
    """What the daemon does with a request of the sensor."""
    own = dg.Definitions(
        assets=defs.assets,
        asset_checks=defs.asset_checks,
        jobs=defs.jobs,
        resources={"moodle": progress.moodle, "warehouse": progress.warehouse},
        executor=defs.executor,
    )
    tags: dict[str, Any] = {**asked.tags, RUN_KEY_TAG: asked.run_key}
    job = own.resolve_job_def("progress_job")
    return job.execute_in_process(instance=instance, raise_on_error=False, run_config=asked.run_config, tags=tags)


def test_a_request_is_launched_once_with_what_was_asked_for_and_ends_in_the_registry(
    site: Progress, instance: dg.DagsterInstance
) -> None:
    ask(site, Wanted("full", company=1))
    with pytest.raises(AlreadyRunningError):
        ask(site, Wanted("full", company=1))
    [asked] = requests.tick(instance, site.warehouse).run_requests or []
    assert asked.run_config == {"ops": {"course_progress": {"config": {"kind": "full", "companies": [1]}}}}
    assert launch(site, instance, asked).success
    assert site.log() == [(1, "full", "success")]
    skipped = requests.tick(instance, site.warehouse)
    assert not skipped.run_requests
    assert "1 requests run in Dagster. The next look is in 10 s." in str(skipped.skip_reason)
    activity_requests.tick(instance, site.warehouse)
    assert states(site) == [("SUCCESS", None)]
    assert ask(site, Wanted("changes", hours_back=48))
    [again] = requests.tick(instance, site.warehouse).run_requests or []
    assert again.run_config["ops"]["course_progress"]["config"] == {"kind": "changes", "hours_back": 48}


def test_a_request_whose_run_fails_says_why(site: Progress, instance: dg.DagsterInstance) -> None:
    ask(site, Wanted("full", company=4711))
    [asked] = requests.tick(instance, site.warehouse).run_requests or []
    assert not launch(site, instance, asked).success
    requests.tick(instance, site.warehouse)
    activity_requests.tick(instance, site.warehouse)
    [(status, error)] = states(site)
    assert status == "FAILED"
    assert "4711" in str(error)
