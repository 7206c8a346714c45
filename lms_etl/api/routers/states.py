"""How the runs are: the state of each step, the registry under its documented names, and the log."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from lms_etl.api import models, run_states
from lms_etl.api.auth import Administrator, Caller
from lms_etl.api.parameters import Offset, today, whole_number, yesterday
from lms_etl.api.reading.freshness import freshness
from lms_etl.warehouse.registry import utc_now

router = APIRouter(prefix="/api/user_activity_etl", tags=["runs"])


@router.get(
    "/status",
    summary="What runs now, and how the last runs ended",
    response_model=models.StatusAnswer,
    response_model_exclude_unset=True,
    responses=models.refusals(),
)
def status(request: Request, scope: Caller) -> Any:
    """Whoever started them: API, command line, schedule or the Dagster UI."""
    with request.app.state.warehouse.reading() as connection:
        data = run_states.status(connection, scope.admin)
        complete = freshness(connection).complete_through
    told = {"complete_through": complete and str(complete), "as_of": f"{utc_now():%Y-%m-%dT%H:%M:%SZ}"}
    return {"status": True, "data": data | told}


@router.get(
    "/scheduler_data",
    summary="The newest rows of log_scheduler",
    response_model=models.SchedulerAnswer,
    responses=models.refusals(),
)
@router.get(
    "/scheduler",
    summary="The same as scheduler_data",
    operation_id="scheduler",
    response_model=models.SchedulerAnswer,
    responses=models.refusals(),
)
def scheduler_data(
    request: Request, _scope: Administrator, limit: Annotated[int, whole_number, Query(ge=1, le=1000)] = 20
) -> Any:
    with request.app.state.warehouse.reading() as connection:
        rows = run_states.scheduler(connection, limit)
    return {"status": True, "data": rows, "current_date": str(today(request)), "yesterday": str(yesterday(request))}


@router.get("/logs", summary="The log of all runs", response_model=models.Logs, responses=models.refusals())
def logs(
    request: Request,
    _scope: Administrator,
    limit: Annotated[int, whole_number, Query(ge=1, le=1000)] = 50,
    offset: Offset = 0,
) -> Any:
    """Newest first; with the number of each run, its rows and its error."""
    with request.app.state.warehouse.reading() as connection:
        rows, total = run_states.logs(connection, limit, offset)
    page = {"limit": limit, "offset": offset, "count": len(rows), "total_count": total}
    return {"status": True, "data": rows, "pagination": page | {"has_more": offset + len(rows) < total}}
