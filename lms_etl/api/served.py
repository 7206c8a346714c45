"""The warehouse as a server needs it: many short requests at once, and a database that may be restarted meanwhile."""

from functools import cached_property
from typing import Any

import sqlalchemy as sa

from lms_etl import databases
from lms_etl.warehouse.warehouse import SETTING, Warehouse

SQLITE_PATIENCE_SECONDS = 10.0
"""How long a request waits for SQLite's one writer; a load waits a minute, but nobody looks at it."""


class ServedWarehouse(Warehouse):
    """A warehouse with as many connections as the API may use; it notices when its server was restarted."""

    @cached_property
    def engine(self) -> sa.Engine:
        connections = self.settings.api_connections
        pool: dict[str, Any] = {"pool_size": connections, "max_overflow": 0, "pool_timeout": 10, "pool_pre_ping": True}
        engine = databases.writing_engine(self.settings.warehouse_database_url, SETTING, **pool)
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", _less_patient)
        return engine


def _less_patient(connection: Any, _record: Any) -> None:
    connection.execute(f"pragma busy_timeout = {int(SQLITE_PATIENCE_SECONDS * 1000)}")
