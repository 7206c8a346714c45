"""Users of the API and their privileges, as the tables `api_users` and `api_filters` hold them. The caller commits."""

import re
from collections.abc import Iterable
from typing import Any, Literal

import sqlalchemy as sa

from lms_etl.api.scope import Scope
from lms_etl.warehouse.registry import utc_now
from lms_etl.warehouse.tables import api_filters as filters
from lms_etl.warehouse.tables import api_tokens as tokens
from lms_etl.warehouse.tables import api_users as users

Role = Literal["admin", "reader"]

# Made once: every request executes it.
_PRIVILEGE = (
    sa.select(users.c.username, users.c.role, users.c.disabled_at, filters.c.kind, filters.c.category_id)
    .join_from(users, filters, filters.c.username == users.c.username, isouter=True)
    .where(users.c.username == sa.bindparam("name"))
)


class UserProblem(Exception):
    """A user cannot be made, changed or found as asked; one line for the command line."""


class NoPrivilege(Exception):
    """The username is unknown, or its user is disabled."""


def set_privilege(
    connection: sa.Connection,
    username: str,
    role: Role,
    directorates: Iterable[int] = (),
    units: Iterable[int] = (),
    companies: Iterable[int] = (),
) -> None:
    """Makes the user, or gives an existing one this privilege instead of the old. Raises UserProblem."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}", username):
        raise UserProblem(f"'{username}' is not a username: up to 100 letters, digits and . _ @ + -")
    kinds = {"directorate": directorates, "unit": units, "company": companies}
    own = {(kind, number) for kind, numbers in kinds.items() for number in numbers}
    if role == "admin" and own:
        raise UserProblem(
            "An admin reads every row: leave the directorates, units and companies out, or make a reader."
        )
    if connection.execute(sa.select(users.c.username).where(users.c.username == username)).first():
        change = sa.update(users).where(users.c.username == username)
        connection.execute(change.values(role=role, disabled_at=None))
        connection.execute(sa.delete(filters).where(filters.c.username == username))
    else:
        connection.execute(sa.insert(users).values(username=username, role=role, created_at=utc_now()))
    if own:
        rows = [{"username": username, "kind": kind, "category_id": number} for kind, number in sorted(own)]
        connection.execute(sa.insert(filters), rows)


def disable(connection: sa.Connection, username: str) -> int:
    """Takes every privilege from a user and revokes its tokens; returns how many. Raises UserProblem."""
    change = sa.update(users).where(users.c.username == username)
    if not connection.execute(change.values(disabled_at=utc_now())).rowcount:
        raise UserProblem(f"There is no user '{username}'; `lms-etl user list` lists them.")
    live = sa.update(tokens).where(tokens.c.username == username, tokens.c.revoked_at.is_(None))
    return int(connection.execute(live.values(revoked_at=utc_now())).rowcount)


def privilege_of(connection: sa.Connection, username: str) -> Scope:
    """The privilege of a username. Raises NoPrivilege for one that is unknown or disabled."""
    # MySQL finds Ana and "ana " for ana; a privilege belongs to the exact name.
    rows = [row for row in connection.execute(_PRIVILEGE, {"name": username}) if row.username == username]
    if not rows or rows[0].disabled_at is not None:
        raise NoPrivilege(username)
    own: dict[str, set[int]] = {"directorate": set(), "unit": set(), "company": set()}
    for row in rows:
        if row.kind in own:
            own[row.kind].add(row.category_id)
    admin = rows[0].role == "admin"
    return Scope(username, admin, *(frozenset(own[kind]) for kind in ("directorate", "unit", "company")))


def listed(connection: sa.Connection) -> list[dict[str, Any]]:
    """Every user with role, filter and the number of live tokens, by name."""
    live = sa.func.count(sa.case((tokens.c.revoked_at.is_(None), tokens.c.id)))
    query = (
        sa.select(users.c.username, users.c.role, users.c.disabled_at, live.label("tokens"))
        .join_from(users, tokens, tokens.c.username == users.c.username, isouter=True)
        .group_by(users.c.username, users.c.role, users.c.disabled_at)
        .order_by(users.c.username)
    )
    found = [dict(row) for row in connection.execute(query).mappings()]
    own = connection.execute(sa.select(filters).order_by(filters.c.kind, filters.c.category_id)).all()
    for user in found:
        mine = [f"{row.kind} {row.category_id}" for row in own if row.username == user["username"]]
        user["filter"] = ", ".join(mine)
    return found
