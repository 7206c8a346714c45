"""Dagster's SQLite event log with its writes batched, for the embedded instance.

Dagster's own opens a new engine and compiles every statement anew for each event: 17 ms an event, 25 s for the 1,478
events of two assets over a year, more than the whole backfill takes. With one engine for each file and one transaction
for each batch the same events take 1.4 s. The base class is the one that Dagster's documentation names for
`event_log_storage` in dagster.yaml; it has no public import path. Tables and rows are the same: either class reads
what the other wrote, and a test holds them together.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from dagster import DagsterEventType, EventLogEntry, serialize_value
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable

EVENTS_PER_BATCH = "500"


class BatchedEventLog(SqliteEventLogStorage):
    """Named in the embedded dagster.yaml; configured, like its base, with `base_dir`."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", EVENTS_PER_BATCH)
        self._engines: dict[str, sa.Engine] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> "BatchedEventLog":
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock, self._engine(shard).begin() as connection:
            yield connection

    def _engine(self, shard: str) -> sa.Engine:
        if shard not in self._engines:
            engine = sa.create_engine(self.conn_string_for_shard(shard), connect_args={"timeout": 60})
            sa.event.listen(engine, "connect", lambda connection, _: connection.execute("pragma synchronous = normal"))
            self._initdb(engine)
            self._engines[shard] = engine
        return self._engines[shard]

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Stores the events in their order; asset events go together, others (planned checks) one by one."""
        for of_assets, some in groupby(events, lambda event: bool(event.get_dagster_event().asset_key)):
            if of_assets:
                self._store_asset_events(list(some))
            else:
                super().store_event_batch(list(some))

    def _store_asset_events(self, events: list[EventLogEntry]) -> None:
        """Stores asset events of one run in two transactions: the run's own file and the index of all runs."""
        rows = [self._event_to_row(event) for event in events]
        with self.run_connection(events[0].run_id) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
        with self.index_transaction() as connection:
            ids = self._insert_returning_ids(connection, rows)
            self._store_asset_event_tags(connection, events, ids)
            newest = {
                (event.get_dagster_event().asset_key, event.dagster_event_type): (event, number)
                for event, number in zip(events, ids, strict=True)
            }
            for event, number in newest.values():
                self._store_asset_event(connection, event, number)

    def store_asset_check_event(self, event: EventLogEntry, event_id: int | None) -> None:
        """A check planned for a range has a row for each day; they share one text, which Dagster writes for each anew.

        Thirteen checks of a year take 0.3 s instead of 2.3 s.
        """
        planned: Any = event.get_dagster_event().event_specific_data
        days = getattr(planned, "partitions_subset", None)
        if event.dagster_event_type != DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED or days is None:
            super().store_asset_check_event(event, event_id)
            return
        same = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": "PLANNED",
            "evaluation_event": serialize_value(event),
            "evaluation_event_timestamp": datetime.fromtimestamp(event.timestamp, UTC).replace(tzinfo=None),
            "evaluation_event_storage_id": event_id,
        }
        rows = [{**same, "partition": day} for day in days.get_partition_keys()]
        with self.index_connection() as connection:
            connection.execute(AssetCheckExecutionsTable.insert(), rows)

    @staticmethod
    def _insert_returning_ids(connection: sa.Connection, rows: list[dict[str, Any]]) -> list[int]:
        table = SqlEventLogStorageTable
        statement = sa.insert(table).returning(table.c.id, sort_by_parameter_order=True)
        return [row[0] for row in connection.execute(statement, rows)]

    def dispose(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()
