"""Whether the API lives, whether it can answer, and its numbers for Prometheus."""

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from lms_etl.api import models
from lms_etl.api.auth import Caller
from lms_etl.api.parameters import yesterday
from lms_etl.api.reading.freshness import freshness
from lms_etl.api.request_log import logger
from lms_etl.databases import DatabaseProblem
from lms_etl.warehouse import schema, tables

open_router = APIRouter(tags=["health"])
router = APIRouter(tags=["health"])

State = Literal["good", "bad", "none"]


class Live(BaseModel):
    """The process answers."""

    status: Literal[True]


class Ready(BaseModel):
    """Whether requests can be answered, and how fresh the data is. Old data is told, but is no reason to stay away."""

    status: bool = Field(examples=[True])
    warehouse: State
    schema_version: State = Field(description="bad: run `lms-etl migrate`")
    quotas: State = Field(description="The Redis of the rate limits; none: they are counted in memory")
    complete_through: str | None = Field(examples=["2026-03-22"])
    fresh: bool = Field(examples=[True], description="Whether yesterday, and all before it, is loaded")


@open_router.get("/health/live", summary="Whether the process answers", response_model=Live)
async def live() -> Any:
    return {"status": True}


@open_router.get(
    "/health/ready",
    summary="Whether requests can be answered",
    response_model=Ready,
    responses={503: {"model": Ready, "description": "The warehouse does not answer, or has another schema"}},
)
def ready(request: Request, response: Response) -> Any:
    state = request.app.state
    told: dict[str, Any] = {"warehouse": "bad", "schema_version": "bad", "complete_through": None, "fresh": False}
    try:
        with state.warehouse.reading() as connection:
            told["warehouse"] = "good"
            if schema.version(connection) == tables.SCHEMA_VERSION:
                told["schema_version"] = "good"
                complete = freshness(connection).complete_through
                told |= {"complete_through": complete and str(complete), "fresh": complete == yesterday(request)}
    except DatabaseProblem as error:
        logger.warning("not ready: %s", error)
    answers = state.access.quotas.answers()
    told["quotas"] = "none" if answers is None else "good" if answers else "bad"
    told["status"] = told["schema_version"] == "good"
    response.status_code = 200 if told["status"] else 503
    return told


@router.get(
    "/metrics",
    summary="Numbers for Prometheus",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus' text format"},
        **models.refusals(),
    },
)
def metrics(request: Request, _scope: Caller) -> Response:
    return Response(request.app.state.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
