"""Merges rows of a company into the reporting table set by set, so that no statement is about one row.

Rows of a portion are loaded into a temporary table of the connection; four statements then revive, change, add and
bury. Only rows that differ are touched: an unchanged one keeps its `last_updated`.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from lms_etl.progress.report import COLUMNS
from lms_etl.warehouse import bulk
from lms_etl.warehouse.tables import Text, course_progress

KEY = ("userid", "courseid")
_COMPARED = tuple(name for name in COLUMNS if name not in KEY)
_TEXTS = ("firstname", "lastname", "email", "coursename", "status")

staged = sa.Table(
    "staged_progress",
    sa.MetaData(),
    sa.Column("userid", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("courseid", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("live", sa.SmallInteger, nullable=False),
    *(sa.Column(name, Text, nullable=False) for name in ("firstname", "lastname", "email", "coursename")),
    *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("timecompleted", "timestarted")),
    sa.Column("percentage", sa.Numeric(5, 2), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    prefixes=["TEMPORARY"],
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
)
"""What the source says of the pairs of a portion; `live` 0 is a pair that shall be no row."""


@dataclass
class Counters:
    """Rows of one sync: what the source gave, and what really changed in the reporting table."""

    read: int = 0
    created: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def changed(self) -> int:
        return self.created + self.updated + self.deleted


@dataclass(frozen=True)
class Stamp:
    """What every row that a load changes gets."""

    last_updated: int
    change_number: int
    updated_at: datetime

    def values(self) -> dict[str, Any]:
        return {
            "last_updated": self.last_updated,
            "change_number": self.change_number,
            "updated_at": self.updated_at,
        }


@contextmanager
def staging(connection: sa.Connection) -> Iterator[None]:
    """Makes the temporary table for the block. Begins and ends outside a transaction."""
    _drop(connection)
    staged.create(connection)
    connection.commit()
    try:
        yield
    finally:
        with suppress(sa.exc.DBAPIError):
            if not connection.invalidated:
                connection.rollback()
                _drop(connection)
                connection.commit()


def _drop(connection: sa.Connection) -> None:
    temporary = "temporary " if connection.dialect.name == "mysql" else ""
    connection.execute(sa.text(f"drop {temporary}table if exists {staged.name}"))


class Merge:
    """Changes the rows of one company in the caller's transaction, and counts."""

    def __init__(self, connection: sa.Connection, companyid: int, stamp: Stamp) -> None:
        self.connection, self.companyid, self.stamp = connection, companyid, stamp
        self.counters = Counters()
        table = course_progress.c
        self.of_company = table.companyid == companyid
        self.live = table.is_deleted == 0
        self.same = sa.and_(self.of_company, *(table[name] == staged.c[name] for name in KEY))
        stored = sa.select(sa.literal(1)).where(self.of_company).limit(1)
        self.is_first = connection.execute(stored).first() is None
        """Nothing is stored yet, so that nothing has to be compared."""

    def add_first(self, rows: dict[str, list[Any]]) -> None:
        """Adds rows of a company that had none."""
        stamps = {**self.stamp.values(), "created_at": self.stamp.updated_at, "companyid": self.companyid}
        number = len(rows["userid"])
        self.counters.read += number
        self.counters.created += bulk.insert_columns(
            self.connection, course_progress, {**rows, **stamps, "is_deleted": 0}, number
        )

    def take_range(self, first: int, last: int, rows: dict[str, list[Any]]) -> None:
        """Makes the live rows of the users first to last equal to `rows`."""
        if self.is_first:
            self.add_first(rows)
            return
        of_range = course_progress.c.userid.between(first, last)
        self._stage(rows)
        is_staged = sa.exists().where(*(course_progress.c[name] == staged.c[name] for name in KEY))
        self.counters.deleted += self.bury(of_range, ~is_staged)
        self._merge(of_range)

    def take_pairs(self, rows: dict[str, list[Any]], gone: list[tuple[int, int]]) -> None:
        """Makes the rows of these pairs equal to `rows`, and those of the pairs `gone` tombstones."""
        self._stage(rows, gone)
        self.counters.deleted += self.bury(self.same, staged.c.live == 0)
        self._merge()

    def bury(self, *which: sa.ColumnElement[bool]) -> int:
        """Turns live rows of the company into tombstones; returns how many."""
        statement = sa.update(course_progress).where(self.of_company, self.live, *which)
        return self.connection.execute(statement.values(is_deleted=1, **self.stamp.values())).rowcount

    def _stage(self, rows: dict[str, list[Any]], gone: list[tuple[int, int]] | None = None) -> None:
        empty = "truncate table" if self.connection.dialect.name == "postgresql" else "delete from"
        self.connection.execute(sa.text(f"{empty} {staged.name}"))
        number = len(rows["userid"])
        self.counters.read += number
        bulk.insert_columns(self.connection, staged, {**rows, "live": 1}, number)
        if gone:
            blank: dict[str, Any] = dict.fromkeys(_TEXTS, "") | dict.fromkeys(set(_COMPARED) - set(_TEXTS), 0)
            users, courses = map(list, zip(*gone, strict=True))
            keys = {"userid": users, "courseid": courses}
            bulk.insert_columns(self.connection, staged, {**keys, **blank, "live": 0}, len(gone))

    def _merge(self, *of_portion: sa.ColumnElement[bool]) -> None:
        table = course_progress.c
        change = sa.update(course_progress).where(self.same, staged.c.live == 1, *of_portion)
        change = change.values({name: staged.c[name] for name in _COMPARED} | self.stamp.values())
        differs = sa.or_(*(self._exact(table[name]) != self._exact(staged.c[name]) for name in _COMPARED))
        self.counters.updated += self.connection.execute(change.where(self.live, differs)).rowcount
        revived = change.where(table.is_deleted == 1).values(is_deleted=0)
        self.counters.created += self.connection.execute(revived).rowcount
        self.counters.created += self.connection.execute(self._addition()).rowcount

    def _addition(self) -> sa.Insert:
        """Adds the staged rows that are not stored."""
        stamps = {**self.stamp.values(), "created_at": self.stamp.updated_at}
        same = {"companyid": self.companyid, "is_deleted": 0, **stamps}
        literals = [sa.literal(value, course_progress.c[name].type) for name, value in same.items()]
        new = (
            sa.select(*(staged.c[name] for name in COLUMNS), *literals)
            .select_from(staged.outerjoin(course_progress, self.same))
            .where(course_progress.c.id.is_(None), staged.c.live == 1)
        )
        return sa.insert(course_progress).from_select([*COLUMNS, *same], new, include_defaults=False)

    def _exact(self, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        """The value to compare by: MySQL's texts are equal to others in capitals, with accents or blanks at the end."""
        if column.name in _TEXTS and self.connection.dialect.name == "mysql":
            return sa.cast(column, sa.LargeBinary)
        return column
