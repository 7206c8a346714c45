"""The batched event log stores exactly what Dagster's own stores, and either reads the other's files."""

import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage

from lms_etl.event_log import EVENTS_PER_BATCH, BatchedEventLog

OURS = {"module": "lms_etl.event_log", "class": "BatchedEventLog"}
DAGSTERS = {"module": "dagster._core.storage.event_log", "class": "SqliteEventLogStorage"}
FIRST, LAST = "2025-03-01", "2025-03-05"
DAYS = [f"2025-03-0{number}" for number in range(1, 6)]
RANGE = {"dagster/asset_partition_range_start": FIRST, "dagster/asset_partition_range_end": LAST}
INDEXED = ("event_logs", "asset_keys", "asset_event_tags", "asset_check_executions")
pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")


def assets() -> list[Any]:
    """Two assets whose days run together, a snapshot beside them, a check, and notes of the run's own."""
    daily = dg.DailyPartitionsDefinition(start_date=FIRST)
    together = dg.BackfillPolicy.single_run()

    @dg.asset
    def courses() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"rows": 3})

    @dg.asset(partitions_def=daily, backfill_policy=together, deps=[courses])
    def views(context: dg.AssetExecutionContext) -> None:
        context.log.info("counting")
        for number, day in enumerate(context.partition_keys):
            context.add_asset_metadata({"rows": number, "day": day, "text": "漢字 🦉 'quoted'"}, partition_key=day)

    @dg.asset(partitions_def=daily, backfill_policy=together, deps=[views])
    def report(context: dg.AssetExecutionContext) -> None:
        context.log_event(dg.AssetObservation("views", partition=FIRST, metadata={"seen": True}))
        for day in context.partition_keys:
            context.add_asset_metadata({"day": day}, partition_key=day)

    @dg.asset_check(asset=report)
    def totals_agree() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, metadata={"missing": 2})

    return [courses, views, report, totals_agree]


@contextmanager
def instance_with(storage: dict[str, str], folder: Path) -> Iterator[dg.DagsterInstance]:
    """An instance whose event log is of the given class and lies in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    log = {**storage, "config": {"base_dir": str(folder / "events")}}
    with dg.instance_for_test(overrides={"event_log_storage": log}, temp_dir=str(folder)) as instance:
        yield instance


def run(instance: dg.DagsterInstance) -> str:
    """One run of all assets over the five days; its id."""
    result = dg.materialize(assets(), instance=instance, tags=RANGE)
    assert result.success
    return str(result.run_id)


def answers(instance: dg.DagsterInstance, run_id: str) -> dict[str, Any]:
    """What the instance tells about the run, without ids, times and process numbers, which differ by run."""
    keys = sorted(instance.get_asset_keys())
    told: dict[str, Any] = {"keys": [key.path for key in keys]}
    for key in keys:
        found = instance.fetch_materializations(key, limit=100).records
        told[f"materializations of {key.to_user_string()}"] = [
            (record.partition_key, {name: value.value for name, value in record.asset_materialization.metadata.items()},
             sorted(record.asset_materialization.tags or {}))
            for record in found
        ]  # fmt: skip
        newest = instance.get_latest_materialization_event(key)
        told[f"latest of {key.to_user_string()}"] = newest and (newest.dagster_event.partition, newest.run_id == run_id)
        told[f"observed {key.to_user_string()}"] = [
            (record.partition_key, dict(record.asset_observation.metadata))
            for record in instance.fetch_observations(key, limit=100).records
        ]
        told[f"partitions of {key.to_user_string()}"] = sorted(instance.get_materialized_partitions(key))
    told["events"] = [
        (entry.dagster_event_type and entry.dagster_event_type.value, entry.step_key,
         entry.dagster_event and entry.dagster_event.partition)
        for entry in instance.all_logs(run_id)
        if not (entry.dagster_event and entry.dagster_event.is_engine_event)
    ]  # fmt: skip
    told["planned"] = sorted(event for event in told["events"] if "PLANNED" in str(event[0]))
    return told


def rows(file: Path, table: str) -> list[tuple[Any, ...]]:
    """All rows of a table but for the time at which Dagster says each was inserted."""
    with closing(sqlite3.connect(file)) as connection:
        names = [row[1] for row in connection.execute(f"pragma table_info({table})")]
        kept = ", ".join(f'"{name}"' for name in names if name != "create_timestamp")
        return list(connection.execute(f"select {kept} from {table} order by id"))


def open_files(folder: Path) -> list[Path]:
    """Files below the folder that this process holds open, as Linux tells."""
    links = list(Path("/proc/self/fd").iterdir()) if sys.platform == "linux" else []
    return [link.readlink() for link in links if link.is_symlink() and link.readlink().is_relative_to(folder)]


@contextmanager
def recording() -> Iterator[list[list[EventLogEntry]]]:
    """Every call in the block that stores events, as the list of its events."""
    calls: list[list[EventLogEntry]] = []
    inside = False

    def watched(store: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        def record(self: BatchedEventLog, given: Any) -> None:
            nonlocal inside
            if inside:
                store(self, given)
                return
            calls.append([given] if isinstance(given, EventLogEntry) else list(given))
            inside = True
            try:
                store(self, given)
            finally:
                inside = False

        return record

    with pytest.MonkeyPatch.context() as patch:
        for name in ("store_event", "store_event_batch"):
            patch.setattr(BatchedEventLog, name, watched(getattr(BatchedEventLog, name)))
        yield calls


@dataclass(frozen=True)
class Recorded:
    """A run under our log: its id, the folder of its files, and the events of each call that stored some."""

    run_id: str
    files: Path
    calls: list[list[EventLogEntry]]


@pytest.fixture(scope="module", params=[500, 2])
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """A run whose events were stored in large batches, and one with batches of two."""
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patch, recording() as calls:
        patch.setenv("DAGSTER_EVENT_BATCH_SIZE", str(request.param))
        with instance_with(OURS, folder) as instance:
            run_id = run(instance)
    largest = max(len(call) for call in calls)
    assert largest == min(request.param, 16), "the 16 events that a run plans are the largest batch"
    return Recorded(run_id, folder / "events", calls)


def test_its_files_hold_the_same_rows_as_dagsters(recorded: Recorded, tmp_path: Path) -> None:
    dagsters = SqliteEventLogStorage(str(tmp_path))
    for call in recorded.calls:
        for event in call:
            dagsters.store_event(event)
    dagsters.dispose()
    for shard, table in ((recorded.run_id, "event_logs"), *(("index", name) for name in INDEXED)):
        found = rows(recorded.files / f"{shard}.db", table)
        assert found == rows(tmp_path / f"{shard}.db", table), (shard, table)
        assert found


def test_no_batch_fell_back_to_single_events(recorded: Recorded) -> None:
    stored = [event for call in recorded.calls for event in call]
    assert len(stored) == len(rows(recorded.files / f"{recorded.run_id}.db", "event_logs"))
    materialized = [call for call in recorded.calls if len(call) > 1 and call[0].dagster_event.is_step_materialization]
    assert materialized


def test_a_newer_observation_in_a_batch_does_not_hide_the_latest_materialization(
    recorded: Recorded, tmp_path: Path
) -> None:
    views = dg.AssetKey("views")
    events = [event for call in recorded.calls for event in call if event.dagster_event]
    of_views = [event for event in events if event.dagster_event.asset_key == views]
    assert of_views[-1].dagster_event.is_asset_observation
    ours, dagsters = BatchedEventLog(str(tmp_path / "ours")), SqliteEventLogStorage(str(tmp_path / "dagsters"))
    ours.store_event_batch(of_views)
    for event in of_views:
        dagsters.store_event(event)
    for log in (ours, dagsters):
        log.dispose()
    [found] = rows(tmp_path / "ours" / "index.db", "asset_keys")
    assert [found] == rows(tmp_path / "dagsters" / "index.db", "asset_keys")
    assert json.loads(found[2])["event_log_entry"]["dagster_event"]["event_type_value"] == "ASSET_MATERIALIZATION"


def test_a_run_answers_the_same_questions_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with instance_with(DAGSTERS, tmp_path / "dagsters") as instance:
        expected = answers(instance, run(instance))
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", EVENTS_PER_BATCH)
    with instance_with(OURS, tmp_path / "ours") as instance:
        found = answers(instance, run(instance))
    assert open_files(tmp_path / "ours") == []
    assert sorted(found.pop("events"), key=str) == sorted(expected.pop("events"), key=str)
    assert found == expected
    assert found["keys"] == [["courses"], ["report"], ["views"]]
    assert found["partitions of views"] == DAYS
    assert {partition: metadata["day"] for partition, metadata, _ in found["materializations of views"]} == {
        day: day for day in DAYS
    }
    assert found["latest of report"] == (LAST, True)


@pytest.mark.parametrize(("writer", "reader"), [(OURS, DAGSTERS), (DAGSTERS, OURS)], ids=["ours", "dagsters"])
def test_what_one_wrote_the_other_reads_and_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: dict[str, str], reader: dict[str, str]
) -> None:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "500")
    with instance_with(writer, tmp_path) as instance:
        first = run(instance)
        written = answers(instance, first)
    with instance_with(reader, tmp_path) as instance:
        assert answers(instance, first) == written
        second = run(instance)
        found = instance.fetch_materializations(dg.AssetKey("views"), limit=100).records
        assert [record.run_id for record in found] == [second] * 5 + [first] * 5
        assert [record.partition_key for record in found] == DAYS[::-1] * 2


def test_the_size_of_a_batch_is_set_unless_it_is_set_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for given, expected in ((None, EVENTS_PER_BATCH), ("7", "7")):
        monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", given or "")
        if given is None:
            monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE")
        BatchedEventLog(str(tmp_path / "log")).dispose()
        assert os.environ["DAGSTER_EVENT_BATCH_SIZE"] == expected
