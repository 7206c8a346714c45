"""`lms-etl api`: uvicorn with the application, in one process or several."""

import os
import tempfile
from collections.abc import Generator, Mapping
from typing import Any

import uvicorn
from fastapi import FastAPI

from lms_etl.api import request_log
from lms_etl.api.app import create_app
from lms_etl.api.pulls.live import Live
from lms_etl.settings import Settings, current
from lms_etl.warehouse.warehouse import Warehouse


def application() -> FastAPI:
    """The application with the settings of the environment; each of several processes makes its own."""
    settings = current()
    request_log.configure(settings.log_level)
    app = create_app(settings)
    if settings.moodle_database_url:
        app.state.pages.live = live_source(settings, app.state.warehouse)
    return app


def live_source(settings: Settings, warehouse: Warehouse) -> Live:
    """Rows of a company straight from Moodle. What it needs is imported by the first call: few hosts ever make one."""

    def live(companyid: int) -> Generator[Mapping[str, Any], None, None]:
        from lms_etl.progress import companies
        from lms_etl.progress.live import live_rows
        from lms_etl.sources.moodle import Moodle

        with warehouse.reading() as connection:
            company = companies.subject(connection, companyid).company
        moodle = Moodle(settings)
        try:
            yield from live_rows(moodle, company)
        finally:
            moodle.engine.dispose()

    return live


def serve(settings: Settings, host: str, port: int, workers: int) -> None:
    """Serves until SIGTERM or SIGINT; then takes no new requests and finishes the answers under way."""
    options = {
        "host": host,
        "port": port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "forwarded_allow_ips": settings.api_trusted_proxies,
        "timeout_graceful_shutdown": settings.api_shutdown_seconds,
        "timeout_keep_alive": 30,
    }
    request_log.configure(settings.log_level)
    if workers == 1:
        uvicorn.run(application(), **options)  # type: ignore[arg-type]
        return
    with tempfile.TemporaryDirectory(prefix="lms_etl_metrics_") as folder:
        # Where the processes keep their counts for each other; the library reads the variable when it is imported.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        uvicorn.run("lms_etl.api.serve:application", factory=True, workers=workers, **options)  # type: ignore[arg-type]
