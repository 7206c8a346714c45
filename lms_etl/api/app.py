"""The application: wiring only. It opens no database before the first request, and never imports Dagster."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

import sqlalchemy as sa
from fastapi import Depends, FastAPI
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from lms_etl import databases
from lms_etl.api import docs_page, errors, openapi
from lms_etl.api.auth import Access, caller
from lms_etl.api.cache import answers_of
from lms_etl.api.calls import Journal
from lms_etl.api.metrics import Metrics
from lms_etl.api.monitor import wiring
from lms_etl.api.observed import Observed
from lms_etl.api.parameters import known_parameters
from lms_etl.api.pulls.pages import Pages
from lms_etl.api.quotas import Quotas
from lms_etl.api.reading.export import KeptExports
from lms_etl.api.reading.formats import FORMATS
from lms_etl.api.routers import data, health, moodle_service, report, states, triggers
from lms_etl.api.served import ServedWarehouse
from lms_etl.settings import Settings

LAST_USED_EVERY_SECONDS = 60
"""Between two notes of when tokens were last used; cached answers whose time is over go then, too."""
PACKED = tuple(FORMATS[name] for name in ("parquet", "xlsx"))
"""Formats that are compressed already."""


def create_app(settings: Settings) -> FastAPI:
    """The API on the warehouse of the settings."""
    app = FastAPI(
        title="lms_etl",
        version=version("lms_etl"),
        description=openapi.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    warehouse = ServedWarehouse(settings)
    # Made here: two threads that came first at once would make one each.
    assert warehouse.engine is not None
    metrics = Metrics(warehouse)
    app.state.warehouse = warehouse
    app.state.metrics = metrics
    app.state.kept_exports = KeptExports(warehouse)
    app.state.access = Access(warehouse, Quotas(settings))
    app.state.journal = Journal(warehouse)
    app.state.pages = Pages(warehouse, answers_of(settings.redis_url, settings.api_cache_megabytes))
    app.include_router(health.open_router, dependencies=[Depends(known_parameters)])
    app.include_router(moodle_service.router)
    for router in (data.router, report.router, states.router, triggers.router, health.router):
        app.include_router(router, dependencies=[Depends(caller), Depends(known_parameters)])
    app.include_router(docs_page.router)
    wiring.install(app, warehouse)
    errors.install(app)
    openapi.install(app)
    app.add_middleware(
        GZipMiddleware,
        minimum_size=1024,
        compresslevel=5,
        exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, *PACKED),
    )
    app.add_middleware(Observed, metrics=metrics)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Notes now and then, and at the end, when tokens were last used; then lets the connections go."""
    access: Access = app.state.access

    def note() -> None:
        with suppress(databases.DatabaseProblem, sa.exc.SQLAlchemyError):
            access.note_last_used()

    async def note_now_and_then() -> None:
        while True:
            await asyncio.sleep(LAST_USED_EVERY_SECONDS)
            await asyncio.to_thread(note)
            app.state.pages.cache.purge()

    task = asyncio.create_task(note_now_and_then())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.to_thread(note)
        await asyncio.to_thread(app.state.journal.close)
        app.state.pages.cache.close()
        access.quotas.close()
        app.state.warehouse.close()
