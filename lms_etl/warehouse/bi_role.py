"""A role of the database for BI tools: it may read the views made for them, and nothing else."""

import re
import secrets

import sqlalchemy as sa

from lms_etl import databases
from lms_etl.warehouse.warehouse import SETTING, Warehouse

VIEWS = ("bi_user_activity", "bi_days")


class RoleProblem(Exception):
    """The role cannot be made; one line for the command line."""


def make(warehouse: Warehouse, name: str) -> str | None:
    """Makes the role, or opens the views to one that exists; returns a new role's password. Raises RoleProblem.

    The name is checked and the password made here, since no database takes either as a bound value.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", name):
        raise RoleProblem(f"'{name}' is not a name for a role: a letter, then at most 30 small letters, digits and _.")
    password = secrets.token_urlsafe(24)
    with databases.plain_errors(SETTING, warehouse.url), warehouse.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            raise RoleProblem("SQLite has no roles: whoever may read the file may read everything in it.")
        make_it = _in_postgresql if connection.dialect.name == "postgresql" else _in_mysql
        new = make_it(connection, name, password)
        connection.commit()
    return password if new else None


def _in_postgresql(connection: sa.Connection, name: str, password: str) -> bool:
    known = connection.execute(sa.text("select 1 from pg_roles where rolname = :name"), {"name": name}).first()
    if not known:
        connection.exec_driver_sql(f"create role {name} login password '{password}'")
        connection.exec_driver_sql(f"alter role {name} set default_transaction_read_only = on")
    names = sa.text("select quote_ident(current_database()), quote_ident(current_schema())")
    database, schema = connection.execute(names).one()
    connection.exec_driver_sql(f"grant connect on database {database} to {name}")
    connection.exec_driver_sql(f"grant usage on schema {schema} to {name}")
    connection.exec_driver_sql(f"grant select on {', '.join(VIEWS)} to {name}")
    return not known


def _in_mysql(connection: sa.Connection, name: str, password: str) -> bool:
    # Whether a user exists, only an administrator may look up: a grant tells as well, since it makes no user.
    created = True
    try:
        connection.exec_driver_sql(f"create user '{name}'@'%%' identified by '{password}'")
    except sa.exc.OperationalError as error:
        if not re.search("operation create user failed", str(error.orig), re.IGNORECASE):
            raise
        created = False
    for view in VIEWS:
        connection.exec_driver_sql(f"grant select on {view} to '{name}'@'%%'")
    return created
