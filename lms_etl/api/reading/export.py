"""Results of a day and the export: rows of the report, complete, in a stable order, from one snapshot."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from lms_etl import databases, days
from lms_etl.api.reading import copy_out, formats, rows
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
from lms_etl.api.reading.changes import Changes, State, changes, state
from lms_etl.api.reading.columns import EXPORTED
from lms_etl.api.reading.cursors import Cursor, digest_of
from lms_etl.api.reading.pages import KeptPages, Page
from lms_etl.api.reading.problems import SnapshotChanged
from lms_etl.api.reading.times import day, moment, second
from lms_etl.api.reading.writers import json_text
from lms_etl.api.scope import Scope
from lms_etl.api.shared import SharedReading
from lms_etl.warehouse import registry
from lms_etl.warehouse.warehouse import SETTING, Warehouse

__all__ = ["DEFAULT_LIMIT", "MAX_LIMIT", "Export", "ExportAsk", "Keeping", "KeptExports", "open_export"]


KEPT_FORMATS = ("json", "csv", "ndjson")
"""Formats whose pages are worth keeping: text without anything of the moment among the rows."""


@dataclass(frozen=True)
class Keeping:
    """Where pages are kept, and what the answer will be streamed as."""

    pages: KeptPages
    format: str
    spreadsheet_safe: bool = True


class Export(Answer):
    """Rows of the report."""

    columns = EXPORTED

    def __init__(
        self, warehouse: Warehouse, connection: sa.Connection | None, scope: Scope, asked: Question, state: State
    ) -> None:
        super().__init__(warehouse, connection, state.fresh)
        self._scope, self._asked, self._digest = scope, asked, state.version
        self.keeping: Keeping | None = None
        self._total: int | None = None
        self._changes: Changes | None = None
        if asked.filters.updated_since:
            self._changes = changes(self._connection, asked.filters)

    @cached_property
    def _query(self) -> sa.Select[Any]:
        """The rows of the whole pull."""
        return rows.selected(self._scope, self._asked.filters, self._changes, self._connection.dialect.name)

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
        if self.page:
            return self.page.total
        if self._asked.count and self._total is None:
            self._total = rows.counted(self._connection, self._query)
        return self._total

    @property
    def has_next(self) -> bool:
        """Whether rows follow this page."""
        return self.page is not None and self.page.has_next

    @property
    def rows_on_page(self) -> int | None:
        """How many rows this page has; None for a stream of all rows."""
        return self.page.count if self.page else None

    @property
    def next_cursor(self) -> str | None:
        """Where the next page begins; None on the last one."""
        if not self.page or not self.page.has_next:
            return None
        day, course = self.page.last
        return Cursor(self._asked.filters, day, course, self._digest).text()

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
    def page(self) -> Page | None:
        """The page asked for; None for a stream of all rows. Nothing is read after it."""
        limit = self._asked.limit
        if limit is None:
            return None
        with databases.plain_errors(SETTING, self._warehouse.url), self:
            found = list(self._connection.execute(self._rest.limit(limit + 1)).all())
            shown, has_next = found[:limit], len(found) > limit
            last = (shown[-1].extraction_date, shown[-1].moodle_course_id) if shown else None
            return Page(shown, len(shown), last, has_next, self._counted(shown, has_next))

    def _counted(self, shown: list[Any], has_next: bool) -> int | None:
        """The rows of the whole pull, if they are to be counted; a first page that is the last one tells."""
        if not self._asked.count:
            return None
        if self._asked.is_first and not has_next:
            return len(shown)
        return rows.counted(self._connection, self._query)

    @property
    def _rest(self) -> sa.Select[Any]:
        """The rows from this page on."""
        query = self._query.offset(self._asked.offset) if self._asked.offset else self._query
        after = self._asked.after
        return query.where(rows.after(after, self._connection.dialect.name)) if after else query

    def _written(self, format: str, spreadsheet_safe: bool) -> Iterator[bytes]:  # noqa: A002
        if self.page and format in KEPT_FORMATS:
            return self._written_page(self.page, format, spreadsheet_safe)
        if self.page is None and format == "csv" and self._connection.dialect.name == "postgresql":
            return copy_out.lines(self._connection, self._rest, self.columns, spreadsheet_safe)
        return super()._written(format, spreadsheet_safe)

    def _written_page(self, page: Page, format: str, spreadsheet_safe: bool) -> Iterator[bytes]:  # noqa: A002
        """A page of text in one piece: it is small, and every piece costs the server a change of threads."""
        body = page.body
        if body is None:
            written = (
                json_text.elements(self.columns, self._rows())
                if format == "json"
                else formats.written(format, self.columns, self._rows(), {}, spreadsheet_safe)
            )
            body = b"".join(written)
            if self.keeping and (format, spreadsheet_safe) == (self.keeping.format, self.keeping.spreadsheet_safe):
                self.keeping.pages.keep(page_key(self._asked, self._scope, self._digest, self.keeping), page, body)
        yield b"".join(json_text.framed([body], self.envelope)) if format == "json" else body

    def _rows(self) -> Iterator[rows.Rows]:
        if self.page is None:
            return rows.streamed(self._connection, self._rest)
        found = self.page.rows
        return (found[first : first + rows.CHUNK] for first in range(0, len(found), rows.CHUNK))


def open_export(warehouse: Warehouse, scope: Scope, ask: ExportAsk, keeping: Keeping | None = None) -> Export:
    """Opens the answer; with `keeping`, its page of text is kept. Raises BadAsk, SnapshotChanged or DatabaseProblem."""
    as_of = registry.utc_now()
    with databases.plain_errors(SETTING, warehouse.url):
        connection = rows.view_of(warehouse)
        try:
            asked, state = _checked(connection, warehouse, scope, ask, as_of)
            export = Export(warehouse, connection, scope, asked, state)
            export.keeping = keeping
        except BaseException:
            connection.close()
            raise
        return export


class KeptExports:
    """Answers from pages that are kept, as long as their days are what they were, which one statement tells."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.pages = KeptPages()
        self._seen = SharedReading(self._look)

    async def find(self, scope: Scope, ask: ExportAsk, keeping: Keeping) -> Export | None:
        """The answer, if its page is kept. Raises BadAsk, SnapshotChanged or DatabaseProblem."""
        if keeping.format not in KEPT_FORMATS or ask.limit is None or ask.updated_since:
            return None
        asked, state = await self._seen.ask((scope, ask))
        page = self.pages.find(page_key(asked, scope, state.version, keeping))
        if page is None or asked.filters.updated_since:
            return None
        export = Export(self.warehouse, None, scope, asked, state)
        export.page = page
        return export

    def _look(self, question: tuple[Scope, ExportAsk]) -> tuple[Question, State]:
        scope, ask = question
        with databases.plain_errors(SETTING, self.warehouse.url), rows.glance_of(self.warehouse) as connection:
            return _checked(connection, self.warehouse, scope, ask, registry.utc_now())


def page_key(asked: Question, scope: Scope, digest: str, keeping: Keeping) -> str:
    """What a kept page is found by."""
    return digest_of(asked, scope.mark, digest, keeping.format, keeping.spreadsheet_safe)


def _checked(
    connection: sa.Connection, warehouse: Warehouse, scope: Scope, ask: ExportAsk, as_of: datetime
) -> tuple[Question, State]:
    """What is asked for, and the state of its days; an open end needs a look at where the days end."""
    settings = warehouse.settings
    today, known = days.last_complete_day(settings.zone), oldest_change(as_of, settings.run_retention_days)
    asked = question(ask, today, None, known)
    found = state(connection, asked.filters.first, asked.filters.last, scope, as_of)
    if asked.filters.last is None and found.fresh.newest:
        asked = question(ask, today, found.fresh.newest, known)
        found = state(connection, asked.filters.first, asked.filters.last, scope, as_of)
    if asked.expected not in (None, found.version):
        raise SnapshotChanged
    return asked, found
