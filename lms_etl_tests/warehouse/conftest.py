"""A migrated warehouse of each dialect, and connections that are closed at the end of the test."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.warehouse.rows import lay_tables, warehouse_at


@pytest.fixture
def empty_warehouse(database_url: str) -> Iterator[Warehouse]:
    """A warehouse without tables, once on each dialect."""
    with warehouse_at(database_url) as opened:
        yield opened


@pytest.fixture
def warehouse(empty_warehouse: Warehouse) -> Warehouse:
    """A warehouse with its tables, once on each dialect."""
    lay_tables(empty_warehouse)
    return empty_warehouse


@pytest.fixture
def sqlite_warehouse(sqlite_url: str) -> Iterator[Warehouse]:
    """A warehouse with its tables in SQLite, for what does not depend on the dialect."""
    with warehouse_at(sqlite_url) as opened:
        lay_tables(opened)
        yield opened


@pytest.fixture
def connection(empty_warehouse: Warehouse) -> Iterator[sa.Connection]:
    """A connection to an empty database as the warehouse opens it, once on each dialect."""
    with empty_warehouse.engine.connect() as opened:
        yield opened
