"""A warehouse whose report was loaded as the project loads it."""

from lms_etl_tests.warehouse.conftest import connection, empty_warehouse, sqlite_warehouse, warehouse

__all__ = ["connection", "empty_warehouse", "sqlite_warehouse", "warehouse"]
