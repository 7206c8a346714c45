"""Every table of the warehouse, one MetaData for PostgreSQL, MySQL/MariaDB and SQLite; a module for each room's tables.

Names and columns of the documented tables are the documented ones, because people's SQL reads them already.
Keys lead with the day, or with the company: with the course first, delete and join by day scan the growing table
(a year took 47 s instead of 15 s).
"""

from lms_etl.warehouse.tables.access import api_filters, api_tokens, api_users
from lms_etl.warehouse.tables.alerting import alert_deliveries, alert_events, alert_messages, alerts
from lms_etl.warehouse.tables.columns import Id, Moment, Now, Text, metadata
from lms_etl.warehouse.tables.facts import (
    FACTS,
    activity_counts,
    courses,
    key_column,
    loaded_columns,
    user_activity,
    user_counts,
)
from lms_etl.warehouse.tables.progress import (
    api_calls,
    auth_attempts,
    companies,
    company_quotas,
    company_settings,
    course_progress,
    progress_syncs,
    sync_status,
)
from lms_etl.warehouse.tables.runs import etl_days, etl_job_runs, etl_restatements, etl_watermarks
from lms_etl.warehouse.tables.views import VIEWS

SCHEMA_VERSION = "0006"
"""The newest migration: what `lms-etl migrate` brings a warehouse to."""

__all__ = [
    "FACTS",
    "SCHEMA_VERSION",
    "VIEWS",
    "Id",
    "Moment",
    "Now",
    "Text",
    "activity_counts",
    "alert_deliveries",
    "alert_events",
    "alert_messages",
    "alerts",
    "api_calls",
    "api_filters",
    "api_tokens",
    "api_users",
    "auth_attempts",
    "companies",
    "company_quotas",
    "company_settings",
    "course_progress",
    "courses",
    "etl_days",
    "etl_job_runs",
    "etl_restatements",
    "etl_watermarks",
    "key_column",
    "loaded_columns",
    "metadata",
    "progress_syncs",
    "sync_status",
    "user_activity",
    "user_counts",
]
