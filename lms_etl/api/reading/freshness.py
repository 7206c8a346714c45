"""What every answer says about itself: up to which day nothing is missing, and when it was read."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from lms_etl.warehouse import registry
from lms_etl.warehouse.receipts import FINISHING_STEP, complete_through
from lms_etl.warehouse.tables import etl_days as receipts
from lms_etl.warehouse.tables import etl_job_runs as runs

_LOADED = (receipts.c.job_name == sa.bindparam("job"), receipts.c.run_id.is_not(None))
_RUNNING = sa.select(sa.func.min(runs.c.started_at)).where(
    runs.c.job_name == sa.bindparam("job"), runs.c.status == "RUNNING"
)
SPAN = sa.select(
    sa.func.min(receipts.c.target_date).label("first"),
    sa.func.max(receipts.c.target_date).label("last"),
    sa.func.count().label("days"),
    _RUNNING.scalar_subquery().label("oldest"),
).where(*_LOADED)
"""Ends and number of the loaded days, and the start of the oldest load that runs; `:job` is the step."""


@dataclass(frozen=True)
class Freshness:
    """`complete_through`: the newest day up to which every day since the first is loaded; `first` and
    `newest`: the ends of what is loaded.

    `as_of`: when it was read, UTC without an offset. `settled`: the moment up to which no change can appear any more:
    `as_of`, or the start of the oldest load still running, whose rows will appear with moments before now.
    """

    complete_through: date | None
    first: date | None
    newest: date | None
    as_of: datetime
    settled: datetime


def freshness(connection: sa.Connection, as_of: datetime | None = None, job: str = FINISHING_STEP) -> Freshness:
    """The freshness of the report, or of what another step loads; `as_of` is now unless the view began before."""
    as_of = as_of or registry.utc_now()
    return freshness_of(connection, connection.execute(SPAN, {"job": job}).one(), as_of, job)


def freshness_of(connection: sa.Connection, span: Any, as_of: datetime, job: str = FINISHING_STEP) -> Freshness:
    """The freshness that a row of SPAN tells; only days with a gap among them are read one by one."""
    first, last, count, oldest = span.first, span.last, span.days, span.oldest
    settled = min(oldest or as_of, as_of)
    if first is None or (last - first).days + 1 == count:
        return Freshness(last, first, last, as_of, settled)
    return Freshness(complete_through(connection, job), first, last, as_of, settled)
