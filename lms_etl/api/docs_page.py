"""The page about the API for people. It holds no data, so it needs no token; its script comes from a public server."""

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data: https://fastapi.tiangolo.com; "
    "script-src 'unsafe-inline' https://cdn.jsdelivr.net; style-src 'unsafe-inline' https://cdn.jsdelivr.net; "
    "frame-ancestors 'none'"
)


@router.get("/docs")
async def page(request: Request) -> HTMLResponse:
    """Swagger's page; where its script cannot be fetched, /openapi.json says the same."""
    html = get_swagger_ui_html(openapi_url=str(request.app.openapi_url), title=request.app.title)
    html.headers["Content-Security-Policy"] = POLICY
    return html
