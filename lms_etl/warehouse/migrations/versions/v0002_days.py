"""The receipt of every day, and what the registry needs as a queue: reasons, late and forced runs, stop requests."""

import sqlalchemy as sa
from alembic import op

from lms_etl.warehouse.tables import Moment, Text

revision = "0002"
down_revision = "0001"

_RUNS = "etl_job_runs"
_STATUS = "QUEUED RUNNING SUCCESS FAILED SKIPPED MISSED"


def upgrade() -> None:
    op.create_table(
        "etl_days",
        sa.Column(
            "job_name",
            sa.String(100),
            nullable=False,
            comment="activity_counts, user_counts, user_activity, ...",
        ),
        sa.Column("target_date", sa.Date(), nullable=False, comment="Local day of the site"),
        sa.Column(
            "state",
            sa.String(10),
            comment="met, late or missed; NULL before the window closes or the day is loaded",
        ),
        sa.Column(
            "margin_minutes",
            sa.Integer(),
            comment="Minutes from the first load to the window's end, below 0 when late",
        ),
        sa.Column("first_completed_at", Moment, comment="First successful load, UTC"),
        sa.Column("last_completed_at", Moment, comment="Last successful load, UTC"),
        sa.Column("missed_at", Moment, comment="When the window closed without a load, UTC"),
        sa.Column("run_id", sa.BigInteger(), comment="etl_job_runs.id of the last successful load"),
        sa.Column("rows_read", sa.BigInteger(), comment="Rows of the source that the last load was made of"),
        sa.Column("source_max_id", sa.BigInteger(), comment="Largest source id that the last load has seen"),
        sa.Column("reason", Text, comment="Why it is late or missed"),
        sa.PrimaryKeyConstraint("job_name", "target_date", name="pk_etl_days"),
        comment="The receipt of every job and day: kept for ever, also when finished runs are purged from the registry",
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    _fill_days()
    op.add_column(_RUNS, sa.Column("reason", Text, comment="Why it was asked for, skipped, missed or stopped"))
    for name, comment in (
        ("late", "1 if the day's window was closed"),
        ("forced", "1 if asked for with force"),
    ):
        op.add_column(_RUNS, sa.Column(name, sa.SmallInteger(), nullable=False, server_default="0", comment=comment))
    op.add_column(_RUNS, sa.Column("stop_requested_at", Moment, comment="When somebody asked it to stop, UTC"))
    op.create_index("ix_etl_job_runs_completed_at", _RUNS, ["completed_at"])
    op.create_index("ix_etl_job_runs_dagster_run_id", _RUNS, ["dagster_run_id"])
    _describe_status(_STATUS, _STATUS + " STOPPED")


def _fill_days() -> None:
    """Days loaded before this version keep counting as loaded; nobody watched their window, so they have no state."""
    op.execute(
        "insert into etl_days (job_name, target_date, first_completed_at, last_completed_at, run_id, rows_read,"
        " source_max_id)"
        " select newest.job_name, newest.target_date, span.first_completed_at, newest.completed_at, newest.id,"
        " newest.rows_read, newest.source_max_id"
        " from etl_job_runs newest"
        " join (select max(id) as id, min(completed_at) as first_completed_at from etl_job_runs"
        "       where status = 'SUCCESS' and target_date is not null group by job_name, target_date) span"
        " on span.id = newest.id"
    )


def _describe_status(before: str, after: str) -> None:
    """SQLite keeps no comments."""
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column(
            _RUNS,
            "status",
            comment=after,
            existing_comment=before,
            existing_type=sa.String(10),
            existing_nullable=False,
        )


def downgrade() -> None:
    _describe_status(_STATUS + " STOPPED", _STATUS)
    op.drop_index("ix_etl_job_runs_dagster_run_id", _RUNS)
    op.drop_index("ix_etl_job_runs_completed_at", _RUNS)
    for name in ("stop_requested_at", "forced", "late", "reason"):
        op.drop_column(_RUNS, name)
    op.drop_table("etl_days")
