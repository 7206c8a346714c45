"""The formats of an answer, and who writes each."""

from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any

from lms_etl.api.reading.columns import Column
from lms_etl.api.reading.problems import BadAsk

FORMATS: dict[str, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""Media type of each format, by the name that `format=` takes; also the ending of a file."""

# By name: the API starts without pyarrow, which takes 0.2 s and 50 MB.
_WRITERS = {
    "json": "json_text:document",
    "csv": "delimited:lines",
    "ndjson": "json_text:lines",
    "parquet": "arrow:parquet",
    "arrow": "arrow:stream",
    "xlsx": "workbook:workbook",
}

Chunks = Iterable[Sequence[Sequence[Any]]]
"""Rows in portions; a row has a plain Python value for each column."""


def known(format: str) -> str:  # noqa: A002
    """The format, if it is one. Raises BadAsk (bad_format)."""
    if format not in FORMATS:
        raise BadAsk("bad_format", f"'{format}' is no format; choose one of {', '.join(FORMATS)}.")
    return format


def written(
    format: str,  # noqa: A002
    columns: Sequence[Column],
    chunks: Chunks,
    envelope: dict[str, Any],
    spreadsheet_safe: bool = True,
) -> Iterator[bytes]:
    """The rows in a format, in portions of bytes; never more than a few thousand rows in memory.

    `envelope` is what the answer says beside its rows: fields of the JSON document, metadata of Parquet and Arrow.
    """
    module, name = _WRITERS[known(format)].split(":")
    writer = getattr(import_module(f"lms_etl.api.reading.writers.{module}"), name)
    yield from writer(columns, chunks, envelope, spreadsheet_safe)
