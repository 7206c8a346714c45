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
from lms_etl.api.metrics import Metrics
from lms_etl.api.monitor import wiring
from lms_etl.api.observed import Observed
from lms_etl.api.parameters import known_parameters
from lms_etl.api.quotas import Quotas
from lms_etl.api.reading.formats import FORMATS
from lms_etl.api.reading.pages import KeptPages
from lms_etl.api.routers import data, health, states, triggers
from lms_etl.api.served import ServedWarehouse
from lms_etl.settings import Settings

LAST_USED_EVERY_SECONDS = 60
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
    app.state.kept_pages = KeptPages()
    app.state.access = Access(warehouse, Quotas(settings))
    app.include_router(health.open_router, dependencies=[Depends(known_parameters)])
    for router in (states.router, triggers.router, data.router, health.router):
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

    task = asyncio.create_task(note_now_and_then())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.to_thread(note)
        access.quotas.close()
        app.state.warehouse.close()
