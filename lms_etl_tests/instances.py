"""Instances of Dagster for tests that need one on disk."""

from pathlib import Path

import dagster as dg


def on_disk(folder: Path) -> dg.DagsterInstance:
    """An instance in a folder with the event log of the embedded one, which takes half the time of Dagster's own."""
    config = {"base_dir": str(folder / "events")}
    log = {"module": "lms_etl.event_log", "class": "BatchedEventLog", "config": config}
    overrides = {"telemetry": {"enabled": False}, "event_log_storage": log}
    return dg.DagsterInstance.local_temp(str(folder), overrides=overrides)
