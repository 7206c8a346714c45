"""One JSON line for each event of the API, with the id of the request that it belongs to.

No line holds a token, a query string or a row: routes are named by their pattern, callers by their username.
"""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

logger = logging.getLogger("lms_etl.api")

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
FIELDS = ("event", "method", "route", "status", "seconds", "bytes", "user", "client", "reason")
"""What a line may carry beside its message, given as `extra`."""


def current_request_id() -> str | None:
    """The id of the request that is being answered."""
    return request_id.get()


class JsonLines(logging.Formatter):
    """A record as one line of JSON: time in UTC, level, message, request id, fields, and the traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": current_request_id(),
        }
        line |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps({name: value for name, value in line.items() if value is not None}, default=str)


def without_query(record: logging.LogRecord) -> bool:
    """Takes the query, in which a token may stand, from a line of uvicorn's own log, for who switches that on."""
    if isinstance(record.args, tuple):
        cut = (each.partition("?")[0] if isinstance(each, str) else each for each in record.args)
        record.args = tuple(cut)
    return True


def configure(level: str, stream: TextIO | None = None) -> None:
    """Sends what the API and uvicorn log to standard error, or `stream`, as JSON lines."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    logging.getLogger("uvicorn.access").addFilter(without_query)
    for name in ("lms_etl.api", "uvicorn", "uvicorn.error"):
        named = logging.getLogger(name)
        named.handlers = [handler] if name != "uvicorn.error" else []
        named.setLevel(level.upper())
        named.propagate = name == "uvicorn.error"
