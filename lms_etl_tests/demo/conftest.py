"""One small site, built once for all tests that only read it."""

from collections.abc import Iterator
from datetime import date

import pytest
import sqlalchemy as sa

from lms_etl.demo import SiteShape, build_site

SHAPE = SiteShape(
    log_rows=20_000, first_day=date(2025, 10, 1), last_day=date(2025, 11, 9), timezone="Europe/Berlin", seed=3
)


@pytest.fixture(scope="session")
def shape() -> SiteShape:
    """Forty days around the end of summer time in Berlin, 2025-10-26."""
    return SHAPE


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Connection]:
    """A connection to the site of `shape` on SQLite."""
    url = f"sqlite:///{tmp_path_factory.mktemp('demo') / 'moodle.db'}"
    build_site(url, SHAPE)
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()
