"""The routes of the control page: its actions, each a form of this page, and its exports."""

from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from itsdangerous import BadData

from lms_etl.api.errors import ApiError
from lms_etl.api.monitor import actions
from lms_etl.api.monitor.actions import ActionProblem
from lms_etl.api.monitor.exports import MOST_DAYS, TYPES, WHAT, written
from lms_etl.api.monitor.pages import TABS, LoggedIn
from lms_etl.api.monitor.rendering import PageRoute, Pages
from lms_etl.api.monitor.session import PATH, Session, Sessions, sent_by_our_form
from lms_etl.api.request_log import logger
from lms_etl.warehouse import progress_queue, schema
from lms_etl.warehouse.progress_queue import Wanted
from lms_etl.warehouse.registry import utc_now
from lms_etl.warehouse.tables import companies
from lms_etl.warehouse.warehouse import Warehouse

router = APIRouter(prefix=f"{PATH}/control", include_in_schema=False, route_class=PageRoute)

REQUESTS_SHOWN = 10
TOLD = "lms_etl_told"
TOLD_SECONDS = 60
"""How long what an action came to may wait in a cookie for the page that shows it."""


@router.get("")
def control(request: Request, session: LoggedIn) -> Response:
    state = request.app.state
    schema.require_current(state.warehouse)
    with state.warehouse.reading() as connection:
        known = _companies(connection)
        requests = progress_queue.latest(connection, REQUESTS_SHOWN)
    pages: Pages = state.monitor_pages
    response = pages.page(
        "control.html", session=session, tabs=TABS, companies=known, requests=requests, what=list(WHAT),
        told=_told(request),
    )  # fmt: skip
    response.delete_cookie(TOLD, path=router.prefix)
    return response


def _told(request: Request) -> dict[str, Any]:
    sessions: Sessions = request.app.state.monitor_sessions
    try:
        told: dict[str, Any] = sessions.signer.loads(request.cookies.get(TOLD, ""), max_age=TOLD_SECONDS)
    except BadData:
        return {}
    return told if "good" in told else {}


@router.post("/{action}")
def act(
    request: Request,
    session: LoggedIn,
    action: str,
    form: Annotated[str, Form()] = "",
    company: Annotated[str, Form()] = "",
    hours_back: Annotated[str, Form()] = "",
    sure: Annotated[str, Form()] = "",
) -> Response:
    """Does what was asked for and goes back to the page, so that loading that again repeats nothing."""
    if not sent_by_our_form(request, session, form):
        raise ApiError("admin_only", "the form is not of this page, or too old: load it again")
    try:
        said, good = _do(request, session, action, company, hours_back, sure), True
    except ActionProblem as problem:
        said, good = str(problem), False
    logger.info("action", extra={"event": "action", "user": session.username, "reason": f"{action}: {said[:200]}"})
    response = RedirectResponse(router.prefix, 303)
    sealed = request.app.state.monitor_sessions.signer.dumps({"good": good, "said": said[:1000]})
    secure = request.url.scheme == "https"
    response.set_cookie(TOLD, sealed, TOLD_SECONDS, path=router.prefix, httponly=True, samesite="strict", secure=secure)
    return response


def _do(request: Request, session: Session, action: str, company: str, hours_back: str, sure: str) -> str:
    warehouse: Warehouse = request.app.state.warehouse
    if action == "test-alert":
        return actions.test_alert(warehouse.settings)
    with warehouse.reading() as connection:
        number, named = _chosen(connection, company)
    if action == "clear":
        if number is None or not sure:
            raise ActionProblem("Nothing was cleared: choose one company, and tick that you are sure.")
        return actions.clear(warehouse.settings, number)
    if action not in progress_queue.KINDS:
        raise ApiError("not_found")
    if hours_back and not hours_back.isdecimal():
        raise ActionProblem("Hours back is a whole number.")
    wanted = Wanted(action, number, int(hours_back) if hours_back else None)
    return actions.ask_for_sync(warehouse, wanted, named, session.username)


def _companies(connection: sa.Connection) -> list[Any]:
    query = sa.select(companies.c.companyid, companies.c.shortname).where(companies.c.live == 1)
    return list(connection.execute(query.order_by(companies.c.shortname)))


def _chosen(connection: sa.Connection, company: str) -> tuple[int | None, str]:
    """Id and name of the company that a form names; none for all of them."""
    if not company:
        return None, "all companies that are due"
    for number, name in _companies(connection):
        if str(number) == company:
            return number, name
    raise ActionProblem("There is no such company any more.")


@router.get("/export/{what}.{form}")
def export(request: Request, _session: LoggedIn, what: str, form: str, days: int = 30) -> Response:
    """Recorded rows of the last days as a file."""
    if what not in WHAT or form not in TYPES or not 1 <= days <= MOST_DAYS:
        raise ApiError("not_found")
    name = f"{what}-{utc_now():%Y%m%d}.{form}"
    body = written(request.app.state.warehouse, what, form, utc_now(), days)
    return StreamingResponse(
        body, media_type=TYPES[form], headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
