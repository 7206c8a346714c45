"""Errors of the API: one JSON shape, stable codes, never a traceback, a statement or a secret."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from lms_etl.api.reading.problems import ReadingProblem
from lms_etl.api.request_log import current_request_id, logger
from lms_etl.databases import DatabaseProblem
from lms_etl.warehouse.locks import AlreadyRunningError
from lms_etl.warehouse.queue import UnknownRun, WaitingForCounts
from lms_etl.warehouse.warehouse import SchemaError

CODES = {
    "invalid_parameter": (400, "A parameter has a value that cannot be used"),
    "bad_range": (400, "The days asked for do not go together"),
    "bad_limit": (400, "limit goes from 1 to 10,000"),
    "bad_offset": (400, "offset counts rows to skip, from 0"),
    "bad_format": (400, "There is no such format"),
    "bad_cursor": (400, "The cursor was not handed out for this question"),
    "bad_snapshot": (400, "The snapshot was not handed out by the API"),
    "bad_rollup": (400, "There is no such period or level"),
    "no_terms": (400, "No terms are configured"),
    "updated_since_too_old": (400, "So old changes are not known any more"),
    "limit_too_large": (400, "limit is more than one answer may have"),
    "unauthorized": (401, "Unauthorized"),
    "no_privilege": (403, "This user has no privilege here"),
    "admin_only": (403, "This needs an administrator's token"),
    "no_company": (403, "This user belongs to no company, or not to the one asked for"),
    "not_found": (404, "There is no such page"),
    "unknown_run": (404, "There is no run of this number"),
    "method_not_allowed": (405, "The page has no such method"),
    "not_acceptable": (406, "None of the formats asked for can be given"),
    "already_running": (409, "ETL process is already running"),
    "waiting_for_counts": (409, "Waiting for ActivityCounts and UserCounts ETL to complete"),
    "time_window_expired": (409, "ETL time window expired"),
    "snapshot_changed": (409, "Days asked for were loaded anew since the first page; begin again"),
    "too_large": (413, "The body is too large"),
    "day_not_runnable": (422, "The day cannot be run"),
    "too_many_requests": (429, "Too many requests"),
    "daily_limit_reached": (429, "The company's calls of this day are used up"),
    "internal_error": (500, "Something went wrong here; the request id finds it in the log"),
    "database_unavailable": (503, "Failed to connect to database"),
    "schema_outdated": (503, "The warehouse's tables are missing or of another version; run `lms-etl migrate`"),
    "not_synced": (503, "The company was never synced, and its rows cannot be read live"),
    "busy": (503, "The server is busy; ask again in a moment"),
}
"""Every code with its HTTP status and its message. Programs go by the code; none is ever renamed."""

BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
_CONNECTING = re.compile(r"Failed to connect to database|A statement took longer")
_WAITING = re.compile(r"database is locked|lock wait timeout|deadlock", re.IGNORECASE)


class ApiError(Exception):
    """A refusal with a code of CODES. `detail` says what was wrong in this request; no values that may be secret."""

    def __init__(
        self,
        code: str,
        detail: Any = None,
        headers: dict[str, str] | None = None,
        message: str | None = None,
    ) -> None:
        self.code = code
        self.status, default = CODES[code]
        self.message = message or default
        self.detail = detail
        self.headers = headers or {}
        super().__init__(f"{code}: {self.message}")


def answer(error: ApiError) -> JSONResponse:
    """The error as a response."""
    body = {
        "status": False,
        "message": error.message,
        "error": {"code": error.code, "detail": error.detail},
        "request_id": current_request_id(),
    }
    return JSONResponse(body, status_code=error.status, headers={"Cache-Control": "no-store", **error.headers})


def of_database(error: DatabaseProblem) -> ApiError:
    """What a client is told when the warehouse cannot be used; the log has the rest."""
    logger.error("warehouse: %s", error)
    if isinstance(error, SchemaError) or " is missing" in str(error):
        return ApiError("schema_outdated")
    if _WAITING.search(str(error)):
        return ApiError("busy", headers={"Retry-After": "5"})
    if _CONNECTING.match(str(error)):
        return ApiError("database_unavailable", headers={"Retry-After": "10"})
    return ApiError("internal_error")


def of_validation(error: RequestValidationError) -> ApiError:
    """Which parameters cannot be used and why. Their values stay out: they are the caller's own."""
    detail = [
        {"parameter": ".".join(map(str, each["loc"][1:])), "problem": each["msg"].removeprefix("Value error, ")}
        for each in error.errors()
    ]
    return ApiError("invalid_parameter", detail)


def of_http(error: HTTPException) -> ApiError:
    """Errors of the framework: no such page, no such method."""
    return ApiError(BY_STATUS.get(error.status_code, "invalid_parameter"), headers=dict(error.headers or {}))


def of_reading(error: ReadingProblem) -> ApiError:
    """What cannot be answered about rows: its code and its own words."""
    return (
        ApiError(error.code, message=str(error)) if error.code in CODES else ApiError("invalid_parameter", str(error))
    )


def of_waiting(error: WaitingForCounts) -> ApiError:
    """The documented message; what is missing is the detail."""
    documented, _, missing = str(error).partition(": ")
    return ApiError("waiting_for_counts", missing.partition(".")[0], message=documented)


TRANSLATIONS: dict[type[Exception], Callable[[Any], ApiError]] = {
    ApiError: lambda error: error,
    HTTPException: of_http,
    RequestValidationError: of_validation,
    DatabaseProblem: of_database,
    ReadingProblem: of_reading,
    sa.exc.TimeoutError: lambda _: ApiError("busy", headers={"Retry-After": "5"}),
    AlreadyRunningError: lambda error: ApiError("already_running", str(error).partition(": ")[2].partition(".")[0]),
    WaitingForCounts: of_waiting,
    UnknownRun: lambda _: ApiError("unknown_run"),
}


def api_error_of(error: BaseException) -> ApiError:
    """What a client is told of an error; of one that nobody expected no more than that."""
    for kind in type(error).__mro__:
        if kind in TRANSLATIONS:
            return TRANSLATIONS[kind](error)
    return ApiError("internal_error")


def install(app: FastAPI) -> None:
    """Makes every error of the application one of CODES; `observed` answers what nobody expected."""

    def handler(translate: Callable[[Any], ApiError]) -> Callable[[Request, Any], Awaitable[JSONResponse]]:
        async def respond(_request: Request, error: Any) -> JSONResponse:
            return answer(translate(error))

        return respond

    for kind, translate in TRANSLATIONS.items():
        app.add_exception_handler(kind, handler(translate))
