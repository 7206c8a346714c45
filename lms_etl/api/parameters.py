"""Parameters of the routes: what each may be. Anything else is refused with 400, also a name that nobody knows."""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query, Request
from pydantic import BeforeValidator, WithJsonSchema
from starlette.exceptions import HTTPException

from lms_etl.api.auth import administrator
from lms_etl.api.errors import ApiError
from lms_etl.api.reading.formats import FORMATS
from lms_etl.api.scope import Scope
from lms_etl.days import BadDay, last_complete_day, parse

LARGEST = 2**53 - 1
"""Numbers beyond cannot be told apart in JavaScript, and far larger ones not be asked of a database."""


def _day(value: Any) -> Any:
    return value if isinstance(value, date) else parse(str(value))


def _number(value: Any) -> Any:
    """Digits only: Python would also take 1_000 and blanks around."""
    if isinstance(value, str) and not (value.isascii() and value.removeprefix("-").isdigit()):
        raise ValueError("not a whole number")
    return value


Day = Annotated[
    date,
    BeforeValidator(_day),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-03-22"]}),
]
"""A local day of the site, YYYY-MM-DD."""

whole_number = BeforeValidator(_number)
Limit = Annotated[int, whole_number, Query(ge=1, le=10_000, description="Rows of a page.")]
Offset = Annotated[int, whole_number, Query(ge=0, le=LARGEST, description="Rows to skip, from 0.")]
RunId = Annotated[int, whole_number, Path(ge=1, le=LARGEST, description="Number of a run.")]


def _moment(value: Any) -> Any:
    if value is None or isinstance(value, datetime):
        return value
    moment = datetime.fromisoformat(str(value))
    if not 1970 <= moment.year < 9999:
        raise ValueError("not a moment since 1970")
    return moment


def _text(value: Any) -> Any:
    """Zero bytes and the like no database takes."""
    if value is not None and not str(value).isprintable():
        raise ValueError("a text of printable characters")
    return value


Moment = Annotated[
    datetime | None,
    BeforeValidator(_moment),
    Query(description="ISO 8601; UTC where it names no zone.", examples=["2026-03-22T00:00:00Z"]),
]
Word = Annotated[str | None, BeforeValidator(_text), Query(max_length=255, description="Exactly this course_id.")]
Sealed = Annotated[
    str | None,
    Query(max_length=4000, pattern=r"^[A-Za-z0-9_-]+$", description="As an answer before handed it out."),
]
Format = Annotated[
    Literal["json", "csv", "ndjson", "parquet", "arrow", "xlsx"] | None,
    Query(description="Goes before the Accept header; JSON if neither names one."),
]


async def known_parameters(request: Request) -> None:
    """Refuses parameters that the route does not have: a mistyped filter would else give rows of another day."""
    known = {parameter["name"] for parameter in _described(request)}
    strange = sorted(set(request.query_params) - known)
    if strange:
        raise ApiError("invalid_parameter", [{"parameter": name, "problem": "unknown here"} for name in strange[:10]])
    doubled = sorted({name for name in request.query_params if len(request.query_params.getlist(name)) > 1})
    if doubled:
        raise ApiError("invalid_parameter", [{"parameter": name, "problem": "given twice"} for name in doubled[:10]])


def _described(request: Request) -> list[dict[str, Any]]:
    """The query parameters of the request's route, as OpenAPI has them."""
    route = request.scope["route"]
    paths = request.app.openapi()["paths"]
    operation = paths.get(route.path, {}).get(request.method.lower(), {})
    return [each for each in operation.get("parameters", []) if each["in"] == "query"]


@dataclass(frozen=True)
class Asked:
    """What a trigger asks for."""

    day: date | None
    force: bool = False
    reason: str | None = None


async def asked(request: Request, _scope: Annotated[Scope, Depends(administrator)]) -> Asked:
    """The body of a trigger: JSON, or form fields, or none. It is read after the caller is known."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        try:
            async with request.form(max_files=0, max_fields=3) as form:
                fields: dict[str, Any] = {name: value for name, value in form.items() if isinstance(value, str)}
        except HTTPException:
            raise _bad("body", "it is not a form of these fields") from None
    else:
        fields = _json(await request.body())
    strange = sorted(set(fields) - {"date", "force", "reason"})
    if strange:
        raise _bad(str(strange[0])[:50], "unknown here")
    return Asked(_asked_day(fields.get("date")), _flag(fields.get("force", False)), _reason(fields.get("reason")))


def _json(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise _bad("body", "it is not JSON") from None
    if not isinstance(fields, dict):
        raise _bad("body", "it is not an object")
    return fields


def _asked_day(value: Any) -> date | None:
    if value is None:
        return None
    try:
        return parse(value) if isinstance(value, str) else parse("")
    except BadDay:
        raise _bad("date", "not a day of the calendar; write it as YYYY-MM-DD") from None


def _flag(value: Any) -> bool:
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise _bad("force", "true or false")


def _reason(value: Any) -> str | None:
    # What is not printable, a zero byte or half of a pair of surrogates, no database takes.
    if value is None or (isinstance(value, str) and len(value) <= 500 and value.isprintable()):
        return value
    raise _bad("reason", "a line of at most 500 characters")


def _bad(parameter: str, problem: str) -> ApiError:
    return ApiError("invalid_parameter", [{"parameter": parameter, "problem": problem}])


def yesterday(request: Request) -> date:
    """The last complete day of the site, what a date means that is left out."""
    return last_complete_day(request.app.state.warehouse.settings.zone)


def today(request: Request) -> date:
    """The day that runs now at the site."""
    return yesterday(request) + timedelta(days=1)


def chosen_format(request: Request, name: str | None) -> str:
    """The format that `format` names, else the first that Accept allows, else JSON. Raises ApiError 406."""
    if name is not None:
        return name
    accept = request.headers.get("accept", "*/*")
    wanted = sorted(_accepted(accept), key=lambda each: -each[1])
    for media, quality in wanted:
        if quality <= 0:
            continue
        if media in ("*/*", "application/*"):
            return "json"
        for known, its_media in FORMATS.items():
            plain = its_media.partition(";")[0]
            if media in (plain, f"{plain.partition('/')[0]}/*"):
                return known
    raise ApiError("not_acceptable", list(FORMATS.values()))


def _accepted(header: str) -> list[tuple[str, float]]:
    """Media types of an Accept header with their quality."""
    found = []
    for part in header.split(",")[:20]:
        media, *parameters = (each.strip().lower() for each in part.split(";"))
        quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        try:
            found.append((media, float(quality)))
        except ValueError:
            found.append((media, 0.0))
    return found or [("*/*", 1.0)]
