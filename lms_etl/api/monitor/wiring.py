"""Puts the monitor into the application."""

from fastapi import FastAPI

from lms_etl.api.monitor import control, pages
from lms_etl.api.monitor.auto_sync import RowCounts
from lms_etl.api.monitor.rendering import Pages
from lms_etl.api.monitor.session import Sessions
from lms_etl.warehouse.warehouse import Warehouse


def install(app: FastAPI, warehouse: Warehouse) -> None:
    """Adds the routes of the monitor and what they share."""
    app.state.monitor_pages = Pages(warehouse.settings)
    app.state.monitor_sessions = Sessions(warehouse.settings)
    app.state.monitor_row_counts = RowCounts()
    app.include_router(pages.router)
    app.include_router(control.router)
    app.add_exception_handler(pages.LoginNeeded, pages.ask_to_log_in)  # type: ignore[arg-type]
