"""The commands `lms-etl token` and `lms-etl user`. Only what a command needs is imported when it runs."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from lms_etl.warehouse.warehouse import Warehouse

out = Console()
token_app = typer.Typer(help="Make, list and revoke tokens of the API.", no_args_is_help=True)
user_app = typer.Typer(help="Say who may use the API, and which rows they may read.", no_args_is_help=True)

Directorates = Annotated[list[int] | None, typer.Option("--directorate", help="Id of a top category; may be repeated.")]
Units = Annotated[list[int] | None, typer.Option("--unit", help="Id of a second category; may be repeated.")]
Companies = Annotated[list[int] | None, typer.Option("--company", help="Id of a company; may be repeated.")]
Admin = Annotated[bool, typer.Option("--admin", help="Every row and every action.")]


@contextmanager
def opened_warehouse() -> Iterator["Warehouse"]:
    from lms_etl.settings import current
    from lms_etl.warehouse import schema
    from lms_etl.warehouse.warehouse import Warehouse

    with closing(Warehouse(current())) as warehouse:
        schema.require_current(warehouse)
        yield warehouse


@token_app.command("create")
def create(
    username: Annotated[str, typer.Argument(help="The user on whose behalf it acts; see `lms-etl user set`.")],
    days: Annotated[int, typer.Option(help="Days until it expires; 0 for never.", min=0, max=3660)] = 365,
    note: Annotated[str, typer.Option(help="What it is used for.")] = "",
) -> None:
    """Make a token and show it, this once: only its hash is kept."""
    from lms_etl.api import tokens
    from lms_etl.warehouse.registry import utc_now

    expires = utc_now() + timedelta(days=days) if days else None
    with opened_warehouse() as warehouse, warehouse.writing() as connection:
        token = tokens.create(connection, username, expires, note[:200] or None)
    out.print(token, soft_wrap=True, highlight=False, markup=False)
    until = f"It expires on {expires:%Y-%m-%d}." if expires else "It does not expire."
    Console(stderr=True).print(f"Keep it now: it cannot be shown again. {until}", soft_wrap=True, highlight=False)


@token_app.command("list")
def list_tokens() -> None:
    """List the tokens, by their first characters."""
    from lms_etl.activity.status import plain_table
    from lms_etl.api import tokens

    table = plain_table("id", "prefix", "user", "created", "expires", "revoked", "last used", "note")
    with opened_warehouse() as warehouse, warehouse.reading() as connection:
        for row in tokens.listed(connection):
            moments = (row[name] for name in ("created_at", "expires_at", "revoked_at", "last_used_at"))
            days = (f"{moment:%Y-%m-%d}" if moment else "" for moment in moments)
            table.add_row(str(row["id"]), row["prefix"], row["username"], *days, row["note"] or "")
    out.print(table)


@token_app.command("revoke")
def revoke(which: Annotated[str, typer.Argument(help="Its id, or its first characters as listed.")]) -> None:
    """Revoke a token: it is refused from now on."""
    from lms_etl.api import tokens

    with opened_warehouse() as warehouse, warehouse.writing() as connection:
        prefix = tokens.revoke(connection, which)
    out.print(f"Token {prefix} is revoked.", highlight=False)


@user_app.command("set")
def set_user(
    username: str,
    admin: Admin = False,
    directorate: Directorates = None,
    unit: Units = None,
    company: Companies = None,
) -> None:
    """Make a user, or give one another privilege. Without options a reader whom only the claims of a JWT give rows."""
    from lms_etl.api import users

    with opened_warehouse() as warehouse, warehouse.writing() as connection:
        role: users.Role = "admin" if admin else "reader"
        users.set_privilege(connection, username, role, directorate or (), unit or (), company or ())
    named = {"directorate": directorate, "unit": unit, "company": company}
    what = "admin: every row and every action" if admin else f"reader of {_rows(named)}"
    out.print(f"{username} is {what}.", soft_wrap=True, highlight=False)


def _rows(named: dict[str, list[int] | None]) -> str:
    told = [f"{kind} {number}" for kind, numbers in named.items() for number in numbers or ()]
    return ", ".join(told) or "nothing but what the claims of a JWT name"


@user_app.command("list")
def list_users() -> None:
    """List the users with their privilege and the number of live tokens."""
    from lms_etl.activity.status import plain_table
    from lms_etl.api import users

    table = plain_table("user", "role", "tokens", "filter")
    with opened_warehouse() as warehouse, warehouse.reading() as connection:
        for row in users.listed(connection):
            role = "disabled" if row["disabled_at"] else row["role"]
            table.add_row(row["username"], role, str(row["tokens"]), row["filter"])
    out.print(table)


@user_app.command("disable")
def disable(username: str) -> None:
    """Take every privilege from a user and revoke its tokens."""
    from lms_etl.api import users

    with opened_warehouse() as warehouse, warehouse.writing() as connection:
        count = users.disable(connection, username)
    out.print(f"{username} is disabled; {count} tokens are revoked.", highlight=False)
