"""Tables of system 2: course progress, the companies that read it, their settings, pulls, quotas and calls.

Documented tables keep their names and columns. Moments that documents give as unix seconds stay unix seconds.
"""

from typing import Any

import sqlalchemy as sa

from lms_etl.warehouse.tables.columns import Moment, Now, Text, count, number, stamps, table


def _company(**options: Any) -> sa.Column[Any]:
    return sa.Column(
        "companyid", sa.BigInteger, autoincrement=False, comment="companies.companyid", **{"nullable": False} | options
    )


def _seconds(name: str, comment: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(
        name, sa.BigInteger, nullable=False, server_default="0", comment=f"{comment}, unix seconds", **options
    )


companies = table(
    "companies",
    _company(primary_key=True),
    sa.Column("shortname", sa.String(255), nullable=False, comment="As logs and pages name it"),
    sa.Column("name", Text, nullable=False, comment="Full name"),
    sa.Column("origin", sa.String(10), nullable=False, comment="iomad: company.id; category: top category; site: all"),
    sa.Column("live", sa.SmallInteger, nullable=False, server_default="1", comment="0 once it is gone at the source"),
    _seconds("synced_through", "Changes at the source are synced up to here; 0 before the first sync"),
    _seconds("reconciled_through", "Start of the last comparison of every row with the source; 0 before the first"),
    sa.Column(
        "change_number",
        sa.BigInteger,
        nullable=False,
        server_default="0",
        comment="Number of the newest load that changed a row; grows in the order of commits",
    ),
    sa.Column(
        "settings_version", sa.BigInteger, nullable=False, server_default="0", comment="Grows with each changed setting"
    ),
    *stamps(),
    comment="Whose rows a reader of the report API may see: companies of IOMAD, top categories, or the whole site",
)

course_progress = table(
    "local_alx_api_reporting",
    number(),
    sa.Column("userid", sa.BigInteger, nullable=False, comment="mdl_user.id"),
    _company(),
    sa.Column("courseid", sa.BigInteger, nullable=False, comment="mdl_course.id"),
    sa.Column("firstname", Text, nullable=False, comment="First name"),
    sa.Column("lastname", Text, nullable=False, comment="Last name"),
    sa.Column("email", Text, nullable=False, comment="Mail address"),
    sa.Column("coursename", Text, nullable=False, comment="Full name of the course"),
    _seconds("timecompleted", "When the course was completed; 0 while it is not"),
    _seconds("timestarted", "When the user began, else was enrolled; 0 if neither"),
    sa.Column("percentage", sa.Numeric(5, 2), nullable=False, comment="Completed of tracked modules"),
    sa.Column(
        "status",
        sa.String(20),
        nullable=False,
        server_default="not_started",
        comment="completed, in_progress, not_started or not_enrolled",
    ),
    _seconds("last_updated", "Start of the load that last changed the row"),
    sa.Column(
        "change_number", sa.BigInteger, nullable=False, comment="companies.change_number of the load that changed it"
    ),
    sa.Column("is_deleted", sa.SmallInteger, nullable=False, server_default="0", comment="1: a tombstone"),
    *stamps(),
    sa.UniqueConstraint("companyid", "userid", "courseid", name="unique_company_user_course"),
    sa.Index("ix_local_alx_api_reporting_change", "companyid", "change_number", "userid", "courseid"),
    sa.Index("ix_local_alx_api_reporting_last_updated", "last_updated"),
    comment="Progress of one user in one course, for one company",
)

progress_syncs = table(
    "progress_syncs",
    number(),
    _company(),
    sa.Column("kind", sa.String(10), nullable=False, comment="changes, full, reconcile, cleanup or clear"),
    sa.Column("trigger", sa.String(20), nullable=False, comment="schedule, ui, cli or api"),
    sa.Column("status", sa.String(10), nullable=False, comment="running, success, failed or postponed"),
    sa.Column("started_at", Moment, nullable=False, comment="UTC"),
    sa.Column("completed_at", Moment, comment="UTC"),
    _seconds("changes_from", "Changes at the source from here"),
    _seconds("changes_through", "Changes at the source up to here"),
    count("rows_read", "Rows that the source gave"),
    count("rows_created", "Rows added, or back from being deleted"),
    count("rows_updated", "Rows changed"),
    count("rows_deleted", "Rows that became tombstones"),
    sa.Column("error", Text, comment="Why it failed or was postponed"),
    sa.Column("dagster_run_id", sa.String(36), comment="Run in Dagster"),
    sa.Index("ix_progress_syncs_companyid", "companyid", "started_at"),
    sa.Index("ix_progress_syncs_started_at", "started_at"),
    comment="Every sync of every company",
)

company_settings = table(
    "local_alx_api_settings",
    number(),
    _company(),
    sa.Column("setting_name", sa.String(100), nullable=False, comment="field_email, course_12, sync_mode, ..."),
    sa.Column("setting_value", sa.BigInteger, nullable=False, comment="A number; 1 and 0 for on and off"),
    sa.Column("timecreated", sa.BigInteger, nullable=False, comment="Unix seconds"),
    sa.Column("timemodified", sa.BigInteger, nullable=False, comment="Unix seconds"),
    sa.UniqueConstraint("companyid", "setting_name", name="unique_company_setting"),
    comment="Settings of a company; what is not here has its default",
)

sync_status = table(
    "local_alx_api_sync_status",
    number(),
    _company(),
    sa.Column("token_hash", sa.String(64), nullable=False, comment="SHA-256 of the token that pulls, hex"),
    _seconds("last_sync_timestamp", "Last pull that ended"),
    sa.Column(
        "change_number",
        sa.BigInteger,
        nullable=False,
        server_default="0",
        comment="The token has every change up to it",
    ),
    sa.Column("sync_mode", sa.String(20), nullable=False, server_default="auto", comment="Mode of the last pull"),
    sa.Column("sync_window_hours", sa.Integer, nullable=False, server_default="24", comment="Hours"),
    count("last_sync_records", "Rows of the last pull that ended"),
    sa.Column(
        "last_sync_status", sa.String(20), nullable=False, comment="success, failed, or started while a full one runs"
    ),
    sa.Column("last_sync_error", Text, comment="Why it failed"),
    count("total_syncs", "Pulls that ended"),
    sa.Column("content_mark", sa.String(16), comment="Digest of the fields and courses that the last pull had"),
    sa.Column("pull_mode", sa.String(12), comment="first, full or incremental: the pull under way, or the last one"),
    sa.Column("pull_after", sa.BigInteger, comment="Its rows changed after this change number"),
    sa.Column("pull_through", sa.BigInteger, comment="and at least up to this one, for all of its pages"),
    sa.Column("pull_offset", sa.BigInteger, comment="Rows delivered by its pages so far"),
    sa.Column("pull_userid", sa.BigInteger, comment="The last of those rows: its userid"),
    sa.Column("pull_courseid", sa.BigInteger, comment="and its courseid"),
    sa.Column("pull_started_at", Moment, comment="UTC"),
    sa.Column("pull_ended_at", Moment, comment="When its last page was given, UTC; NULL before"),
    *stamps(),
    sa.UniqueConstraint("companyid", "token_hash", name="unique_company_token"),
    comment="How far each token of a company has read",
)

api_calls = table(
    "local_alx_api_logs",
    number(),
    sa.Column("userid", sa.BigInteger, nullable=False, server_default="0", comment="api_tokens.id; 0 if unknown"),
    sa.Column("username", sa.String(100), comment="On whose behalf the token acts"),
    sa.Column("companyid", sa.BigInteger, comment="companies.companyid; NULL if unknown"),
    sa.Column("company_shortname", sa.String(255), comment="companies.shortname"),
    sa.Column("endpoint", sa.String(100), nullable=False, comment="Function or route"),
    count("record_count", "Rows in the answer"),
    sa.Column("error_code", sa.String(50), comment="NULL for a success"),
    sa.Column("error_message", Text, comment="Without secrets and values of rows"),
    sa.Column("response_time_ms", sa.Numeric(10, 2), nullable=False, comment="Milliseconds"),
    sa.Column("timeaccessed", sa.BigInteger, nullable=False, comment="Unix seconds"),
    sa.Column("ip_address", sa.String(45), nullable=False, comment="IPv4 or IPv6"),
    sa.Column("user_agent", sa.String(255), comment="As sent, cut"),
    sa.Column("cache_hit", sa.SmallInteger, comment="1 from the cache, 0 not, NULL where none was asked"),
    sa.Column("additional_data", Text, comment="JSON: limit, offset, mode, request_method"),
    sa.Index("ix_local_alx_api_logs_timeaccessed", "timeaccessed"),
    sa.Index("ix_local_alx_api_logs_companyid", "companyid", "timeaccessed"),
    comment="Calls of the report API, also those refused",
)

company_quotas = table(
    "company_quotas",
    _company(primary_key=True),
    sa.Column("quota_date", sa.Date, primary_key=True, comment="Local day of the site"),
    count("used", "Calls let through"),
    count("refused", "Calls refused after the last one let through"),
    sa.Column("daily_limit", sa.Integer, comment="Limit when last counted; NULL for none"),
    comment="Calls of a company on one day, counted in one statement each",
)

auth_attempts = table(
    "auth_attempts",
    number(),
    sa.Column("attempted_at", Moment, nullable=False, server_default=Now(), comment="UTC"),
    sa.Column("ip_address", sa.String(45), nullable=False, comment="IPv4 or IPv6"),
    sa.Column("endpoint", sa.String(100), nullable=False, comment="Function or route"),
    sa.Column("reason", sa.String(100), nullable=False, comment="Why it was refused: unknown, expired, revoked, ..."),
    sa.Column("user_agent", sa.String(255), comment="As sent, cut"),
    sa.Index("ix_auth_attempts_attempted_at", "attempted_at", "ip_address"),
    comment="Attempts to use the API without a valid token; the token itself is nowhere",
)
