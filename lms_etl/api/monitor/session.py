"""Who is logged in: a signed cookie that names a token, looked up again at every request.

The cookie holds the token's number, not the token. A token that is revoked or expired, and a user who is disabled or no
admin any more, is logged out at once.
"""

import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from fastapi import Request
from fastapi.responses import Response
from itsdangerous import BadData, URLSafeTimedSerializer

from lms_etl.api import tokens, users
from lms_etl.settings import Settings
from lms_etl.warehouse.warehouse import Warehouse

COOKIE = "lms_etl_monitor"
PATH = "/monitor"


@dataclass(frozen=True)
class Session:
    """A logged-in admin; `form` goes into every form and comes back with it, so that no other site can send one."""

    username: str
    form: str


class Sessions:
    """Makes cookies and reads them; the secret is read at the first use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.seconds = int(settings.monitor_session_hours * 3600)
        self.made: URLSafeTimedSerializer | None = None

    @property
    def signer(self) -> URLSafeTimedSerializer:
        if self.made is None:
            secret = self.settings.monitor_secret or kept_secret(self.settings.home / "monitor.secret")
            self.made = URLSafeTimedSerializer(secret, salt="lms_etl.api.monitor")
        return self.made

    def begin(self, response: Response, request: Request, token: int) -> None:
        """Logs in: sets the cookie, which no script can read and no other site can send."""
        sealed = self.signer.dumps({"token": token, "form": secrets.token_urlsafe(24)})
        secure = request.url.scheme == "https"
        response.set_cookie(
            COOKIE, sealed, max_age=self.seconds, path=PATH, httponly=True, samesite="strict", secure=secure
        )

    def end(self, response: Response) -> None:
        response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="strict")

    def of(self, request: Request, warehouse: Warehouse) -> Session | None:
        """The session of a request; None without one that still counts."""
        try:
            sealed = self.signer.loads(request.cookies.get(COOKIE, ""), max_age=self.seconds)
        except BadData:
            return None
        with warehouse.reading() as connection:
            username = admin_of(connection, sealed["token"])
        return Session(username, sealed["form"]) if username else None


def admin_of(connection: sa.Connection, token: int) -> str | None:
    """The admin on whose behalf a token acts; None if it does not, or not any more."""
    try:
        scope = users.privilege_of(connection, tokens.username_of(connection, token))
    except (tokens.BadToken, users.NoPrivilege):
        return None
    return scope.username if scope.admin else None


def sent_by_our_form(request: Request, session: Session, form: str) -> bool:
    """Whether a form was filled in on our page, by this session."""
    same_site = request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
    return same_site and hmac.compare_digest(session.form.encode(), form.encode())


def kept_secret(file: Path) -> str:
    """The secret in the file, readable by its owner alone; made at the first use, and the same for all processes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48), encoding="ascii")
        with suppress(FileExistsError):  # of several processes that come at once one wins, and its whole secret
            file.hardlink_to(draft)
        draft.unlink()
    return file.read_text(encoding="ascii")
