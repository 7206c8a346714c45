"""Jobs of a code location in which things go wrong on demand, and the alert sensor beside them."""

import os
import time
from typing import Any

import dagster as dg

from lms_etl.alerts import outbox
from lms_etl.alerts.sensors import watch
from lms_etl.databases import DatabaseProblem
from lms_etl.settings import Settings
from lms_etl.warehouse.warehouse import Warehouse

days = dg.DailyPartitionsDefinition("2026-03-01")
TROUBLE: dict[str, object] = {}
"""What goes wrong now: `views` an exception of the asset, `agree` and `usual` the description of a failing check."""

SOURCE_DOWN = DatabaseProblem(
    "Failed to connect to database: the server does not answer "
    "(MOODLE_DATABASE_URL=mysql+pymysql://reader:***@db.example.org/moodle). Check that it runs, and the host, port or "
    "file in the URL. The database said: (2003, \"Can't connect to MySQL server on '10.1.2.3'\")"
)


@dg.asset(partitions_def=days)
def views() -> None:
    """Views of a day."""
    problem = TROUBLE.get("views")
    if isinstance(problem, DatabaseProblem):
        raise dg.Failure(description=str(problem), allow_retries=False) from problem
    if isinstance(problem, Exception):
        raise problem


@dg.asset_check(asset=views, blocking=True)
def agree() -> dg.AssetCheckResult:
    """They are those of the source."""
    return dg.AssetCheckResult(passed="agree" not in TROUBLE, description=str(TROUBLE.get("agree", "True.")))


@dg.asset_check(asset=views)
def usual() -> dg.AssetCheckResult:
    """They are as many as usual."""
    description = str(TROUBLE.get("usual", "True."))
    return dg.AssetCheckResult(
        passed="usual" not in TROUBLE, severity=dg.AssetCheckSeverity.WARN, description=description
    )


@dg.asset(partitions_def=days, deps=[views])
def report() -> None:
    """The report of a day."""


@dg.asset_check(asset=report)
def now() -> dg.AssetCheckResult:
    """It is well at this moment, whatever day is loaded."""
    return dg.AssetCheckResult(
        passed="now" not in TROUBLE,
        severity=dg.AssetCheckSeverity.WARN,
        description=str(TROUBLE.get("now", "True.")),
        metadata={"looked_at": "2026-03-23T10:00:00+00:00"},
    )


now_job = dg.define_asset_job("now_job", dg.AssetSelection.checks(now))
report_job = dg.define_asset_job("report_job", dg.AssetSelection.all())
views_job = dg.define_asset_job("views_job", dg.AssetSelection.assets(views))


@dg.sensor(job=report_job, minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING)
def broken_sensor() -> dg.SkipReason:
    """Fails while the file named by BROKEN_UNTIL_GONE is there."""
    if os.path.exists(os.environ.get("BROKEN_UNTIL_GONE", "/nowhere")):
        raise ValueError("no such thing as 'ana@example.org'")
    return dg.SkipReason("All is well. Looks again in 1 s.")


@dg.sensor(name="alert_sensor", minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING)
def quick_alert_sensor(context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]) -> dg.SkipReason:
    """The alert sensor, every second."""
    return watch(context, warehouse)


def held_before_sending(*arguments: Any, **named: Any) -> outbox.Sent:
    """Waits while the file named by HELD_UNTIL_GONE is there: the daemon is killed between event and message."""
    while os.path.exists(os.environ.get("HELD_UNTIL_GONE", "/nowhere")):
        time.sleep(0.1)
    return send_due(*arguments, **named)


send_due = outbox.send_due
outbox.send_due = held_before_sending

defs = dg.Definitions(
    assets=[views, report],
    asset_checks=[agree, usual, now],
    jobs=[report_job, views_job, now_job],
    sensors=[quick_alert_sensor, broken_sensor],
    resources={"warehouse": Warehouse(Settings())},
    executor=dg.in_process_executor,
)
