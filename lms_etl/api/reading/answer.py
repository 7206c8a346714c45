"""What every answer is: something to say about itself at once, and rows as a stream of bytes."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Self

import sqlalchemy as sa

from lms_etl import databases
from lms_etl.api.reading import formats
from lms_etl.api.reading.columns import Column
from lms_etl.api.reading.freshness import Freshness
from lms_etl.api.reading.pages import Page
from lms_etl.warehouse.warehouse import SETTING, Warehouse


class Answer:
    """Closed by its stream's end or by `close`; a context manager. All it says and gives is the state of one moment."""

    columns: list[Column]

    def __init__(self, warehouse: Warehouse, connection: sa.Connection | None, fresh: Freshness) -> None:
        self._warehouse, self._opened, self._fresh = warehouse, connection, fresh
        self.besides: dict[str, Any] = {}
        """What a route adds to the envelope."""

    @property
    def complete_through(self) -> date | None:
        """The newest day up to which every day since the first is loaded."""
        return self._fresh.complete_through

    @property
    def as_of(self) -> datetime:
        """When it was read, UTC without an offset."""
        return self._fresh.as_of

    @property
    def page(self) -> Page | None:
        """Its rows if they are one page; None if they are a stream."""
        return None

    @property
    def total(self) -> int | None:
        """How many rows there are; None where that is not counted."""
        return None

    @property
    def has_next(self) -> bool:
        """Whether rows follow this page."""
        return False

    @property
    def next_cursor(self) -> str | None:
        """Where the next page begins; None on the last one."""
        return None

    @property
    def etag(self) -> str:
        """Weak, and the same for every format: `as_of` differs each time although the rows are the same."""
        raise NotImplementedError

    @property
    def envelope(self) -> dict[str, Any]:
        """What the JSON answer says beside its rows, in its order; times and days as text."""
        raise NotImplementedError

    def stream(self, format: str, spreadsheet_safe: bool = True) -> Iterator[bytes]:  # noqa: A002
        """The rows in a format of FORMATS. Text that a spreadsheet would run is made harmless unless told otherwise."""
        formats.known(format)
        return self._closing(format, spreadsheet_safe)

    @property
    def _connection(self) -> sa.Connection:
        assert self._opened is not None, "an answer whose rows are kept reads nothing"
        return self._opened

    def close(self) -> None:
        """Lets the connection go."""
        if self._opened is not None:
            self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _closing(self, format: str, spreadsheet_safe: bool) -> Iterator[bytes]:  # noqa: A002
        with databases.plain_errors(SETTING, self._warehouse.url), self:
            yield from self._written(format, spreadsheet_safe)

    def _written(self, format: str, spreadsheet_safe: bool) -> Iterator[bytes]:  # noqa: A002
        return formats.written(format, self.columns, self._rows(), self.envelope, spreadsheet_safe)

    def _rows(self) -> formats.Chunks:
        raise NotImplementedError
