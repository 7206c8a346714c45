"""The shapes of the answers, with examples: what OpenAPI says about them."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from lms_etl.api.errors import CODES

Word = Literal["not_started", "queued", "running", "completed", "failed"]


class ErrorDetail(BaseModel):
    """What went wrong, for programs."""

    code: str = Field(examples=["already_running"], json_schema_extra={"enum": [*sorted(CODES)]})
    detail: Any = Field(None, examples=["pipeline of 2026-03-22"], description="What was wrong in this request")


class Error(BaseModel):
    """Every error has this shape."""

    status: Literal[False]
    message: str = Field(examples=["ETL process is already running"])
    error: ErrorDetail
    request_id: str | None = Field(examples=["5f0c2a9e1b7d4c36"], description="Finds the request in the API's log")


class QueuedRun(BaseModel):
    """The row of the registry that holds the request."""

    id: int = Field(examples=[17])
    job: str = Field(examples=["pipeline"])
    date: str = Field(examples=["2026-03-22"])
    status: Literal["queued"]
    url: str = Field(examples=["/api/user_activity_etl/runs/17"])


class Queued(BaseModel):
    """A request that waits in the queue."""

    status: Literal[True]
    message: str = Field(examples=["Queued pipeline of 2026-03-22 as run 17"])
    data: QueuedRun
    request_date: str = Field(examples=["2026-03-22"], description="The day asked for")
    current_date: str = Field(examples=["2026-03-23"], description="Today at the site")


class Progress(BaseModel):
    """How far a run is: of rows where it is one load, of loads where it has several steps."""

    offset: int = Field(examples=[3])
    numrow: int = Field(examples=[4])
    percent: int = Field(examples=[75], ge=0, le=100)


class Load(BaseModel):
    """A row of the registry. Moments are UTC."""

    id: int = Field(examples=[17])
    job: str = Field(examples=["pipeline"])
    date: str | None = Field(examples=["2026-03-22"])
    status: Word = Field(examples=["running"])
    state: str = Field(examples=["RUNNING"], description="The registry's own word; it also knows SKIPPED and STOPPED")
    trigger: str = Field(examples=["api"])
    attempt: int = Field(examples=[1])
    progress: Progress
    rows: dict[str, int] = Field(examples=[{"read": 4711, "inserted": 60, "updated": 0, "deleted": 0, "rejected": 0}])
    requested_at: str | None = Field(examples=["2026-03-23 02:00:00"])
    started_at: str | None = Field(examples=["2026-03-23 02:00:04"])
    completed_at: str | None = Field(examples=[None])
    stop_requested_at: str | None = Field(examples=[None])
    duration_seconds: float | None = Field(examples=[None])
    reason: str | None = Field(examples=["asked for by ana"])
    error: str | None = Field(examples=[None])


class Run(Load):
    """A run with the loads that it is made of."""

    steps: list[Load]


class RunAnswer(BaseModel):
    """One run."""

    status: Literal[True]
    message: str | None = None
    data: Run


class Pagination(BaseModel):
    """Where a page is in the whole."""

    limit: int = Field(examples=[50])
    offset: int = Field(examples=[0])
    count: int = Field(examples=[1])
    total_count: int = Field(examples=[1])
    has_more: bool = Field(examples=[False])


class Logs(BaseModel):
    """A page of the registry, newest first."""

    status: Literal[True]
    data: list[Load]
    pagination: Pagination


class Step(BaseModel):
    """The last run of a job or step. Only an admin sees its number, rows and error."""

    status: Word = Field(examples=["completed"])
    date: str | None = Field(None, examples=["2026-03-22"])
    trigger: str | None = Field(None, examples=["schedule"])
    started_at: str | None = Field(None, examples=["2026-03-23 02:00:04"])
    completed_at: str | None = Field(None, examples=["2026-03-23 02:00:11"])
    duration_seconds: float | None = Field(None, examples=[7.2])
    id: int | None = Field(None, examples=[17])
    numrow: int | None = Field(None, examples=[4])
    error: str | None = None


class StatusData(BaseModel):
    """The state of the whole."""

    isRunning: bool = Field(examples=[False])  # noqa: N815
    lastRun: str | None = Field(examples=["2026-03-23 02:00:04"], description="Start of the last run that ended, UTC")  # noqa: N815
    lastStatus: Word = Field(examples=["completed"])  # noqa: N815
    currentStatus: Word = Field(examples=["completed"])  # noqa: N815
    steps: dict[str, Step]
    complete_through: str | None = Field(examples=["2026-03-22"])
    as_of: str = Field(examples=["2026-03-23T08:15:00Z"])


class StatusAnswer(BaseModel):
    """What runs, and how it ended."""

    status: Literal[True]
    data: StatusData


class SchedulerRow(BaseModel):
    """A row of log_scheduler; status 4 queued, 2 in progress, 1 finished, 3 failed."""

    id: int = Field(examples=[17])
    batch_name: str = Field(examples=["pipeline"])
    offset: int = Field(examples=[4])
    numrow: int = Field(examples=[4])
    status: Literal[1, 2, 3, 4]
    limit_size: int = Field(examples=[1000])
    error_details: str | None = Field(examples=[None])
    start_date: str | None = Field(examples=["2026-03-23 02:00:04"])
    end_date: str | None = Field(examples=["2026-03-23 02:00:11"])
    created_at: str | None = Field(examples=["2026-03-23 02:00:00"])
    target_date: str | None = Field(examples=["2026-03-22"])


class SchedulerAnswer(BaseModel):
    """The newest rows of log_scheduler."""

    status: Literal[True]
    data: list[SchedulerRow]
    current_date: str = Field(examples=["2026-03-23"])
    yesterday: str = Field(examples=["2026-03-22"])


class Cleared(BaseModel):
    """How many rows were removed."""

    status: Literal[True]
    message: str = Field(examples=["Removed 2026-03-22"])
    affected_rows: int = Field(examples=[60])
    tables: dict[str, int] = Field(examples=[{"user_activity_etl": 60}])
    date: str = Field(examples=["2026-03-22"])
    timestamp: str = Field(examples=["2026-03-23 08:15:00"])


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a route can answer, for OpenAPI: those given, and those that every route with a token has."""
    told: dict[int | str, dict[str, Any]] = {}
    for status in sorted({400, 401, 403, 429, 503, *statuses}):
        codes = [code for code, (its_status, _) in CODES.items() if its_status == status]
        text = "; ".join(f"`{code}`: {CODES[code][1]}" for code in codes)
        told[status] = {"model": Error, "description": text}
    return told


def _body(required: bool, day: str) -> dict[str, Any]:
    properties = {
        "date": {"type": "string", "format": "date", "description": day, "examples": ["2026-03-22"]},
        "force": {"type": "boolean", "description": "Also when the day's H+1 window is closed", "default": False},
        "reason": {"type": "string", "maxLength": 500, "pattern": "^[ -~]*$", "description": "Kept with the run"},
    }
    schema: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    if required:
        schema["required"] = ["date"]
        del properties["force"]
    kinds = ("application/json", "application/x-www-form-urlencoded")
    return {"requestBody": {"required": required, "content": {kind: {"schema": schema} for kind in kinds}}}


TRIGGER_BODY = _body(False, "Day at the site; yesterday, the last complete one, if left out")
CLEAR_BODY = _body(True, "The day to remove")
