"""Parquet and Arrow's stream: typed columns, NULLs as NULLs, moments with their zone and to the microsecond."""

import io
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from lms_etl.api.reading.columns import Column
from lms_etl.api.reading.formats import Chunks

TYPES = {
    "number": pa.int64(),
    "decimal": pa.decimal128(18, 2),
    "text": pa.string(),
    "day": pa.date32(),
    "moment": pa.timestamp("us", tz="UTC"),
}
ROW_GROUP = 20_000
"""Rows of a row group: 4 MB of memory, and 50 groups in 1 million rows."""


class Drain(io.RawIOBase):
    """A file that keeps what is written until somebody takes it."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._position += len(part)
        return len(part)

    def tell(self) -> int:
        return self._position

    def taken(self) -> bytes:
        """What was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def schema(columns: Sequence[Column], envelope: dict[str, Any]) -> pa.Schema:
    """Names and types; the envelope as JSON under the key `lms_etl`."""
    fields = [pa.field(column.name, TYPES[column.kind], column.nullable) for column in columns]
    return pa.schema(fields, {"lms_etl": orjson.dumps(envelope)})


def stream(columns: Sequence[Column], chunks: Chunks, envelope: dict[str, Any], _safe: bool) -> Iterator[bytes]:
    """The stream format of Arrow's IPC, a record batch for each portion."""
    shape, drain = schema(columns, envelope), Drain()
    with pa.ipc.new_stream(drain, shape) as writer:
        for chunk in chunks:
            writer.write_batch(_batch(shape, chunk))
            yield drain.taken()
    yield drain.taken()


def parquet(columns: Sequence[Column], chunks: Chunks, envelope: dict[str, Any], _safe: bool) -> Iterator[bytes]:
    """A Parquet file whose row groups leave as they fill."""
    shape, drain = schema(columns, envelope), Drain()
    waiting: list[pa.RecordBatch] = []
    with pq.ParquetWriter(drain, shape) as writer:
        for chunk in chunks:
            waiting.append(_batch(shape, chunk))
            if sum(batch.num_rows for batch in waiting) >= ROW_GROUP:
                writer.write_table(pa.Table.from_batches(waiting, shape))
                waiting = []
                yield drain.taken()
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting, shape))
    yield drain.taken()


def _batch(shape: pa.Schema, chunk: Sequence[Sequence[Any]]) -> pa.RecordBatch:
    columns = zip(*chunk, strict=True) if chunk else ([] for _ in shape)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, shape, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=shape)
