"""Templates and files of the monitor, and what every one of its answers carries."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from fastapi import Request
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lms_etl import clock
from lms_etl.api.errors import ApiError, of_database
from lms_etl.api.monitor.words import filters
from lms_etl.databases import DatabaseProblem
from lms_etl.settings import Settings

FOLDER = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""Only our own files, nothing written into the page, and no other site."""

FILES = {"monitor.css": "text/css", "monitor.js": "text/javascript", "icon.svg": "image/svg+xml"}


@cache
def file(name: str) -> bytes:
    """One of FILES."""
    return (FOLDER / "static" / name).read_bytes()


@cache
def version(name: str) -> str:
    """Changes with the file, so that browsers may keep it."""
    return hashlib.sha256(file(name)).hexdigest()[:12]


class Pages:
    """Renders templates with the site's zone and clock."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.templates = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.templates.filters |= filters(settings.zone)
        self.templates.globals |= {"version": version, "zone": settings.timezone}

    def page(self, name: str, code: int = 200, headers: dict[str, str] | None = None, **values: Any) -> HTMLResponse:
        """A template as an answer."""
        now = clock.now().replace(tzinfo=None)
        html = self.templates.get_template(name).render(now=now, **values)
        return HTMLResponse(html, code, {"Content-Security-Policy": POLICY, **(headers or {})})


class PageRoute(APIRoute):
    """A route whose troubles with the warehouse are a page too."""

    def get_route_handler(self) -> Any:
        answer = super().get_route_handler()

        async def told(request: Request) -> Any:
            try:
                return await answer(request)
            except (DatabaseProblem, sa.exc.TimeoutError) as error:
                problem = of_database(error) if isinstance(error, DatabaseProblem) else ApiError("busy")
                pages: Pages = request.app.state.monitor_pages
                return pages.page("problem.html", problem.status, problem.headers, problem=problem, session=None)

        return told
