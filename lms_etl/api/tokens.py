"""Tokens of the API: made, found, listed and revoked. The caller commits.

A token is 256 random bits, shown once. The warehouse keeps its SHA-256: a slow hash guards passwords that people can
guess, and nobody can guess 256 random bits, so a fast one is enough and every request can afford it.
"""

import hashlib
import hmac
import re
import secrets
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from lms_etl.api.users import UserProblem
from lms_etl.warehouse.registry import utc_now
from lms_etl.warehouse.tables import api_tokens as tokens
from lms_etl.warehouse.tables import api_users as users

SHAPE = re.compile(r"lms_[0-9a-f]{8}_[A-Za-z0-9_-]{43}")
PREFIX = 12
"""Characters of a token that identify it in lists and in the index; the 43 after them are the secret."""
_NOBODYS = "0" * 64
_FOUND = sa.select(tokens).where(tokens.c.prefix == sa.bindparam("prefix"))
"""Made once: every request executes it."""


class BadToken(Exception):
    """The token is not one of ours, expired or revoked; the message is for the log, not for the client."""


def create(connection: sa.Connection, username: str, expires_at: datetime | None, note: str | None = None) -> str:
    """Makes a token for a user and returns it; it can never be read again. Raises UserProblem."""
    row = connection.execute(sa.select(users.c.disabled_at).where(users.c.username == username)).first()
    if row is None or row.disabled_at is not None:
        raise UserProblem(f"There is no user '{username}'; make one with `lms-etl user set`.")
    token = f"lms_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"
    values = {"username": username, "note": note, "prefix": token[:PREFIX], "token_hash": hash_of(token)}
    connection.execute(sa.insert(tokens).values(created_at=utc_now(), expires_at=expires_at, **values))
    return token


def hash_of(token: str) -> str:
    """What the warehouse keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def find(connection: sa.Connection, token: str) -> tuple[int, str]:
    """Number and username of a token. Raises BadToken for one that is unknown, expired or revoked.

    Rows are found by the prefix, which is no secret; the hashes are compared in constant time.
    """
    if not SHAPE.fullmatch(token):
        raise BadToken("it has not the shape of a token")
    given = hash_of(token)
    found = connection.execute(_FOUND, {"prefix": token[:PREFIX]}).all()
    matching = [row for row in found if hmac.compare_digest(row.token_hash, given)]
    if not matching:
        hmac.compare_digest(_NOBODYS, given)
        raise BadToken("unknown")
    [row] = matching
    _require_live(row)
    return row.id, row.username


def username_of(connection: sa.Connection, number: int) -> str:
    """On whose behalf the token of that number acts. Raises BadToken for one that is unknown, expired or revoked."""
    row = connection.execute(sa.select(tokens).where(tokens.c.id == number)).first()
    if row is None:
        raise BadToken("unknown")
    _require_live(row)
    return str(row.username)


def _require_live(row: sa.Row[Any]) -> None:
    if row.revoked_at is not None:
        raise BadToken("revoked")
    if row.expires_at is not None and row.expires_at <= utc_now():
        raise BadToken("expired")


def used(connection: sa.Connection, moments: dict[int, datetime]) -> None:
    """Notes when tokens, by their number, were last accepted."""
    change = sa.update(tokens).where(tokens.c.id == sa.bindparam("token"))
    connection.execute(
        change.values(last_used_at=sa.bindparam("moment")),
        [{"token": number, "moment": moment} for number, moment in sorted(moments.items())],
    )


def listed(connection: sa.Connection) -> list[dict[str, Any]]:
    """Every token without its hash, newest first."""
    shown = [column for column in tokens.c if column.name != "token_hash"]
    return [dict(row) for row in connection.execute(sa.select(*shown).order_by(tokens.c.id.desc())).mappings()]


def revoke(connection: sa.Connection, which: str) -> str:
    """Revokes the live token of that number or prefix; returns its prefix. Raises UserProblem."""
    named = tokens.c.id == int(which) if which.isdecimal() and len(which) < 8 else tokens.c.prefix == which[:PREFIX]
    live = connection.execute(sa.select(tokens.c.id, tokens.c.prefix).where(named, tokens.c.revoked_at.is_(None))).all()
    if len(live) != 1:
        raise UserProblem(f"There is no live token '{which[:PREFIX]}'; `lms-etl token list` lists them.")
    connection.execute(sa.update(tokens).where(tokens.c.id == live[0].id).values(revoked_at=utc_now()))
    return str(live[0].prefix)
