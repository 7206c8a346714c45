"""The report of a day and its export: pages or the whole, in any format, and only the caller's rows."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Annotated, Any

from anyio import CancelScope, to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Send
from starlette.types import Scope as ASGIScope

from lms_etl.api import models, report_models
from lms_etl.api.auth import Caller
from lms_etl.api.parameters import Day, Format, Limit, Moment, Offset, Sealed, Word, chosen_format, whole_number
from lms_etl.api.reading.answer import Answer
from lms_etl.api.reading.export import Export, ExportAsk, Keeping, KeptExports, open_export
from lms_etl.api.reading.formats import FORMATS
from lms_etl.api.reading.periods import Kind
from lms_etl.api.reading.rollup import By, RollupAsk, open_rollup
from lms_etl.api.scope import Scope

router = APIRouter(prefix="/api/user_activity_etl", tags=["data"])

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: report_models.EXPORTED,
    304: {"description": "Nothing has changed since the `ETag` given"},
}
EARLIEST = date(1970, 1, 1)

From = Annotated[Day | None, Query(alias="from", description="First day of a period.")]
To = Annotated[Day | None, Query(alias="to", description="Last day of a period.")]
SpreadsheetSafe = Annotated[bool, Query(description="Whether text that a spreadsheet would run is made harmless.")]


@router.get(
    "/results",
    summary="Rows of the report of all days",
    response_class=Response,
    responses={**ANSWERS, **models.refusals(404, 406, 409)},
)
async def results(
    request: Request,
    scope: Caller,
    limit: Limit = 1000,
    offset: Offset = 0,
    format: Format = None,  # noqa: A002
) -> Response:
    ask = ExportAsk(first=EARLIEST, limit=limit, offset=offset, count=True)
    return await _results(request, scope, ask, format, {})


@router.get(
    "/results/{date}",
    summary="Rows of the report of a day",
    response_class=Response,
    responses={**ANSWERS, **models.refusals(404, 406, 409)},
)
async def results_of_day(
    request: Request,
    scope: Caller,
    date: Day,
    limit: Limit = 1000,
    offset: Offset = 0,
    format: Format = None,  # noqa: A002
) -> Response:
    ask = ExportAsk(date=date, limit=limit, offset=offset, count=True)
    return await _results(request, scope, ask, format, {"date": str(date)})


async def _results(
    request: Request,
    scope: Scope,
    ask: ExportAsk,
    format: str | None,  # noqa: A002
    filters: dict[str, str],
) -> Response:
    """The rows with the envelope of the documented results: filters and pagination beside what an export says."""

    def told(opened: Export) -> Response:
        with opened:
            count = opened.rows_on_page
        page = {"limit": ask.limit, "offset": ask.offset, "count": count, "total_count": opened.total}
        opened.besides = {"count": count, "filters": filters, "pagination": page | {"has_more": opened.has_next}}
        return answer(request, opened, wanted, "results")

    wanted = chosen_format(request, format)
    return await _exported(request, scope, ask, Keeping(_kept(request).pages, wanted), told)


def _kept(request: Request) -> KeptExports:
    kept: KeptExports = request.app.state.kept_exports
    return kept


async def _exported(
    request: Request, scope: Scope, ask: ExportAsk, keeping: Keeping, told: Callable[[Export], Response]
) -> Response:
    """What is told of an export: of a kept page at once, of another one in a thread, since it is read there."""
    kept = await _kept(request).find(scope, ask, keeping)
    if kept:
        return told(kept)
    return await to_thread.run_sync(lambda: told(open_export(request.app.state.warehouse, scope, ask, keeping)))


@router.get(
    "/export",
    summary="Export the report, page by page or as one stream",
    response_class=Response,
    responses={**ANSWERS, **models.refusals(406, 409)},
)
async def export(
    request: Request,
    scope: Caller,
    date: Annotated[Day | None, Query(description="One day; the last complete one if no other is named.")] = None,
    first: From = None,
    last: To = None,
    course_id: Word = None,
    moodle_course_id: Annotated[int | None, whole_number, Query(ge=0, le=2**53 - 1)] = None,
    limit: Limit = 1000,
    offset: Offset = 0,
    cursor: Sealed = None,
    snapshot: Sealed = None,
    updated_since: Moment = None,
    count: Annotated[bool | None, Query(description="Whether `total` is counted; a day's always is.")] = None,
    whole: Annotated[bool, Query(alias="all", description="All rows in one stream; limit does not count.")] = False,
    spreadsheet_safe: SpreadsheetSafe = True,
    format: Format = None,  # noqa: A002
) -> Response:
    """Walk pages by `cursor`: every row comes exactly once, also while days are loaded. By `offset`, hand back the
    `snapshot` of the first page, so that you are told (409) when a day was loaded anew in between. With
    `updated_since`, only what changed; go on from `next_updated_since`, and replace the `replaced_days` as a whole.
    """
    wanted = chosen_format(request, format)
    ask = ExportAsk(
        date=date,
        first=first,
        last=last,
        course_id=course_id,
        moodle_course_id=moodle_course_id,
        limit=None if whole else limit,
        offset=offset,
        cursor=cursor,
        updated_since=updated_since,
        snapshot=snapshot,
        count=count,
    )
    keeping = Keeping(_kept(request).pages, wanted, spreadsheet_safe)
    return await _exported(
        request, scope, ask, keeping, lambda opened: answer(request, opened, wanted, "export", spreadsheet_safe)
    )


@router.get(
    "/rollup",
    summary="The report over weeks, months, terms or any days, by course, unit, directorate or the whole site",
    response_class=Response,
    responses={**ANSWERS, 200: report_models.ROLLED_UP, **models.refusals(406)},
)
def rollup(
    request: Request,
    scope: Caller,
    period: Annotated[Kind, Query(description="range: the days asked for as one period.")] = "month",
    by: By = "course",
    first: From = None,
    last: To = None,
    spreadsheet_safe: SpreadsheetSafe = True,
    format: Format = None,  # noqa: A002
) -> Response:
    """Sums over the loaded days of each period; `active_days` is the span from the first active day to the last one,
    as in the report. The rows of the units of a directorate sum to the directorate's, those of all to the site's.
    """
    wanted = chosen_format(request, format)
    opened = open_rollup(request.app.state.warehouse, scope, RollupAsk(period, by, first, last))
    return answer(request, opened, wanted, "rollup", spreadsheet_safe)


def answer(request: Request, opened: Answer, format: str, name: str, spreadsheet_safe: bool = True) -> Response:  # noqa: A002
    """The rows as a stream with their ETag, or 304 if the client has them already."""
    etag = opened.etag.replace('"', f'"{format}-', 1)
    headers = {
        "ETag": etag,
        # An answer is the caller's own: no cache between may keep it, and the client asks whether it is still right.
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization, Accept",
        "X-Complete-Through": str(opened.complete_through or ""),
        "X-As-Of": f"{opened.as_of:%Y-%m-%dT%H:%M:%SZ}",
    }
    if _has(request, etag):
        opened.close()
        return Response(status_code=304, headers=headers)
    try:
        if opened.next_cursor:
            headers["X-Next-Cursor"] = opened.next_cursor
        if format != "json":
            headers["Content-Disposition"] = f'attachment; filename="{name}.{format}"'
        chunks = opened.stream(format, spreadsheet_safe)
        if isinstance(opened, Export) and opened.rows_on_page is not None:
            # A page is some megabytes at most: in one piece it needs one thread, not one for each chunk.
            return Response(b"".join(chunks), media_type=FORMATS[format], headers=headers)
    except BaseException:
        opened.close()
        raise
    return Rows(opened, chunks, media_type=FORMATS[format], headers=headers)


def _has(request: Request, etag: str) -> bool:
    """Whether the client named this ETag in If-None-Match."""
    named = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    return etag.removeprefix("W/") in named or "*" in named


class Rows(StreamingResponse):
    """Streamed rows; their connection is let go also when the client leaves, even before the first row."""

    def __init__(self, opened: Answer, chunks: Iterator[bytes], **more: Any) -> None:
        super().__init__(chunks, **more)
        self.opened, self.chunks = opened, chunks

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(self._close)

    def _close(self) -> None:
        self.chunks.close()  # type: ignore[attr-defined]
        self.opened.close()
