"""What the tables of every room are made of: the one MetaData, types that differ by dialect, columns that recur."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.compiler import compiles

metadata = sa.MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""Automatic ids; SQLite counts only in a column declared INTEGER."""

Text = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
Moment = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
"""UTC, to the microsecond where the database can."""


class Now(sa.sql.expression.ColumnElement[Any]):
    """The default of a Moment column. MySQL wants the default to name the column's own number of digits."""

    inherit_cache = True


@compiles(Now)
def _now(_element: Now, _compiler: Any, **_: Any) -> str:
    return "current_timestamp"


@compiles(Now, "mysql", "mariadb")
def _now_mysql(_element: Now, _compiler: Any, **_: Any) -> str:
    return "current_timestamp(6)"


def number() -> sa.Column[Any]:
    """The automatic id of a row."""
    return sa.Column("id", Id, primary_key=True, autoincrement=True, comment="Number of the row")


def count(name: str, comment: str) -> sa.Column[Any]:
    """A number of things, 0 unless given."""
    return sa.Column(name, sa.Integer, nullable=False, server_default="0", comment=comment)


def stamps() -> tuple[sa.Column[Any], sa.Column[Any]]:
    """When a row was first loaded and last changed."""
    return (
        sa.Column("created_at", Moment, nullable=False, server_default=Now(), comment="First loaded, UTC"),
        sa.Column("updated_at", Moment, nullable=False, server_default=Now(), comment="Last changed, UTC"),
    )


def table(name: str, *columns: Any, comment: str) -> sa.Table:
    """A table of the warehouse; every one has a comment."""
    return sa.Table(name, metadata, *columns, comment=comment, mysql_engine="InnoDB", mysql_charset="utf8mb4")
