"""CSV after RFC 4180: a line of names, CRLF, quotes only where needed, UTF-8 without a mark.

NULL is nothing between the commas, an empty text is a pair of quotes: PostgreSQL's COPY reads and writes the same.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lms_etl.api.reading.columns import Column, Kind
from lms_etl.api.reading.formats import Chunks
from lms_etl.api.reading.times import seconds
from lms_etl.spreadsheets import harmless

_NEEDS_QUOTES = re.compile(r'[",\r\n]')


def lines(
    columns: Sequence[Column], chunks: Chunks, _envelope: dict[str, Any], spreadsheet_safe: bool
) -> Iterator[bytes]:
    """The rows as CSV."""
    yield header(columns)
    writers = [_writer(column.kind, spreadsheet_safe) for column in columns]
    for chunk in chunks:
        fields = [write(values) for write, values in zip(writers, zip(*chunk, strict=True), strict=True)]
        yield ("\r\n".join(map(",".join, zip(*fields, strict=True))) + "\r\n").encode()


def header(columns: Sequence[Column]) -> bytes:
    """The line of names."""
    return (",".join(column.name for column in columns) + "\r\n").encode()


def _writer(kind: Kind, spreadsheet_safe: bool) -> Callable[[Sequence[Any]], list[str]]:
    if kind == "text":
        return _safe_texts if spreadsheet_safe else _texts
    if kind == "moment":
        return lambda values: [text or "" for text in seconds(values)]
    return lambda values: ["" if value is None else str(value) for value in values]


def _safe_texts(values: Sequence[str | None]) -> list[str]:
    return _texts([None if value is None else harmless(value) for value in values])


def _texts(values: Sequence[str | None]) -> list[str]:
    return ["" if value is None else _quoted(value) for value in values]


def _quoted(value: str) -> str:
    if value and not _NEEDS_QUOTES.search(value):
        return value
    return '"' + value.replace('"', '""') + '"'
