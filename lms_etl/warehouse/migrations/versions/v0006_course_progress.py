"""Course progress: its rows, the companies that read it, their settings, pulls, quotas and calls."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from lms_etl.warehouse.tables import Id, Moment, Now, Text

revision = "0006"
down_revision = "0005"

_TABLES = (
    "companies",
    "local_alx_api_reporting",
    "progress_syncs",
    "local_alx_api_settings",
    "local_alx_api_sync_status",
    "local_alx_api_logs",
    "company_quotas",
    "auth_attempts",
)
_OPTIONS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_engine": "InnoDB"}


def upgrade() -> None:
    op.create_table(
        "companies",
        sa.Column("companyid", sa.BigInteger(), autoincrement=False, nullable=False, comment="companies.companyid"),
        sa.Column("shortname", sa.String(255), nullable=False, comment="As logs and pages name it"),
        sa.Column("name", Text, nullable=False, comment="Full name"),
        sa.Column(
            "origin", sa.String(10), nullable=False, comment="iomad: company.id; category: top category; site: all"
        ),
        sa.Column(
            "live", sa.SmallInteger(), nullable=False, server_default="1", comment="0 once it is gone at the source"
        ),
        sa.Column(
            "synced_through",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="Changes at the source are synced up to here; 0 before the first sync, unix seconds",
        ),
        sa.Column(
            "reconciled_through",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="Start of the last comparison of every row with the source; 0 before the first, unix seconds",
        ),
        sa.Column(
            "change_number",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="Number of the newest load that changed a row; grows in the order of commits",
        ),
        sa.Column(
            "settings_version",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="Grows with each changed setting",
        ),
        sa.Column("created_at", Moment, nullable=False, server_default=Now(), comment="First loaded, UTC"),
        sa.Column("updated_at", Moment, nullable=False, server_default=Now(), comment="Last changed, UTC"),
        sa.PrimaryKeyConstraint("companyid", name="pk_companies"),
        comment="Whose rows a reader of the report API may see: companies of IOMAD, top categories, or the whole site",
        **_OPTIONS,
    )
    op.create_table(
        "local_alx_api_reporting",
        sa.Column("id", Id, autoincrement=True, nullable=False, comment="Number of the row"),
        sa.Column("userid", sa.BigInteger(), nullable=False, comment="mdl_user.id"),
        sa.Column("companyid", sa.BigInteger(), autoincrement=False, nullable=False, comment="companies.companyid"),
        sa.Column("courseid", sa.BigInteger(), nullable=False, comment="mdl_course.id"),
        sa.Column("firstname", Text, nullable=False, comment="First name"),
        sa.Column("lastname", Text, nullable=False, comment="Last name"),
        sa.Column("email", Text, nullable=False, comment="Mail address"),
        sa.Column("coursename", Text, nullable=False, comment="Full name of the course"),
        sa.Column(
            "timecompleted",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="When the course was completed; 0 while it is not, unix seconds",
        ),
        sa.Column(
            "timestarted",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="When the user began, else was enrolled; 0 if neither, unix seconds",
        ),
        sa.Column("percentage", sa.Numeric(5, 2), nullable=False, comment="Completed of tracked modules"),
        sa.Column(
            "status",
            sa.String(20),
            nullable=False,
            server_default="not_started",
            comment="completed, in_progress, not_started or not_enrolled",
        ),
        sa.Column(
            "last_updated",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="Start of the load that last changed the row, unix seconds",
        ),
        sa.Column(
            "change_number",
            sa.BigInteger(),
            nullable=False,
            comment="companies.change_number of the load that changed it",
        ),
        sa.Column("is_deleted", sa.SmallInteger(), nullable=False, server_default="0", comment="1: a tombstone"),
        sa.Column("created_at", Moment, nullable=False, server_default=Now(), comment="First loaded, UTC"),
        sa.Column("updated_at", Moment, nullable=False, server_default=Now(), comment="Last changed, UTC"),
        sa.PrimaryKeyConstraint("id", name="pk_local_alx_api_reporting"),
        sa.UniqueConstraint("companyid", "userid", "courseid", name="unique_company_user_course"),
        comment="Progress of one user in one course, for one company",
        **_OPTIONS,
    )
    op.create_index(
        "ix_local_alx_api_reporting_change",
        "local_alx_api_reporting",
        ["companyid", "change_number", "userid", "courseid"],
    )
    op.create_index("ix_local_alx_api_reporting_last_updated", "local_alx_api_reporting", ["last_updated"])
    op.create_table(
        "progress_syncs",
        sa.Column("id", Id, autoincrement=True, nullable=False, comment="Number of the row"),
        sa.Column("companyid", sa.BigInteger(), autoincrement=False, nullable=False, comment="companies.companyid"),
        sa.Column("kind", sa.String(10), nullable=False, comment="changes, full, reconcile, cleanup or clear"),
        sa.Column("trigger", sa.String(20), nullable=False, comment="schedule, ui, cli or api"),
        sa.Column("status", sa.String(10), nullable=False, comment="running, success, failed or postponed"),
        sa.Column("started_at", Moment, nullable=False, comment="UTC"),
        sa.Column("completed_at", Moment, comment="UTC"),
        sa.Column(
            "changes_from",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="Changes at the source from here, unix seconds",
        ),
        sa.Column(
            "changes_through",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="Changes at the source up to here, unix seconds",
        ),
        sa.Column("rows_read", sa.Integer(), nullable=False, server_default="0", comment="Rows that the source gave"),
        sa.Column(
            "rows_created",
            sa.Integer(),
            nullable=False,
            server_default="0",
            comment="Rows added, or back from being deleted",
        ),
        sa.Column("rows_updated", sa.Integer(), nullable=False, server_default="0", comment="Rows changed"),
        sa.Column(
            "rows_deleted", sa.Integer(), nullable=False, server_default="0", comment="Rows that became tombstones"
        ),
        sa.Column("error", Text, comment="Why it failed or was postponed"),
        sa.Column("dagster_run_id", sa.String(36), comment="Run in Dagster"),
        sa.PrimaryKeyConstraint("id", name="pk_progress_syncs"),
        comment="Every sync of every company",
        **_OPTIONS,
    )
    op.create_index("ix_progress_syncs_companyid", "progress_syncs", ["companyid", "started_at"])
    op.create_index("ix_progress_syncs_started_at", "progress_syncs", ["started_at"])
    op.create_table(
        "local_alx_api_settings",
        sa.Column("id", Id, autoincrement=True, nullable=False, comment="Number of the row"),
        sa.Column("companyid", sa.BigInteger(), autoincrement=False, nullable=False, comment="companies.companyid"),
        sa.Column("setting_name", sa.String(100), nullable=False, comment="field_email, course_12, sync_mode, ..."),
        sa.Column("setting_value", sa.BigInteger(), nullable=False, comment="A number; 1 and 0 for on and off"),
        sa.Column("timecreated", sa.BigInteger(), nullable=False, comment="Unix seconds"),
        sa.Column("timemodified", sa.BigInteger(), nullable=False, comment="Unix seconds"),
        sa.PrimaryKeyConstraint("id", name="pk_local_alx_api_settings"),
        sa.UniqueConstraint("companyid", "setting_name", name="unique_company_setting"),
        comment="Settings of a company; what is not here has its default",
        **_OPTIONS,
    )
    op.create_table(
        "local_alx_api_sync_status",
        sa.Column("id", Id, autoincrement=True, nullable=False, comment="Number of the row"),
        sa.Column("companyid", sa.BigInteger(), autoincrement=False, nullable=False, comment="companies.companyid"),
        sa.Column("token_hash", sa.String(64), nullable=False, comment="SHA-256 of the token that pulls, hex"),
        sa.Column(
            "last_sync_timestamp",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="Last pull that ended, unix seconds",
        ),
        sa.Column(
            "change_number",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="The token has every change up to it",
        ),
        sa.Column("sync_mode", sa.String(20), nullable=False, server_default="auto", comment="Mode of the last pull"),
        sa.Column("sync_window_hours", sa.Integer(), nullable=False, server_default="24", comment="Hours"),
        sa.Column(
            "last_sync_records",
            sa.Integer(),
            nullable=False,
            server_default="0",
            comment="Rows of the last pull that ended",
        ),
        sa.Column(
            "last_sync_status",
            sa.String(20),
            nullable=False,
            comment="success, failed, or started while a full one runs",
        ),
        sa.Column("last_sync_error", Text, comment="Why it failed"),
        sa.Column("total_syncs", sa.Integer(), nullable=False, server_default="0", comment="Pulls that ended"),
        sa.Column("content_mark", sa.String(16), comment="Digest of the fields and courses that the last pull had"),
        sa.Column(
            "pull_mode", sa.String(12), comment="first, full or incremental: the pull under way, or the last one"
        ),
        sa.Column("pull_after", sa.BigInteger(), comment="Its rows changed after this change number"),
        sa.Column("pull_through", sa.BigInteger(), comment="and at least up to this one, for all of its pages"),
        sa.Column("pull_offset", sa.BigInteger(), comment="Rows delivered by its pages so far"),
        sa.Column("pull_userid", sa.BigInteger(), comment="The last of those rows: its userid"),
        sa.Column("pull_courseid", sa.BigInteger(), comment="and its courseid"),
        sa.Column("pull_started_at", Moment, comment="UTC"),
        sa.Column("pull_ended_at", Moment, comment="When its last page was given, UTC; NULL before"),
        sa.Column("created_at", Moment, nullable=False, server_default=Now(), comment="First loaded, UTC"),
        sa.Column("updated_at", Moment, nullable=False, server_default=Now(), comment="Last changed, UTC"),
        sa.PrimaryKeyConstraint("id", name="pk_local_alx_api_sync_status"),
        sa.UniqueConstraint("companyid", "token_hash", name="unique_company_token"),
        comment="How far each token of a company has read",
        **_OPTIONS,
    )
    op.create_table(
        "local_alx_api_logs",
        sa.Column("id", Id, autoincrement=True, nullable=False, comment="Number of the row"),
        sa.Column("userid", sa.BigInteger(), nullable=False, server_default="0", comment="api_tokens.id; 0 if unknown"),
        sa.Column("username", sa.String(100), comment="On whose behalf the token acts"),
        sa.Column("companyid", sa.BigInteger(), comment="companies.companyid; NULL if unknown"),
        sa.Column("company_shortname", sa.String(255), comment="companies.shortname"),
        sa.Column("endpoint", sa.String(100), nullable=False, comment="Function or route"),
        sa.Column("record_count", sa.Integer(), nullable=False, server_default="0", comment="Rows in the answer"),
        sa.Column("error_code", sa.String(50), comment="NULL for a success"),
        sa.Column("error_message", Text, comment="Without secrets and values of rows"),
        sa.Column("response_time_ms", sa.Numeric(10, 2), nullable=False, comment="Milliseconds"),
        sa.Column("timeaccessed", sa.BigInteger(), nullable=False, comment="Unix seconds"),
        sa.Column("ip_address", sa.String(45), nullable=False, comment="IPv4 or IPv6"),
        sa.Column("user_agent", sa.String(255), comment="As sent, cut"),
        sa.Column("cache_hit", sa.SmallInteger(), comment="1 from the cache, 0 not, NULL where none was asked"),
        sa.Column("additional_data", Text, comment="JSON: limit, offset, mode, request_method"),
        sa.PrimaryKeyConstraint("id", name="pk_local_alx_api_logs"),
        comment="Calls of the report API, also those refused",
        **_OPTIONS,
    )
    op.create_index("ix_local_alx_api_logs_companyid", "local_alx_api_logs", ["companyid", "timeaccessed"])
    op.create_index("ix_local_alx_api_logs_timeaccessed", "local_alx_api_logs", ["timeaccessed"])
    op.create_table(
        "company_quotas",
        sa.Column("companyid", sa.BigInteger(), autoincrement=False, nullable=False, comment="companies.companyid"),
        sa.Column("quota_date", sa.Date(), nullable=False, comment="Local day of the site"),
        sa.Column("used", sa.Integer(), nullable=False, server_default="0", comment="Calls let through"),
        sa.Column(
            "refused",
            sa.Integer(),
            nullable=False,
            server_default="0",
            comment="Calls refused after the last one let through",
        ),
        sa.Column("daily_limit", sa.Integer(), comment="Limit when last counted; NULL for none"),
        sa.PrimaryKeyConstraint("companyid", "quota_date", name="pk_company_quotas"),
        comment="Calls of a company on one day, counted in one statement each",
        **_OPTIONS,
    )
    op.create_table(
        "auth_attempts",
        sa.Column("id", Id, autoincrement=True, nullable=False, comment="Number of the row"),
        sa.Column("attempted_at", Moment, nullable=False, server_default=Now(), comment="UTC"),
        sa.Column("ip_address", sa.String(45), nullable=False, comment="IPv4 or IPv6"),
        sa.Column("endpoint", sa.String(100), nullable=False, comment="Function or route"),
        sa.Column(
            "reason", sa.String(100), nullable=False, comment="Why it was refused: unknown, expired, revoked, ..."
        ),
        sa.Column("user_agent", sa.String(255), comment="As sent, cut"),
        sa.PrimaryKeyConstraint("id", name="pk_auth_attempts"),
        comment="Attempts to use the API without a valid token; the token itself is nowhere",
        **_OPTIONS,
    )
    op.create_index("ix_auth_attempts_attempted_at", "auth_attempts", ["attempted_at", "ip_address"])


def downgrade() -> None:
    for name in reversed(_TABLES):
        op.drop_table(name)
