"""Course progress of a company for programs: pages by cursor, acknowledgement, and the companies that a token reads."""

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import ValidationError

from lms_etl import clock
from lms_etl.api import daily_quotas, models, pull_models
from lms_etl.api.auth import Bearer, Caller
from lms_etl.api.calls import logged
from lms_etl.api.errors import ApiError
from lms_etl.api.parameters import LARGEST, Sealed, whole_number
from lms_etl.api.pulls import companies as listed
from lms_etl.api.pulls import rows
from lms_etl.api.pulls.cursor import Cursor, cursor_of
from lms_etl.api.pulls.pages import Opened, Pages
from lms_etl.api.reading import times

router = APIRouter(prefix="/api/report", tags=["report"])

CompanyId = Annotated[
    int | None,
    whole_number,
    Query(ge=0, le=LARGEST, description="Whose rows; needed only where the token reads several companies."),
]
Limit = Annotated[int, whole_number, Query(ge=1, le=10_000, description="Rows; at most LMS_ETL_API_MAX_RECORDS.")]


@router.get(
    "/course_progress",
    summary="Course progress of a company, page by page",
    response_class=Response,
    responses={200: pull_models.PROGRESS, **models.refusals()},
)
def course_progress(
    request: Request,
    _scope: Caller,
    companyid: CompanyId = None,
    limit: Limit = 1000,
    cursor: Sealed = None,
    mode: Annotated[
        Literal["auto", "full", "incremental"], Query(description="auto: as the company's settings choose.")
    ] = "auto",
    ack: Annotated[
        Literal["last_page", "explicit"], Query(description="When the token counts as having all of the pull.")
    ] = "last_page",
    count: Annotated[bool, Query(description="Whether `total` is counted.")] = False,
) -> Response:
    """Walk pages by `cursor`: nothing is lost, also while a sync runs. With the last page the token has everything, and
    the next pull brings what changed since, rows that are gone among it (`is_deleted`). With `ack=explicit` that moment
    is yours: hand the last page's `ack` to `POST /api/report/course_progress/ack` once its rows are stored."""
    bearer: Bearer = request.state.bearer
    pages: Pages = request.app.state.pages
    with logged(request, "/api/report/course_progress") as call:
        call.details |= {"limit": limit}
        place = cursor_of(cursor, "next", bearer.token_hash) if cursor else None
        if place and companyid not in (None, place.companyid):
            raise ApiError("bad_cursor", "the cursor belongs to another company")
        opened = pages.opened(bearer, place.companyid if place else companyid, call)
        with opened.telling_quota():
            pages.require_limit(limit)
            place = place or pages.cursor(opened, pages.new_pull(opened, mode), ack == "explicit")
            call.details |= {"offset": place.pull.offset}
            kept, after = pages.by_cursor(opened, place, limit, call)
            total = _total(pages, opened, after) if count else None
    said = _envelope(opened, after, kept.count, total)
    body = b'{"data":' + kept.body + b"," + orjson.dumps(said)[1:]
    return Response(body, media_type="application/json", headers=opened.quota.headers)


def _total(pages: Pages, opened: Opened, cursor: Cursor) -> int:
    with pages.warehouse.reading() as connection:
        return rows.count(connection, opened.company.companyid, cursor.pull, opened.company.settings)


def _envelope(opened: Opened, cursor: Cursor, count: int, total: int | None) -> dict[str, Any]:
    """What an answer says beside its rows."""
    pull = cursor.pull
    return {
        "companyid": cursor.companyid,
        "mode": pull.mode,
        "count": count,
        "total": total,
        "has_next": not pull.ended,
        "next_cursor": None if pull.ended else cursor.text("next"),
        "ack": cursor.text("ack") if pull.ended and cursor.explicit else None,
        "through": pull.through,
        "complete_through": times.unix(opened.company.synced_through),
        "as_of": times.unix(opened.now),
    }


async def stored(request: Request, _scope: Caller) -> str:
    """The acknowledgement in the body, which is read after the caller is known."""
    try:
        return pull_models.Acknowledgement.model_validate_json(await request.body()).ack
    except ValidationError:
        problem = "needed, as the last page gave it, in an object of JSON"
        raise ApiError("invalid_parameter", [{"parameter": "ack", "problem": problem}]) from None


@router.post(
    "/course_progress/ack",
    summary="Acknowledge a pull: its rows are stored",
    response_model=pull_models.Acknowledged,
    responses=models.refusals(413),
    openapi_extra=pull_models.ACK_BODY,
)
def acknowledge(request: Request, ack: Annotated[str, Depends(stored)]) -> Any:
    """From now on the token's next pull brings what changed after this one. It costs no call of the daily quota."""
    bearer: Bearer = request.state.bearer
    pages: Pages = request.app.state.pages
    with logged(request, "/api/report/course_progress/ack") as call:
        cursor = cursor_of(ack, "ack", bearer.token_hash)
        found = pages.found(bearer, cursor.companyid, call)
        quota = daily_quotas.Counted(0, 0, None, True, 0)
        pages.note_all(Opened(bearer, found, quota, int(clock.now().timestamp())), cursor.pull, cursor.content_mark)
    return {"status": True, "companyid": cursor.companyid, "through": cursor.pull.through}


@router.get(
    "/companies",
    summary="The companies that the token reads, how fresh they are, and their quotas of today",
    response_model=pull_models.Companies,
    responses=models.refusals(),
)
def companies(request: Request, scope: Caller) -> Any:
    warehouse = request.app.state.warehouse
    with warehouse.reading() as connection:
        return {"status": True, "data": listed.readable(connection, scope, warehouse.settings, clock.now())}
