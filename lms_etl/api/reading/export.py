"""Results of a day and the export: rows of the report, complete, in a stable order, from one snapshot."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from lms_etl import databases, days
from lms_etl.api.reading import copy_out, rows
from lms_etl.api.reading.answer import Answer
from lms_etl.api.reading.ask import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    ExportAsk,
    Question,
    oldest_change,
    question,
    snapshot_text,
)
from lms_etl.api.reading.changes import Changes, changes, version
from lms_etl.api.reading.columns import EXPORTED
from lms_etl.api.reading.cursors import Cursor, digest_of
from lms_etl.api.reading.freshness import Freshness, freshness
from lms_etl.api.reading.problems import SnapshotChanged
from lms_etl.api.reading.times import day, moment, second
from lms_etl.api.scope import Scope
from lms_etl.warehouse import registry
from lms_etl.warehouse.warehouse import SETTING, Warehouse

__all__ = ["DEFAULT_LIMIT", "MAX_LIMIT", "Export", "ExportAsk", "open_export"]


class Export(Answer):
    """Rows of the report."""

    columns = EXPORTED

    def __init__(
        self, warehouse: Warehouse, connection: sa.Connection, scope: Scope, asked: Question, fresh: Freshness
    ) -> None:
        super().__init__(warehouse, connection, fresh)
        self._scope, self._asked = scope, asked
        filters = asked.filters
        self._digest = version(connection, filters.first, filters.last, scope)
        if asked.expected not in (None, self._digest):
            raise SnapshotChanged
        since = filters.updated_since
        self._changes: Changes | None = changes(connection, since, filters.first, filters.last) if since else None
        self._total: int | None = None
        self._query = rows.selected(scope, filters, self._changes, connection.dialect.name)

    @property
    def snapshot(self) -> str:
        """What the other pages of a pull by offset hand back, to be told when a day of it was loaded anew."""
        return snapshot_text(self._asked.filters, self._digest)

    @property
    def etag(self) -> str:
        """Weak, and the same for every format: `as_of` differs each time although the rows are the same."""
        asked = (self._asked.filters, self._asked.limit, self._asked.offset, self._asked.after)
        return f'W/"{digest_of(asked, self._scope.mark, self._digest, self.complete_through)}"'

    @property
    def total(self) -> int | None:
        """The rows of the whole pull. None where counting would cost a scan, of many days, unless it was asked for."""
        if self._page is None and self._total is None:
            self._total = self._counted([])
        return self._total

    @property
    def has_next(self) -> bool:
        """Whether rows follow this page."""
        return self._page is not None and len(self._page) > (self._asked.limit or 0)

    @property
    def rows_on_page(self) -> int | None:
        """How many rows this page has; None for a stream of all rows."""
        return None if self._page is None else min(len(self._page), self._asked.limit or 0)

    @property
    def next_cursor(self) -> str | None:
        """Where the next page begins; None on the last one."""
        if not self.has_next or self._page is None or self._asked.limit is None:
            return None
        last = self._page[self._asked.limit - 1]
        return Cursor(self._asked.filters, last.extraction_date, last.moodle_course_id, self._digest).text()

    @property
    def envelope(self) -> dict[str, Any]:
        """What the JSON answer says beside its rows, in its order; times and days as text."""
        filters = self._asked.filters
        told: dict[str, Any] = {
            "limit": self._asked.limit,
            "offset": self._asked.offset,
            "has_next": self.has_next,
            "extraction_date": day(filters.first) if self._asked.of_one_day else None,
            "timestamp": second(self.as_of),
            "from": day(filters.first),
            "to": day(filters.last),
            "total": self.total,
            "next_cursor": self.next_cursor,
            "snapshot": self.snapshot,
            "complete_through": day(self.complete_through),
            "as_of": moment(self.as_of),
            "next_updated_since": moment(self._fresh.settled),
        }
        if self._changes is not None:
            told["replaced_days"] = [day(each) for each in self._changes.replaced]
        return told | self.besides

    @cached_property
    def _page(self) -> list[Any] | None:
        """The rows of the page and one more; None for a stream of all rows. Nothing is read after it."""
        if self._asked.limit is None:
            return None
        with databases.plain_errors(SETTING, self._warehouse.url), self:
            page = list(self._connection.execute(self._rest.limit(self._asked.limit + 1)).all())
            self._total = self._counted(page)
            return page

    def _counted(self, page: list[Any]) -> int | None:
        """The rows of the whole pull, if they are to be counted; a first page that is the last one tells."""
        if not self._asked.count:
            return None
        if page and self._asked.is_first and len(page) <= (self._asked.limit or 0):
            return len(page)
        return rows.counted(self._connection, self._query)

    @property
    def _rest(self) -> sa.Select[Any]:
        """The rows from this page on."""
        query = self._query.offset(self._asked.offset) if self._asked.offset else self._query
        after = self._asked.after
        return query.where(rows.after(after, self._connection.dialect.name)) if after else query

    def _written(self, format: str, spreadsheet_safe: bool) -> Iterator[bytes]:  # noqa: A002
        if self._page is None and format == "csv" and self._connection.dialect.name == "postgresql":
            return copy_out.lines(self._connection, self._rest, self.columns, spreadsheet_safe)
        return super()._written(format, spreadsheet_safe)

    def _rows(self) -> Iterator[rows.Rows]:
        if self._page is None:
            return rows.streamed(self._connection, self._rest)
        page = self._page[: self._asked.limit]
        return (page[first : first + rows.CHUNK] for first in range(0, len(page), rows.CHUNK))


def open_export(warehouse: Warehouse, scope: Scope, ask: ExportAsk) -> Export:
    """Opens the answer. Raises BadAsk (400), SnapshotChanged (409) or DatabaseProblem."""
    settings = warehouse.settings
    connection = rows.view_of(warehouse)
    try:
        with databases.plain_errors(SETTING, warehouse.url):
            as_of = registry.utc_now()
            fresh = freshness(connection, as_of)
            known = oldest_change(as_of, settings.run_retention_days)
            asked = question(ask, days.last_complete_day(settings.zone), fresh.newest, known)
            return Export(warehouse, connection, scope, asked, fresh)
    except BaseException:
        connection.close()
        raise
