"""Results of a day and the export: rows of the report, complete, in a stable order, from one snapshot."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from lms_etl.api.scope import Scope
from lms_etl.warehouse.warehouse import Warehouse

DEFAULT_LIMIT = 1000
MAX_LIMIT = 10_000


@dataclass(frozen=True)
class ExportAsk:
    """Which rows of the report. Without any day: the last complete one; with `updated_since`: of all days.

    Days are local days of the site, `first` and `last` included. `limit` None means all rows in one stream. A cursor
    holds the whole question, so nothing else has to come with it but limit and format.
    """

    date: date | None = None
    first: date | None = None
    last: date | None = None
    course_id: str | None = None
    moodle_course_id: int | None = None
    limit: int | None = DEFAULT_LIMIT
    offset: int = 0
    cursor: str | None = None
    updated_since: datetime | None = None
    snapshot: str | None = None
    count: bool | None = None


class Export:
    """An answer: what there is to say about it at once, and its rows as a stream of bytes.

    Closed by its stream's end or by `close`; a context manager. `total` is None where counting would cost a scan: of
    more than one day, unless `ExportAsk.count` asks for it.
    """

    complete_through: date | None
    as_of: datetime
    total: int | None
    snapshot: str
    etag: str
    has_next: bool
    next_cursor: str | None
    envelope: dict[str, Any]

    def stream(self, format: str, spreadsheet_safe: bool = True) -> Iterator[bytes]:  # noqa: A002
        """The rows in a format of FORMATS."""
        raise NotImplementedError

    def close(self) -> None:
        """Lets the connection go."""
        raise NotImplementedError


def open_export(warehouse: Warehouse, scope: Scope, ask: ExportAsk) -> Export:
    """Opens the answer. Raises BadAsk (400) or SnapshotChanged (409)."""
    raise NotImplementedError
