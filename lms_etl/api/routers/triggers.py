"""Asking for runs, looking at one, stopping it, and removing what is loaded for a day. Only for admins."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from lms_etl import clock, window
from lms_etl.api import models, run_states
from lms_etl.api.auth import Administrator
from lms_etl.api.errors import ApiError
from lms_etl.api.parameters import Asked, RunId, asked, today, yesterday
from lms_etl.days import BadDay
from lms_etl.runs import checked_days
from lms_etl.warehouse import clearing, queue, schema
from lms_etl.warehouse.tables import user_activity
from lms_etl.warehouse.warehouse import Warehouse

router = APIRouter(prefix="/api/user_activity_etl", tags=["runs"])

WHAT = {
    "run_pipeline": ("pipeline", "Queue the whole pipeline of a day: courses, both counts, the report, all checks"),
    "run_activity_counts": ("activity_counts", "Queue the views per course of a day"),
    "run_user_counts": ("user_counts", "Queue the people per course of a day"),
    "run_main_etl": ("main_etl", "Queue the report of a day, from counts that are loaded already"),
}


def _trigger(path: str, job: str, summary: str) -> None:
    @router.post(
        f"/{path}",
        status_code=202,
        summary=summary,
        operation_id=path,
        response_model=models.Queued,
        responses=models.refusals(409, 422, 413),
        openapi_extra=models.TRIGGER_BODY,
    )
    def run(
        request: Request, response: Response, scope: Administrator, wanted: Annotated[Asked, Depends(asked)]
    ) -> Any:
        day = wanted.day or yesterday(request)
        warehouse: Warehouse = request.app.state.warehouse
        _require_runnable(request, day, wanted.force)
        reason = wanted.reason or f"asked for by {scope.username}"
        with warehouse.writing() as connection:
            number = queue.request(connection, job, day, "api", reason=reason, force=wanted.force)
        response.headers["Location"] = f"{router.prefix}/runs/{number}"
        return {
            "status": True,
            "message": f"Queued {job} of {day} as run {number}",
            "data": {
                "id": number,
                "job": job,
                "date": str(day),
                "status": "queued",
                "url": response.headers["Location"],
            },
            "request_date": str(day),
            "current_date": str(today(request)),
        }


for _path, (_job, _summary) in WHAT.items():
    _trigger(_path, _job, _summary)


def _require_runnable(request: Request, day: date, force: bool) -> None:
    """Raises ApiError for a day that cannot be run now, by the calendar or by the H+1 window."""
    warehouse: Warehouse = request.app.state.warehouse
    schema.require_current(warehouse)
    try:
        checked_days(warehouse.settings, day, day)
    except BadDay as error:
        raise ApiError("day_not_runnable", str(error)) from None
    why = window.refusal(day, warehouse.settings.zone, clock.now(), force)
    if why:
        raise ApiError("time_window_expired", why)


@router.get(
    "/runs/{id}", summary="A run with its progress", response_model=models.RunAnswer, responses=models.refusals(404)
)
def run_of(request: Request, _scope: Administrator, id: RunId) -> Any:  # noqa: A002
    with request.app.state.warehouse.reading() as connection:
        return {"status": True, "data": run_states.run(connection, id)}


@router.post(
    "/runs/{id}/stop",
    summary="Stop a run, queued or running",
    response_model=models.RunAnswer,
    responses=models.refusals(404),
)
def stop(request: Request, scope: Administrator, id: RunId) -> Any:  # noqa: A002
    """A queued run is stopped at once; a running one before its next day or batch; one that ended stays as it is."""
    with request.app.state.warehouse.writing() as connection:
        status = queue.stop(connection, id, f"stopped by {scope.username}")
        told = {
            "STOPPED": "The run is stopped",
            "RUNNING": "The run is asked to stop; what it was loading is rolled back",
        }
        message = told.get(status, "The run had ended before")
        return {"status": True, "message": message, "data": run_states.run(connection, id)}


CLEARS = {
    "clear": ({"user_activity": user_activity}, "Remove the report of a day"),
    "clean_data": (clearing.EVERYTHING, "Remove the report and both counts of a day"),
}


def _clear(path: str, loads: dict[str, Any], summary: str) -> None:
    @router.post(
        f"/{path}",
        summary=summary,
        operation_id=path,
        response_model=models.Cleared,
        responses=models.refusals(409, 413),
        openapi_extra=models.CLEAR_BODY,
    )
    def clear(request: Request, scope: Administrator, wanted: Annotated[Asked, Depends(asked)]) -> Any:
        if wanted.day is None:
            raise ApiError("invalid_parameter", [{"parameter": "date", "problem": "needed: name the day to remove"}])
        reason = wanted.reason or f"cleared by {scope.username}"
        warehouse: Warehouse = request.app.state.warehouse
        schema.require_current(warehouse)
        affected = clearing.clear(warehouse, wanted.day, loads, reason)
        return {
            "status": True,
            "message": f"Removed {wanted.day}",
            "affected_rows": sum(affected.values()),
            "tables": affected,
            "date": str(wanted.day),
            "timestamp": run_states.second(datetime.now(tz=UTC)),
        }


for _path, (_loads, _summary) in CLEARS.items():
    _clear(_path, _loads, _summary)
