"""JSON: the documented document, or a row a line. Decimals are numbers with both of their places: 7.00."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import orjson

from lms_etl.api.reading.columns import Column
from lms_etl.api.reading.formats import Chunks
from lms_etl.api.reading.times import seconds

_SPOKEN: dict[str, Callable[[Sequence[Any]], list[Any]]] = {
    "decimal": lambda values: [None if value is None else orjson.Fragment(str(value)) for value in values],
    "moment": seconds,
}
"""Kinds that JSON has no word for; orjson writes a day as it should be."""


def document(columns: Sequence[Column], chunks: Chunks, envelope: dict[str, Any], _safe: bool) -> Iterator[bytes]:
    """One object: status, data, then the envelope. An answer that breaks off is no JSON, so none takes it for whole."""
    yield from framed(elements(columns, chunks), envelope)


def framed(data: Iterable[bytes], envelope: dict[str, Any]) -> Iterator[bytes]:
    """The object around its rows."""
    yield b'{"status":true,"data":['
    yield from data
    yield b"]," + orjson.dumps(envelope)[1:]


def elements(columns: Sequence[Column], chunks: Chunks) -> Iterator[bytes]:
    """The rows between the brackets of `data`."""
    between = b""
    for chunk in _objects(columns, chunks):
        yield between + orjson.dumps(chunk)[1:-1]
        between = b","


def lines(columns: Sequence[Column], chunks: Chunks, _envelope: dict[str, Any], _safe: bool) -> Iterator[bytes]:
    """Each row an object on a line of its own."""
    for chunk in _objects(columns, chunks):
        yield b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in chunk)


def _objects(columns: Sequence[Column], chunks: Chunks) -> Iterator[list[dict[str, Any]]]:
    names = [column.name for column in columns]
    spoken = [(number, _SPOKEN[column.kind]) for number, column in enumerate(columns) if column.kind in _SPOKEN]
    for chunk in chunks:
        values: list[Sequence[Any]] = list(zip(*chunk, strict=True))
        for number, speak in spoken:
            values[number] = speak(values[number])
        yield [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]
