"""Who asks, and which rows are theirs: the documented flow, in the one place that every route passes.

Decode token → username found? → set privilege → admin? → else filter by directorate and unit.
"""

import threading
import time
from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from lms_etl.api import tokens, users
from lms_etl.api.claims import BadJwt, Category, Verifier, scope_of
from lms_etl.api.errors import ApiError
from lms_etl.api.quotas import Quotas
from lms_etl.api.request_log import logger
from lms_etl.api.scope import Scope
from lms_etl.warehouse.registry import utc_now
from lms_etl.warehouse.tables import courses
from lms_etl.warehouse.warehouse import Warehouse

CATEGORIES_SECONDS = 30
"""How long the names of directorates and units are remembered for JWTs."""
LONGEST_TOKEN = 8192

bearer = HTTPBearer(auto_error=False, description="A token of `lms-etl token create`, or a JWT.")


class Access:
    """Turns the Authorization header of a request into a scope."""

    def __init__(self, warehouse: Warehouse, quotas: Quotas) -> None:
        self.warehouse = warehouse
        self.quotas = quotas
        self.verifier = Verifier(warehouse.settings)
        self.last_used: dict[int, datetime] = {}
        self.guard = threading.Lock()
        self.known: tuple[float, list[Category]] = (float("-inf"), [])

    def scope(self, header: str | None, address: str) -> Scope:
        """The scope of whoever sends this header. Raises ApiError 401, 403 or 429."""
        kind, _, token = (header or "").partition(" ")
        token = token.strip()
        try:
            if kind.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
                raise tokens.BadToken("there is no bearer token")  # noqa: TRY301
            with self.warehouse.reading() as connection:
                scope = (
                    self._of_token(connection, token) if token.startswith("lms_") else self._of_jwt(connection, token)
                )
        except (tokens.BadToken, BadJwt) as error:
            logger.warning("refused", extra={"event": "unauthorized", "client": address, "reason": str(error)})
            self.quotas.failure(address)
            raise ApiError("unauthorized", headers={"WWW-Authenticate": "Bearer"}) from None
        except users.NoPrivilege:
            logger.warning("refused", extra={"event": "no_privilege", "client": address})
            self.quotas.failure(address)
            raise ApiError("no_privilege") from None
        self.quotas.request(scope.username)
        return scope

    def _of_token(self, connection: sa.Connection, token: str) -> Scope:
        number, username = tokens.find(connection, token)
        scope = users.privilege_of(connection, username)
        with self.guard:
            self.last_used[number] = utc_now()
        return scope

    def _of_jwt(self, connection: sa.Connection, token: str) -> Scope:
        claims = self.verifier.claims(token)
        own = users.privilege_of(connection, self.verifier.username(claims))
        return scope_of(own, claims, self.warehouse.settings, self._categories(connection))

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


def caller(request: Request, _shown_in_openapi: Annotated[object, Depends(bearer)]) -> Scope:
    """The scope of the request; every route but the open ones depends on it."""
    access: Access = request.app.state.access
    address = request.client.host if request.client else "unknown"
    scope = access.scope(request.headers.get("authorization"), address)
    request.state.username = scope.username
    return scope


def administrator(scope: Annotated[Scope, Depends(caller)]) -> Scope:
    """The scope of a request that only an admin may make."""
    if not scope.admin:
        raise ApiError("admin_only")
    return scope


Caller = Annotated[Scope, Depends(caller)]
Administrator = Annotated[Scope, Depends(administrator)]
