"""`lms-etl api`: uvicorn with the application, in one process or several."""

import os
import tempfile

import uvicorn
from fastapi import FastAPI

from lms_etl.api import request_log
from lms_etl.api.app import create_app
from lms_etl.settings import Settings, current


def application() -> FastAPI:
    """The application with the settings of the environment; each of several processes makes its own."""
    settings = current()
    request_log.configure(settings.log_level)
    return create_app(settings)


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
