"""The registry as a queue: a request is a QUEUED row, which the request sensor turns into a run in Dagster."""

from datetime import date

import sqlalchemy as sa

from lms_etl.warehouse import registry
from lms_etl.warehouse.locks import already_running
from lms_etl.warehouse.tables import etl_job_runs as runs

JOBS = {
    "pipeline": "user_activity_job",
    "activity_counts": "activity_counts_job",
    "user_counts": "user_counts_job",
    "main_etl": "main_etl_job",
}
"""The jobs that can be requested, by their documented names, and the job in Dagster that does each."""


def request(
    connection: sa.Connection, job: str, day: date, trigger: str, *, reason: str | None = None, force: bool = False
) -> int:
    """Adds a QUEUED row for a job of JOBS and a day, and returns its id. The caller commits.

    Raises AlreadyRunningError if one of the same job and day is queued or running: the database holds that by a unique
    key, however many ask at once.
    """
    key = registry.live_key(job, day)
    row = {
        "job_name": job,
        "target_date": day,
        "trigger": trigger,
        "status": "QUEUED",
        "live_key": key,
        "reason": reason,
        "forced": int(force),
        "requested_at": registry.utc_now(),
    }
    try:
        with connection.begin_nested():
            added = connection.execute(sa.insert(runs), row)
    except sa.exc.IntegrityError:
        raise already_running(key) from None
    return int(added.inserted_primary_key[0])  # type: ignore[index]
