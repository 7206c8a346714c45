"""Places where alerts arrive, and a warehouse whose alerts go there."""

from collections.abc import Callable, Iterator

import pytest

from lms_etl.warehouse.warehouse import Warehouse
from lms_etl_tests.alerts.listeners import Mailbox, Webhook, mailbox, webhook
from lms_etl_tests.warehouse.rows import lay_tables, warehouse_at


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    """A mail server of this test's own."""
    with mailbox() as box:
        yield box


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A webhook of this test's own."""
    with webhook() as listening:
        yield listening


@pytest.fixture
def warehouse(database_url: str) -> Iterator[Warehouse]:
    """A warehouse with its tables, once on each dialect."""
    with warehouse_at(database_url) as opened:
        lay_tables(opened)
        yield opened


@pytest.fixture
def sqlite_warehouse(sqlite_url: str) -> Iterator[Warehouse]:
    """A warehouse with its tables in SQLite, for what does not depend on the dialect."""
    with warehouse_at(sqlite_url) as opened:
        lay_tables(opened)
        yield opened


@pytest.fixture
def warehouse_telling(new_database: Callable[[str], str]) -> Iterator[Callable[..., Warehouse]]:
    """A function that makes a warehouse in SQLite whose settings have the given alert settings."""
    opened: list[Warehouse] = []

    def make(**settings: object) -> Warehouse:
        warehouse = warehouse_at(new_database("sqlite"), **settings)
        opened.append(warehouse.__enter__())
        lay_tables(opened[-1])
        return opened[-1]

    yield make
    for each in opened:
        each.close()
