"""What happens around every request: its id, its line in the log, its metrics, safe headers, and the last error net."""

import re
import secrets
import time
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lms_etl.api.errors import ApiError, answer
from lms_etl.api.metrics import Metrics
from lms_etl.api.request_log import logger, request_id

LARGEST_BODY = 16 * 1024
"""Bytes of a request's body; the documented ones have some fifty."""

SAFE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
    "Cache-Control": "no-store",
}
"""Headers that an answer has unless its route says otherwise."""


class Observed:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        number = given if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", given) else secrets.token_hex(8)
        token = request_id.set(number)
        answered: dict[str, Any] = {"status": 500, "bytes": 0, "started": False}
        began = time.perf_counter()
        scope.setdefault("state", {})["began"] = began

        async def observed_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered.update(status=message["status"], started=True)
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                headers["X-Request-ID"] = number
                for name, value in SAFE.items():
                    headers.setdefault(name, value)
            answered["bytes"] += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, _limited(receive), observed_send)
        except Exception:
            logger.exception("unexpected", extra={"event": "error"})
            if answered["started"]:
                raise
            await answer(ApiError("internal_error"))(scope, receive, observed_send)
        finally:
            self._tell(scope, answered, time.perf_counter() - began)
            request_id.reset(token)

    def _tell(self, scope: Scope, answered: dict[str, Any], seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        self.metrics.request(scope["method"], route, answered["status"], seconds)
        client = scope["client"][0] if scope.get("client") and answered["status"] in (401, 403, 429) else None
        fields = {
            "event": "request",
            "method": scope["method"],
            "route": route,
            "status": answered["status"],
            "seconds": round(seconds, 4),
            "bytes": answered["bytes"],
            "user": scope.get("state", {}).get("username"),
            "client": client,
        }
        logger.info("request", extra=fields)


def _limited(receive: Receive) -> Receive:
    """The same body, refused as too large when it is."""
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > LARGEST_BODY:
            raise ApiError("too_large", f"at most {LARGEST_BODY} bytes")
        return message

    return limited
