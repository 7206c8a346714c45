"""Schedule and sensors ticked as Dagster's daemon does, and what goes wrong at a site: outages and a killed worker."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from lms_etl.activity import automation, late_sensor, requests, window_sensor
from lms_etl.activity.umbrellas import under_umbrella
from lms_etl.alerts.sensors import alert_sensor
from lms_etl.databases import DatabaseProblem
from lms_etl.warehouse import bulk
from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.activity.conftest import Etl

SENSORS = (requests.request_sensor, window_sensor.window_sensor, late_sensor.late_rows_sensor, alert_sensor)
RUN_KEY = "dagster/run_key"
DOWN = "Failed to connect to database: the server does not answer (MOODLE_DATABASE_URL=…)"


@dataclass
class Daemon:
    """Schedule and sensors of the code location, ticked one after the other; their runs happen at once."""

    etl: Etl
    cursors: dict[str, str | None] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def tick(self) -> None:
        """Evaluates every sensor with the cursor of its last tick, and runs what it asks for."""
        for sensor in SENSORS:
            with dg.build_sensor_context(
                instance=self.etl.instance,
                cursor=self.cursors.get(sensor.name),
                resources={"warehouse": self.etl.warehouse, "moodle": self.etl.moodle},
                definitions=self.etl.definitions,
            ) as context:
                try:
                    data = sensor.evaluate_tick(context)
                except DatabaseProblem as problem:  # a failed tick; the next one begins at the same cursor
                    self.said.append(f"{sensor.name}: {problem}")
                    continue
            self.cursors[sensor.name] = data.cursor
            self.said.append(f"{sensor.name}: {data.skip_message}")
            for asked in data.run_requests or ():
                self.run(asked)

    def tick_of_the_schedule(self, now: datetime) -> None:
        """Evaluates the nightly schedule at its time."""
        with dg.build_schedule_context(
            instance=self.etl.instance,
            scheduled_execution_time=now,
            resources={"warehouse": self.etl.warehouse},
        ) as context:
            asked = automation.user_activity_schedule(context)
        if isinstance(asked, dg.RunRequest):
            self.run(asked)

    def run(self, asked: dg.RunRequest) -> dg.ExecuteInProcessResult | None:
        """What Dagster does with a request: nothing if its key was used before."""
        key = {RUN_KEY: asked.run_key} if asked.run_key else {}
        if key and self.etl.instance.get_runs_count(dg.RunsFilter(tags=key)):
            return None
        return self.execute(asked.job_name or "user_activity_job", asked, {**asked.tags, **key})

    def execute(self, job: str, asked: dg.RunRequest, tags: dict[str, str]) -> dg.ExecuteInProcessResult:
        """A run with the warehouse as the code location gives it to a run."""
        etl = self.etl

        @dg.resource
        def warehouse(context: dg.InitResourceContext) -> Iterator[Warehouse]:
            with closing(Warehouse(etl.warehouse.settings)) as own, under_umbrella(own, context.run, context.instance):
                yield own

        given = etl.definitions
        own = dg.Definitions(
            given.assets,
            jobs=given.jobs,
            asset_checks=given.asset_checks,
            resources={"moodle": etl.moodle, "warehouse": warehouse},
            executor=given.executor,
        )
        partition = {"partition_key": asked.partition_key} if asked.partition_key else {}
        return own.resolve_job_def(job).execute_in_process(
            instance=etl.instance, raise_on_error=False, run_config=asked.run_config, tags=tags, **partition
        )


@contextmanager
def source_down(etl: Etl) -> Iterator[None]:
    """The source does not answer during the block."""

    def refuse() -> Any:
        raise DatabaseProblem(DOWN)

    reading = etl.moodle.reading
    etl.moodle.reading = refuse  # type: ignore[method-assign]
    try:
        yield
    finally:
        etl.moodle.reading = reading  # type: ignore[method-assign]


def killed_worker(daemon: Daemon, day: str) -> None:
    """A worker that starts the day and is killed by SIGKILL in the middle of its first load of rows."""
    for warehouse in (daemon.etl.warehouse, daemon.etl.moodle):
        warehouse.engine.dispose()
    daemon.etl.site.engine.dispose()
    child = os.fork()
    if child == 0:
        bulk.insert_columns = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
        asked = dg.RunRequest(partition_key=day, tags={"lms_etl/trigger": "schedule"})
        daemon.execute("user_activity_job", asked, dict(asked.tags))
        os._exit(1)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise RuntimeError(f"The worker ended with {status} instead of being killed.")


def failed_by_dagster(etl: Etl) -> None:
    """What Dagster's run monitoring does with a run whose worker is gone."""
    live = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING]
    for run in etl.instance.get_runs(dg.RunsFilter(statuses=live)):
        etl.instance.report_run_failed(run, "The worker of this run is gone.")


def moments(day: datetime) -> Iterator[datetime]:
    """When the daemon is looked at during a day: often in the night, seldom afterwards."""
    for hour, minute in ((0, 5), (2, 0), (2, 11), (2, 32), (3, 15), (9, 0)):
        yield day + timedelta(hours=hour, minutes=minute)
