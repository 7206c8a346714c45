"""The call log: who asked the report API for what and how it went, and who tried without a valid token.

Rows are handed to a thread that writes them, so an answer does not wait for them, and a warehouse that is away for a
while costs none: they are written when it is back, at the latest when the API ends.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from fastapi import Request

from lms_etl import clock
from lms_etl.api.errors import ApiError, api_error_of
from lms_etl.api.moodle_errors import moodle_code, moodle_message
from lms_etl.api.request_log import logger
from lms_etl.databases import DatabaseProblem
from lms_etl.warehouse.registry import utc_now
from lms_etl.warehouse.tables import api_calls, auth_attempts
from lms_etl.warehouse.warehouse import Warehouse

MOST_WAITING = 100_000
"""Rows that wait for a warehouse that is away; older ones are dropped then, and the log says how many."""
PORTION = 500
PAUSE_SECONDS = 2.0
"""Between two attempts to write while the warehouse is away."""


class Journal:
    """Writes rows of the call log and of failed authentication in a thread of its own."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self._waiting: deque[tuple[sa.Table, dict[str, Any]]] = deque(maxlen=MOST_WAITING)
        self._changed = threading.Condition()
        self._writing = self._ending = False
        self._thread: threading.Thread | None = None
        self._dropped = 0

    def add(self, table: sa.Table, row: dict[str, Any]) -> None:
        """Takes a row, to be written soon."""
        with self._changed:
            self._dropped += len(self._waiting) == MOST_WAITING
            self._waiting.append((table, row))
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_on, name="call log", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self, seconds: float = 30) -> bool:
        """Waits until all rows are written; whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._writing, seconds)

    def close(self, seconds: float = 30) -> None:
        """Writes what waits, then ends the thread."""
        if not self.flush(seconds):
            logger.error("call log: %d rows could not be written", len(self._waiting))
        with self._changed:
            self._ending = True
            self._changed.notify_all()

    def _write_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ending)
                if self._ending:
                    return
                portion = [self._waiting.popleft() for _ in range(min(PORTION, len(self._waiting)))]
                self._writing = True
            written = self._written(portion)
            with self._changed:
                if not written:
                    self._waiting.extendleft(reversed(portion))
                self._writing = False
                self._changed.notify_all()
                if not written:
                    self._changed.wait_for(lambda: self._ending, PAUSE_SECONDS)

    def _written(self, portion: list[tuple[sa.Table, dict[str, Any]]]) -> bool:
        try:
            with self.warehouse.writing() as connection:
                for table in dict.fromkeys(table for table, _ in portion):
                    connection.execute(sa.insert(table), [row for each, row in portion if each is table])
        except (DatabaseProblem, sa.exc.SQLAlchemyError) as error:
            logger.warning("call log: %d rows wait for the warehouse (%s)", len(portion), type(error).__name__)
            return False
        if self._dropped:
            logger.error("call log: %d rows were dropped while the warehouse was away", self._dropped)
            self._dropped = 0
        return True


def origin(request: Request) -> dict[str, str]:
    """Where a request comes from, as the log keeps it."""
    agent = request.headers.get("user-agent", "")
    return {
        "ip_address": (request.client.host if request.client else "unknown")[:45],
        "user_agent": "".join(each if each.isprintable() else "?" for each in agent)[:255],
    }


def note_attempt(request: Request, reason: str) -> None:
    """Notes an attempt to use the API without a valid token; nothing of the token is kept."""
    path = getattr(request.scope.get("route"), "path", request.url.path)
    row = {"attempted_at": utc_now(), "endpoint": path[:100], "reason": reason[:100], **origin(request)}
    request.app.state.journal.add(auth_attempts, row)


@dataclass
class Call:
    """One call of the report API, as far as it is known; `silent`: it is not to be logged."""

    endpoint: str
    userid: int = 0
    username: str | None = None
    companyid: int | None = None
    shortname: str | None = None
    records: int = 0
    cache_hit: bool | None = None
    silent: bool = False
    error: ApiError | None = None
    details: dict[str, Any] = field(default_factory=dict)


@contextmanager
def logged(request: Request, endpoint: str) -> Iterator[Call]:
    """A call whose row is written when the block ends, well or not."""
    call = Call(endpoint, details={"request_method": request.method})
    began = request.scope.get("state", {}).get("began", time.perf_counter())
    at = int(clock.now().timestamp())
    try:
        yield call
    except BaseException as error:
        call.error = api_error_of(error)
        raise
    finally:
        if not call.silent:
            seconds = time.perf_counter() - began
            request.app.state.journal.add(api_calls, {**_row(call, seconds), "timeaccessed": at, **origin(request)})


def _row(call: Call, seconds: float) -> dict[str, Any]:
    return {
        "userid": call.userid,
        "username": call.username,
        "companyid": call.companyid,
        "company_shortname": call.shortname,
        "endpoint": call.endpoint[:100],
        "record_count": call.records,
        "error_code": moodle_code(call.error)[:50] if call.error else None,
        "error_message": moodle_message(call.error) if call.error else None,
        "response_time_ms": round(seconds * 1000, 2),
        "cache_hit": None if call.cache_hit is None else int(call.cache_hit),
        "additional_data": json.dumps(call.details),
    }
