"""The page about the API for people. It holds no data, so it needs no token; its files come from a package of ours."""

from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from lms_etl.api.errors import ApiError

router = APIRouter(include_in_schema=False)

# Swagger UI sizes some of its parts by style attributes, and draws its arrows as data: images.
POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon.png": "image/png"}
PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="/docs/favicon.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
START = """\
SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout"});
"""


@router.get("/docs")
async def page(request: Request) -> HTMLResponse:
    """Swagger UI on /openapi.json, without a file from elsewhere."""
    return HTMLResponse(PAGE.format(title=request.app.title), headers={"Content-Security-Policy": POLICY})


@router.get("/docs/start.js")
async def start() -> Response:
    """Starts it: written into the page, the policy would not allow it."""
    return Response(START, media_type="text/javascript")


@router.get("/docs/{name}")
def file(name: str) -> Any:
    """A file of Swagger UI, as the package fastapi-offline brings it."""
    if name not in TYPES:
        raise ApiError("not_found")
    content = (files("fastapi_offline") / "static" / name).read_bytes()
    return Response(content, media_type=TYPES[name], headers={"Cache-Control": "public, max-age=86400"})
