"""Who asks, and which rows are theirs: the documented flow, in the one place that every route passes.

Decode token → username found? → set privilege → admin? → else filter by directorate and unit.
"""

import hmac
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from anyio import to_thread
from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from lms_etl import databases
from lms_etl.api import tokens, users
from lms_etl.api.calls import note_attempt
from lms_etl.api.claims import BadJwt, Category, Verifier, scope_of
from lms_etl.api.errors import ApiError
from lms_etl.api.quotas import Quotas
from lms_etl.api.reading.rows import glance_of
from lms_etl.api.request_log import logger
from lms_etl.api.scope import Scope
from lms_etl.api.shared import SharedReading
from lms_etl.warehouse.registry import utc_now
from lms_etl.warehouse.tables import courses
from lms_etl.warehouse.warehouse import SETTING, Warehouse

CATEGORIES_SECONDS = 30
"""How long the names of directorates and units are remembered for JWTs."""
LONGEST_TOKEN = 8192
REFUSED = (tokens.BadToken, BadJwt, users.NoPrivilege)


@dataclass(frozen=True)
class Bearer:
    """Whoever calls: what they may read, `api_tokens.id` (0 without a row there), and the hash that stands for them."""

    scope: Scope
    number: int
    token_hash: str


class Access:
    """Turns the Authorization header of a request into a scope."""

    def __init__(self, warehouse: Warehouse, quotas: Quotas) -> None:
        self.warehouse = warehouse
        self.quotas = quotas
        self.verifier = Verifier(warehouse.settings)
        self.last_used: dict[int, datetime] = {}
        self._shared = SharedReading(self._known)
        self.guard = threading.Lock()
        self.known: tuple[float, list[Category]] = (float("-inf"), [])

    def bearer(self, header: str | None, address: str, note: Callable[[str], None]) -> Bearer:
        """Whoever sends this header. Raises ApiError 401, 403 or 429; `note` is told why a token is refused."""
        try:
            found = self._known(header)
        except REFUSED as error:
            raise self._refused(error, address, note) from None
        self.quotas.request(found.scope.username)
        return found

    async def shared_bearer(self, header: str | None, address: str, note: Callable[[str], None]) -> Bearer:
        """The same, with one reading for all who send this header at once."""
        try:
            found = await self._shared.ask(header)
        except REFUSED as error:
            raise await to_thread.run_sync(self._refused, error, address, note) from None
        if self.quotas.shared:
            await to_thread.run_sync(self.quotas.request, found.scope.username)
        else:
            self.quotas.request(found.scope.username)
        return found

    def _refused(self, error: Exception, address: str, note: Callable[[str], None]) -> ApiError:
        """Notes a refusal and counts it. Raises ApiError 429 for an address that tries too often."""
        known = isinstance(error, users.NoPrivilege)
        event, reason = ("no_privilege", "no privilege") if known else ("unauthorized", str(error))
        logger.warning("refused", extra={"event": event, "client": address, "reason": reason})
        self.quotas.failure(address)
        note(reason)
        return ApiError("no_privilege") if known else ApiError("unauthorized", headers={"WWW-Authenticate": "Bearer"})

    def _known(self, header: str | None) -> Bearer:
        """Whom the header names. Raises what is in REFUSED."""
        kind, _, token = (header or "").partition(" ")
        token = token.strip()
        if kind.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
            raise tokens.BadToken("there is no bearer token")
        with databases.plain_errors(SETTING, self.warehouse.url), glance_of(self.warehouse) as connection:
            found = self._of_setting(connection, token)
            if found is None:
                known = self._of_token if token.startswith("lms_") else self._of_jwt
                found = known(connection, token)
        return found

    def _of_setting(self, connection: sa.Connection, token: str) -> Bearer | None:
        """The bearer of a token of ETL_WEBHOOK_TOKENS. Every hash is compared, and in constant time."""
        given = tokens.hash_of(token)
        matching = [name for name, known in self.warehouse.settings.webhook_tokens if hmac.compare_digest(known, given)]
        return Bearer(users.privilege_of(connection, matching[0]), 0, given) if matching else None

    def _of_token(self, connection: sa.Connection, token: str) -> Bearer:
        number, username = tokens.find(connection, token)
        scope = users.privilege_of(connection, username)
        with self.guard:
            self.last_used[number] = utc_now()
        return Bearer(scope, number, tokens.hash_of(token))

    def _of_jwt(self, connection: sa.Connection, token: str) -> Bearer:
        claims = self.verifier.claims(token)
        own = users.privilege_of(connection, self.verifier.username(claims))
        scope = scope_of(own, claims, self.warehouse.settings, self._categories(connection))
        # Each login has another JWT: what is noted belongs to the user.
        return Bearer(scope, 0, tokens.hash_of(f"jwt of {scope.username}"))

    def _categories(self, connection: sa.Connection) -> list[Category]:
        read, known = self.known
        if time.monotonic() - read > CATEGORIES_SECONDS:
            names = (courses.c.directorate_id, courses.c.directorate, courses.c.unit_id, courses.c.unit)
            known = [Category(*row) for row in connection.execute(sa.select(*names).distinct())]
            self.known = (time.monotonic(), known)
        return known

    def note_last_used(self) -> None:
        """Writes when tokens were last used: now and then, since a read that waits for a write would wait for loads."""
        with self.guard:
            moments, self.last_used = self.last_used, {}
        if moments:
            with self.warehouse.writing() as connection:
                tokens.used(connection, moments)


class CallerScheme(HTTPBearer):
    """The dependency of every route but the open ones: the scope of the request. It shows in OpenAPI by itself."""

    async def __call__(self, request: Request) -> Scope:  # type: ignore[override]
        access: Access = request.app.state.access
        header = request.headers.get("authorization")
        found = await access.shared_bearer(header, _address(request), lambda reason: note_attempt(request, reason))
        return _known_by(request, found).scope


caller = CallerScheme(scheme_name="HTTPBearer", description="A token of `lms-etl token create`, or a JWT.")


def bearer_of(request: Request, authorization: str | None) -> Bearer:
    """Whoever sends a request with this Authorization. Raises ApiError."""
    access: Access = request.app.state.access
    return _known_by(
        request, access.bearer(authorization, _address(request), lambda reason: note_attempt(request, reason))
    )


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _known_by(request: Request, found: Bearer) -> Bearer:
    request.state.bearer, request.state.username = found, found.scope.username
    return found


async def administrator(scope: Annotated[Scope, Depends(caller)]) -> Scope:
    """The scope of a request that only an admin may make."""
    if not scope.admin:
        raise ApiError("admin_only")
    return scope


Caller = Annotated[Scope, Depends(caller)]
Administrator = Annotated[Scope, Depends(administrator)]
