"""Moodle's own tables as SQLAlchemy tables, for SQLite, MySQL, MariaDB and PostgreSQL.

`moodle_columns.csv` and `moodle_indexes.csv` were read from the information_schema of a real Moodle 4.5.6 site
(MariaDB); table and index names are kept there without the prefix.
"""

import csv
import re
from collections.abc import Iterator
from importlib.resources import files
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

_SERVERS = ("mysql", "mariadb")
_IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TYPES: dict[str, TypeEngine[Any]] = {
    "bigint": sa.BigInteger(),
    "mediumint": sa.Integer().with_variant(mysql.MEDIUMINT(), *_SERVERS),
    "smallint": sa.SmallInteger(),
    "tinyint": sa.SmallInteger().with_variant(mysql.TINYINT(), *_SERVERS),
    "longtext": sa.Text().with_variant(mysql.LONGTEXT(), *_SERVERS),
}
_OPTIONS: dict[str, Any] = {
    f"{server}_{option}": value
    for server in _SERVERS
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_unicode_ci"))
}


def moodle_tables(prefix: str) -> sa.MetaData:
    """The tables of Moodle 4.5 that a demo site has, each name led by `prefix` (mdl_ on most sites)."""
    metadata = sa.MetaData()
    for name, rows in groupby(csv_rows("moodle_columns.csv"), itemgetter("table")):
        sa.Table(prefix + str(name), metadata, *map(_column, rows), **_OPTIONS)
    for row in csv_rows("moodle_indexes.csv"):
        columns = metadata.tables[prefix + row["table"]].c
        sa.Index(
            prefix + row["index"], *(columns[name] for name in row["columns"].split()), unique=row["unique"] == "yes"
        )
    return metadata


def csv_rows(name: str) -> Iterator[dict[str, str]]:
    """The rows of one CSV file of this package, every value as text."""
    return csv.DictReader(files("lms_etl.demo").joinpath(name).read_text(encoding="utf-8").splitlines())


def _column(row: dict[str, str]) -> sa.Column[Any]:
    """`default` is an SQL literal; empty means no default."""
    if row["column"] == "id":
        return sa.Column("id", _IDENTITY, primary_key=True, autoincrement=True)
    default = sa.text(row["default"]) if row["default"] else None
    return sa.Column(row["column"], _type(row["type"]), nullable=row["nullable"] == "yes", server_default=default)


def _type(text: str) -> TypeEngine[Any]:
    """The SQLAlchemy type of a MariaDB type such as `varchar(255)`; the display width of integers says nothing."""
    name, *sizes = re.findall(r"\w+", text)
    if name == "varchar":
        return sa.String(int(sizes[0]))
    if name == "decimal":
        return sa.Numeric(int(sizes[0]), int(sizes[1]))
    return _TYPES[name]
