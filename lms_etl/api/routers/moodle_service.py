"""The report API as BI tools call it in Moodle: `POST /webservice/rest/server.php` with a form."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from lms_etl.api import moodle_errors, pull_models
from lms_etl.api.auth import bearer_of
from lms_etl.api.calls import logged
from lms_etl.api.errors import ApiError, api_error_of
from lms_etl.api.parameters import LARGEST
from lms_etl.api.pulls.pages import Pages
from lms_etl.api.reading import times
from lms_etl.api.request_log import logger

router = APIRouter(tags=["report"])

FUNCTION = "local_alx_report_api_get_course_progress"
PARAMETERS = {"wstoken", "wsfunction", "moodlewsrestformat", "limit", "offset", "companyid", "ack"}
DEFAULT_LIMIT = 100
ACKNOWLEDGEMENTS = ("last_page", "explicit")


@router.post(
    "/webservice/rest/server.php",
    summary="Course progress, as a web service of Moodle",
    operation_id="moodle_service",
    response_class=Response,
    responses=pull_models.MOODLE_ANSWERS,
    openapi_extra=pull_models.MOODLE_BODY,
)
async def by_form(request: Request) -> Response:
    """Order of the checks: token, quota, company, request method, parameters. Every refusal has status 200."""
    return await _answer(request)


@router.get("/webservice/rest/server.php", include_in_schema=False)
async def by_query(request: Request) -> Response:
    """The same with everything in the URL, where LMS_ETL_API_ALLOW_GET lets it."""
    return await _answer(request)


async def _answer(request: Request) -> Response:
    try:
        form = await _form(request) if request.method == "POST" else {}
        return await run_in_threadpool(_progress, request, form)
    except Exception as error:
        told = api_error_of(error)
        if told.code == "internal_error":
            logger.exception("unexpected", extra={"event": "error"})
        return moodle_errors.answer(told)


async def _form(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return {}
    try:
        async with request.form(max_files=0, max_fields=20) as form:
            return {name: value for name, value in form.items() if isinstance(value, str)}
    except HTTPException:
        raise _bad("body", "it is not a form of these fields") from None


def _progress(request: Request, form: dict[str, str]) -> Response:
    query = dict(request.query_params)
    token = form.get("wstoken") or (query.get("wstoken") if request.method == "GET" else None)
    try:
        bearer = bearer_of(request, f"Bearer {token}" if token else request.headers.get("authorization"))
    except ApiError as error:
        if error.code == "unauthorized":
            misplaced = " (it belongs into the form, not into the URL)" if not token and "wstoken" in query else ""
            error.message = f"Invalid token{misplaced}"
        raise
    fields = query | form
    pages: Pages = request.app.state.pages
    with logged(request, FUNCTION) as call:
        _note_place(call.details, fields)
        opened = pages.opened(bearer, _number(fields, "companyid", None, 0), call)
        with opened.telling_quota():
            limit, offset, explicit = _asked(request, fields)
            pages.require_limit(limit)
            kept, pull = pages.by_offset(opened, limit, offset, call, explicit)
    headers = {
        "X-Sync-Mode": pull.mode,
        "X-Sync-Through": str(pull.through),
        "X-Complete-Through": times.unix(opened.company.synced_through) or "",
        "X-As-Of": times.unix(opened.now) or "",
        **opened.quota.headers,
    }
    if explicit and pull.ended:
        headers["X-Sync-Ack"] = pages.cursor(opened, pull, explicit).text("ack")
    return Response(kept.body, media_type="application/json", headers=headers)


def _asked(request: Request, fields: dict[str, str]) -> tuple[int, int, bool]:
    """Limit, offset, and whether the last page is acknowledged by itself. Raises ApiError."""
    settings = request.app.state.warehouse.settings
    if request.method == "GET" and not settings.api_allow_get:
        raise ApiError("method_not_allowed", message="Invalid request method: use POST")
    strange = sorted(name for name in set(fields) - PARAMETERS if not name.startswith("moodlewssetting"))
    if strange:
        raise _bad(strange[0][:50], "unknown here")
    if fields.get("wsfunction") != FUNCTION:
        raise _bad("wsfunction", f"it is {FUNCTION}")
    if fields.get("moodlewsrestformat", "json") != "json":
        raise _bad("moodlewsrestformat", "json is the only one")
    if fields.get("ack", "last_page") not in ACKNOWLEDGEMENTS:
        raise _bad("ack", "last_page or explicit")
    limit = _number(fields, "limit", DEFAULT_LIMIT, 1)
    offset = _number(fields, "offset", 0, 0)
    assert limit is not None
    assert offset is not None
    return limit, offset, fields.get("ack") == "explicit"


def _number(fields: dict[str, str], name: str, default: int | None, least: int) -> int | None:
    text = fields.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and least <= int(text[:20]) <= LARGEST):
        raise _bad(name, f"a whole number from {least}")
    return int(text)


def _note_place(details: dict[str, Any], fields: dict[str, str]) -> None:
    """What was asked for, for the log; only what is a number."""
    for name, default in (("limit", DEFAULT_LIMIT), ("offset", 0)):
        text = fields.get(name, str(default)).removeprefix("-")
        details[name] = int(fields.get(name, default)) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _bad(parameter: str, problem: str) -> ApiError:
    return ApiError(
        "invalid_parameter", [{"parameter": parameter, "problem": problem}], message="Invalid parameter value detected"
    )
