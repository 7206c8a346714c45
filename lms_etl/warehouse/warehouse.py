"""The warehouse as a resource: loads a day of a table so that a reader sees the old day or the new one.

One load is one transaction under one lock: compare with what is stored, change what differs, mark the run SUCCESS,
commit. A day that is loaded again with the same rows changes nothing, not even updated_at.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property, partial
from itertools import repeat
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lms_etl import databases, statements
from lms_etl.settings import Settings
from lms_etl.warehouse import bulk, queue, receipts, registry, tables
from lms_etl.warehouse.heartbeat import Heart
from lms_etl.warehouse.locks import locked
from lms_etl.warehouse.orders import Orders

if TYPE_CHECKING:
    import pandas as pd

    from lms_etl.warehouse.umbrella import Umbrella

SETTING = "WAREHOUSE_DATABASE_URL"


class SchemaError(databases.DatabaseProblem):
    """The warehouse's tables are missing or of another version."""


@dataclass
class Load:
    """An open load of one table and day; `replace` gives it its rows. It becomes visible when the block ends well."""

    connection: sa.Connection
    table: sa.Table
    day: date | None
    batch: int
    run: int
    report_progress: Any
    counters: registry.Counters = field(default_factory=registry.Counters)
    rows: int = 0

    def replace(
        self,
        rows: "pd.DataFrame | dict[str, list[Any]]",
        rows_read: int | None = None,
        source_max_id: int | None = None,
    ) -> None:
        """Makes the stored rows of the day equal to `rows`, whose columns are `tables.loaded_columns(table)`.

        `rows` is a frame, or lists of plain values by column. Rows are compared by key: new ones are added in batches,
        changed ones updated, vanished ones deleted. `rows_read` counts what the rows were made of at the source (rows
        of the log, say), default the rows themselves.
        """
        names = tables.loaded_columns(self.table)
        columns = {name: rows[name] for name in names} if isinstance(rows, dict) else bulk.columns_of(rows[names])
        self.counters.source_max_id = source_max_id
        self._become(columns, self._stored())
        self.counters.read = self.rows if rows_read is None else rows_read

    def _become(self, columns: dict[str, list[Any]], stored: dict[int, tuple[Any, ...]]) -> None:
        key = tables.key_column(self.table)
        self.rows = len(columns[key])
        if stored:
            columns = self._change(key, columns, stored)
        self._insert(columns)

    def derive(self, name: str, parameters: dict[str, Any], parts: Sequence[dict[str, Any]]) -> None:
        """Makes the stored rows of the day equal to what sql/warehouse/<name>.sql selects, in the given parts.

        The statement gives `tables.loaded_columns(table)` for `:day`, `parameters` and those of a part; together the
        parts are all rows. Rows of a new day never leave the database, which takes a fifth of the time.
        """
        selected = _derived(name, self.table)
        asked = [{"day": self.day, **parameters, **part} for part in parts]
        stored = self._stored()
        if stored:
            found = [row for each in asked for row in self.connection.execute(selected, each)]
            values = zip(*found, strict=True) if found else repeat(())
            self._become(dict(zip(tables.loaded_columns(self.table), map(list, values), strict=False)), stored)
        else:
            self._add_derived(_insertion(name, self.table), asked)
        self.counters.read = self.rows

    def _add_derived(self, insertion: sa.TextClause, asked: list[dict[str, Any]]) -> None:
        for number, each in enumerate(asked, 1):
            added = self.connection.execute(insertion, {**each, "now": registry.utc_now()}).rowcount
            self.counters.inserted += added
            self.rows += added
            if number < len(asked):
                self.report_progress(self.run, number, len(asked))

    def total(self, column: str) -> int:
        """The sum of a column over the day as it is loaded now."""
        summed = sa.select(sa.func.sum(self.table.c[column])).where(*self._of_this_day())
        return int(self.connection.execute(summed).scalar() or 0)

    def _stored(self) -> dict[int, tuple[Any, ...]]:
        """Loaded columns of the stored rows by key."""
        query = _stored_rows(self.table, self.day is not None)
        found = self.connection.execute(query, {} if self.day is None else {"day": self.day})
        return {row[0]: tuple(row[1:]) for row in found}

    def _change(
        self, key: str, columns: dict[str, list[Any]], stored: dict[int, tuple[Any, ...]]
    ) -> dict[str, list[Any]]:
        """Deletes and updates what differs; returns the columns of the rows that are new."""
        new: list[tuple[Any, ...]] = []
        changed: list[dict[str, Any]] = []
        position = list(columns).index(key)
        for row in zip(*columns.values(), strict=True):
            before = stored.pop(row[position], None)
            if before is None:
                new.append(row)
            elif before != row:
                changed.append({"the_key": row[position], **dict(zip(columns, row, strict=True))})
        self._delete(key, list(stored))
        self._update(key, columns, changed)
        return {name: [row[number] for row in new] for number, name in enumerate(columns)}

    def _delete(self, key: str, gone: list[int]) -> None:
        if gone:
            statement = sa.delete(self.table).where(self.table.c[key] == sa.bindparam("the_key"), *self._of_this_day())
            self.connection.execute(statement, [{"the_key": each} for each in gone])
            self.counters.deleted = len(gone)

    def _update(self, key: str, columns: dict[str, list[Any]], changed: list[dict[str, Any]]) -> None:
        if changed:
            values: dict[str, Any] = {name: sa.bindparam(name) for name in columns if name != key}
            statement = (
                sa.update(self.table)
                .where(self.table.c[key] == sa.bindparam("the_key"), *self._of_this_day())
                .values(updated_at=registry.utc_now(), **values)
            )
            self.connection.execute(statement, [{name: row[name] for name in row if name != key} for row in changed])
            self.counters.updated = len(changed)

    def _of_this_day(self) -> list[sa.ColumnElement[bool]]:
        return [] if self.day is None else [self.table.c.extraction_date == self.day]

    def _insert(self, columns: dict[str, list[Any]]) -> None:
        now = registry.utc_now()
        same: dict[str, Any] = {"created_at": now, "updated_at": now}
        if self.day is not None:
            same["extraction_date"] = self.day
        total = len(next(iter(columns.values())))
        for first in range(0, total, self.batch):
            part = {name: values[first : first + self.batch] for name, values in columns.items()}
            rows = min(self.batch, total - first)
            self.counters.inserted += bulk.insert_columns(self.connection, self.table, {**part, **same}, rows)
            if first + rows < total:
                self.report_progress(self.run, self.rows - total + first + rows, self.rows)


def _is_count(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.Integer) and not column.nullable


@cache
def _stored_rows(table: sa.Table, of_a_day: bool) -> sa.Select[Any]:
    """Key and loaded columns; made once for each table, since it runs at every load."""
    query = sa.select(table.c[tables.key_column(table)], *(table.c[name] for name in tables.loaded_columns(table)))
    return query.where(table.c.extraction_date == sa.bindparam("day")) if of_a_day else query


@cache
def _derived(name: str, table: sa.Table) -> sa.TextualSelect:
    """sql/warehouse/<name>.sql with the types of the table's columns and of its parameters."""
    text = statements.statement(f"warehouse/{name}").bindparams(sa.bindparam("day", type_=sa.Date))
    return text.columns(*(table.c[column] for column in tables.loaded_columns(table)))


@cache
def _insertion(name: str, table: sa.Table) -> sa.TextClause:
    """Adds what the statement selects to the table."""
    names = ", ".join(tables.loaded_columns(table))
    text = (
        f"insert into {table.name} ({names}, extraction_date, created_at, updated_at) "
        f"select {names}, :day, :now, :now from ({statements.text(f'warehouse/{name}')}) derived"
    )
    return sa.text(text).bindparams(sa.bindparam("day", type_=sa.Date), sa.bindparam("now", type_=tables.Moment))


class Warehouse:
    """Connects to the warehouse when first used. Errors come as DatabaseProblem and name WAREHOUSE_DATABASE_URL."""

    def __init__(self, settings: Settings, umbrella: "Umbrella | None" = None) -> None:
        self.settings = settings
        self.umbrella = umbrella
        self.heart = Heart(lambda: self.engine)
        self.orders = Orders(self)

    @cached_property
    def url(self) -> sa.URL:
        return databases.parse_url(self.settings.warehouse_database_url, SETTING)

    @cached_property
    def engine(self) -> sa.Engine:
        return databases.writing_engine(self.settings.warehouse_database_url, SETTING)

    @property
    def writers(self) -> int:
        """Days that one run writes at once. SQLite has one writer; InnoDB's locks on gaps would let days collide."""
        return 2 if self.engine.dialect.name == "postgresql" else 1

    def close(self) -> None:
        """Ends its connections; they open again at the next use."""
        self.heart.stop()
        if "engine" in self.__dict__:
            self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for queries."""
        with databases.plain_errors(SETTING, self.url), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction for changes of the registry, committed when the block ends well."""
        immediate = self.engine.execution_options(begin="immediate")
        with databases.plain_errors(SETTING, self.url), immediate.begin() as connection:
            yield connection

    @contextmanager
    def loading(
        self, job: str, table: sa.Table, day: date | None, caller: registry.Caller, batch: int | None = None
    ) -> Iterator[Load]:
        """One load of a table and day: lock, registry row, transaction, commit. A failure rolls back and is recorded.

        Raises AlreadyRunningError when another process loads the same job and day, StoppedError when the run is asked
        to stop, OutOfTimeError when it has run for too long.
        """
        own = self.umbrella.row_for(job, day) if self.umbrella else None
        begin = self.engine.execution_options(begin="immediate")
        batch = batch or self.settings.batch_size
        with (
            databases.plain_errors(SETTING, self.url),
            begin.connect() as connection,
            locked(connection, registry.live_key(job, day)),
        ):
            self.orders.obey(caller.dagster_run_id)
            started = registry.utc_now()
            run = registry.start(connection, job, day, caller, batch, own)
            connection.commit()
            load = Load(connection, table, day, batch, run, partial(self._report_progress, caller.dagster_run_id))
            try:
                with self.heart.beating(run):
                    yield load
                self.orders.obey(caller.dagster_run_id)
                done = registry.succeed(connection, run, started, load.rows, load.counters)
                if day is not None:
                    counters = load.counters
                    seen = (counters.read, counters.source_max_id)
                    receipts.record(connection, job, day, run, done, *seen, self.settings.zone, caller.reason)
                connection.commit()
            except BaseException as error:
                self._record_failure(connection, run, started, error)
                raise
            if self.umbrella:
                self.umbrella.step_done()

    def _record_failure(self, connection: sa.Connection, run: int, started: Any, error: BaseException) -> None:
        """The failure must not hide behind a second one: a warehouse that is gone cannot be told."""
        with suppress(sa.exc.DBAPIError):
            connection.rollback()
            reason = str(error) if str(error) else type(error).__name__
            if isinstance(error, sa.exc.DBAPIError):
                reason = databases.explain(error, SETTING, self.url)
            close = registry.stopped if isinstance(error, queue.StoppedError) else registry.fail
            close(connection, run, started, reason)
            connection.commit()

    def _report_progress(self, dagster_run_id: str | None, run: int, offset: int, numrow: int) -> None:
        """Writes progress on a connection of its own, to be seen before the commit. SQLite's one writer is busy."""
        if self.engine.dialect.name != "sqlite":
            with self.engine.begin() as connection:
                registry.progress(connection, run, offset, numrow)
            self.orders.obey(dagster_run_id, at_once=True)

    def frame(
        self, table: sa.Table, days: list[date] | None = None, columns: list[str] | None = None
    ) -> "pd.DataFrame":
        """Stored rows of a table, of the given days or all of them, columns as in `tables`.

        int64 where the table has counts and ids that are never NULL, else Python objects with None for NULL.
        """
        import pandas as pd

        chosen = [table.c[name] for name in columns or table.c.keys()]
        query = sa.select(*chosen)
        if days is not None:
            span = table.c.extraction_date.between(min(days), max(days))
            query = query.where(
                span if len(days) == (max(days) - min(days)).days + 1 else table.c.extraction_date.in_(days)
            )
        with self.reading() as connection:
            found = [tuple(row) for row in connection.execute(query)]
        values = zip(*found, strict=True) if found else ([] for _ in chosen)
        # Given types: pandas would look at every text, and make Arrow's of them where pyarrow is there.
        return pd.DataFrame(
            {
                column.name: pd.Series(each, dtype="int64" if _is_count(column) else object)
                for column, each in zip(chosen, values, strict=True)
            }
        )

    def finished_days(self, job: str, days: list[date], root_run_id: str | None = None) -> dict[date, int]:
        """Days of `days` that are loaded, with the id of the run; with `root_run_id` only those its lineage loaded."""
        with self.reading() as connection:
            if root_run_id is None:
                return receipts.loaded_days(connection, job, days)
            return registry.loaded_by(connection, job, days, root_run_id)

    def newest_day(self, table: sa.Table) -> date | None:
        """The last day with rows in the table."""
        with self.reading() as connection:
            return connection.execute(sa.select(sa.func.max(table.c.extraction_date))).scalar()
