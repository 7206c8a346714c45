"""Numbers about the API and the warehouse in Prometheus' format."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Any

import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from lms_etl.api.reading.freshness import freshness
from lms_etl.databases import DatabaseProblem
from lms_etl.warehouse.tables import etl_job_runs as runs
from lms_etl.warehouse.warehouse import Warehouse

METHODS = {"GET", "POST"}
"""Others are counted together: a client may send any word as a method."""


class Metrics:
    """Counts of this application; with several processes, of all of them (PROMETHEUS_MULTIPROC_DIR)."""

    def __init__(self, warehouse: Warehouse) -> None:
        registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("lms_etl_api_requests", "Requests answered", labels, registry=registry)
        self.seconds = Histogram(
            "lms_etl_api_request_seconds", "Seconds to the last byte", ("method", "route"), registry=registry
        )
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        registry.register(_State(warehouse))
        self.registry = registry

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts an answer."""
        method = method if method in METHODS else "other"
        self.requests.labels(method, route, str(status)).inc()
        self.seconds.labels(method, route).observe(seconds)

    def text(self) -> bytes:
        """All numbers, as Prometheus reads them."""
        return generate_latest(self.registry)


class _State:
    """The warehouse at the moment of the question."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse

    def collect(self) -> Iterator[Any]:
        up = GaugeMetricFamily("lms_etl_warehouse_up", "1 if the warehouse answers")
        try:
            with self.warehouse.reading() as connection:
                complete = freshness(connection).complete_through
                live = connection.execute(
                    sa.select(runs.c.status, sa.func.count()).where(runs.c.live_key > "").group_by(runs.c.status)
                ).all()
        except (DatabaseProblem, sa.exc.SQLAlchemyError):
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        counts = GaugeMetricFamily("lms_etl_live_runs", "Runs queued or running", labels=["status"])
        found: dict[str, int] = dict(live)
        for status in ("QUEUED", "RUNNING"):
            counts.add_metric([status.lower()], found.get(status, 0))
        yield counts
        if complete:
            moment = datetime.combine(complete, time.min, tzinfo=UTC).timestamp()
            text = "The last day up to which every day is loaded, at its UTC midnight"
            yield GaugeMetricFamily("lms_etl_complete_through_timestamp_seconds", text, value=moment)
