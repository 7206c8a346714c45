"""The routes of the monitor: three tabs, their live parts, log in and log out."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from lms_etl import clock
from lms_etl.api.auth import Access, bearer_of
from lms_etl.api.errors import ApiError
from lms_etl.api.monitor import auto_sync, performance, security
from lms_etl.api.monitor.rendering import FILES, PageRoute, Pages, file
from lms_etl.api.monitor.session import PATH, Session, Sessions, sent_by_our_form
from lms_etl.warehouse import schema

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=PageRoute)

TABS = {"auto-sync": ("Auto-Sync", PATH), "performance": ("Performance", f"{PATH}/performance"),
        "security": ("Security", f"{PATH}/security")}  # fmt: skip
"""The three tabs, by the name of their template; the first one is the default."""

AFTER_LOGIN = (*(address for _, address in TABS.values()), f"{PATH}/control")
REFUSED = {
    "unauthorized": "This is no token, or it is expired or revoked.",
    "no_privilege": "The user of this token has no privilege here.",
    "admin_only": "This token is not an administrator's.",
    "too_many_requests": "Too many failed attempts from this address. Wait a little.",
}


class LoginNeeded(Exception):
    """Nobody is logged in."""


def logged_in(request: Request) -> Session:
    """The session of the request. Raises LoginNeeded."""
    sessions: Sessions = request.app.state.monitor_sessions
    session = sessions.of(request, request.app.state.warehouse)
    if session is None:
        raise LoginNeeded
    request.state.username = session.username
    return session


LoggedIn = Annotated[Session, Depends(logged_in)]


async def ask_to_log_in(request: Request, _error: LoginNeeded) -> Response:
    """To the log-in page and back; a script is only told."""
    if request.url.path.startswith(f"{PATH}/live/"):
        return Response(status_code=401)
    wanted = request.url.path if request.url.path in AFTER_LOGIN and request.method == "GET" else PATH
    return RedirectResponse(f"{PATH}/login" + (f"?to={wanted}" if wanted != PATH else ""), 303)


def shown(request: Request, tab: str) -> dict[str, Any]:
    """What the template of a tab needs."""
    state = request.app.state
    schema.require_current(state.warehouse)
    now = clock.now()
    if tab == "performance":
        return performance.shown(state.warehouse, now)
    if tab == "security":
        return security.shown(state.warehouse, now)
    return auto_sync.shown(state.warehouse, state.monitor_row_counts, now)


def _tab(name: str) -> None:
    title, address = TABS[name]

    @router.get(address.removeprefix(PATH), name=f"monitor {name}")
    def tab(request: Request, session: LoggedIn) -> Response:
        pages: Pages = request.app.state.monitor_pages
        return pages.page("tab.html", tab=name, title=title, tabs=TABS, session=session, **shown(request, name))

    @router.get(f"/live/{name}", name=f"monitor live {name}")
    def live(request: Request, session: LoggedIn) -> Response:
        pages: Pages = request.app.state.monitor_pages
        return pages.page(f"{name}.html", session=session, **shown(request, name))


for _name in TABS:
    _tab(_name)


@router.get("/login")
def login_page(request: Request, to: str = PATH) -> Response:
    if request.app.state.monitor_sessions.of(request, request.app.state.warehouse):
        return RedirectResponse(PATH, 303)
    return _login(request, to)


def _login(request: Request, to: str, problem: str = "", status: int = 200, **more: Any) -> Response:
    pages: Pages = request.app.state.monitor_pages
    wanted = to if to in AFTER_LOGIN else PATH
    return pages.page("login.html", status, more.get("headers"), to=wanted, problem=problem, session=None)


@router.post("/login")
def log_in(request: Request, token: Annotated[str, Form()] = "", to: Annotated[str, Form()] = PATH) -> Response:
    """Takes a token of an admin. Failed attempts are counted as the API counts them."""
    state, token = request.app.state, token.strip()
    try:
        number = _number_of_admin(request, token)
    except ApiError as error:
        if error.code not in REFUSED:
            raise
        return _login(request, to, REFUSED[error.code], error.status, headers=error.headers)
    response = RedirectResponse(to if to in AFTER_LOGIN else PATH, 303)
    sessions: Sessions = state.monitor_sessions
    sessions.begin(response, request, number)
    return response


def _number_of_admin(request: Request, token: str) -> int:
    """The number of a token of an admin; raises ApiError for another one, a JWT, and one of ETL_WEBHOOK_TOKENS.

    It goes the way of every request of the API, where attempts are counted and noted.
    """
    found = bearer_of(request, f"Bearer {token}")
    if not found.scope.admin or not found.number:
        access: Access = request.app.state.access
        access.quotas.failure(request.client.host if request.client else "unknown")
        raise ApiError("admin_only")
    return found.number


@router.post("/logout")
def log_out(request: Request, session: LoggedIn, form: Annotated[str, Form()] = "") -> Response:
    response = RedirectResponse(f"{PATH}/login", 303)
    if sent_by_our_form(request, session, form):
        request.app.state.monitor_sessions.end(response)
    return response


@router.get("/static/{name}")
async def static(name: str) -> Response:
    """A file of the page; its address holds a version, so it may be kept."""
    if name not in FILES:
        raise ApiError("not_found")
    return Response(
        file(name), media_type=FILES[name], headers={"Cache-Control": "public, max-age=31536000, immutable"}
    )
