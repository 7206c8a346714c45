"""The watermark of late rows, the record of restated days, and what `basis` and `trigger` may say since then."""

import sqlalchemy as sa
from alembic import op

from lms_etl.warehouse.tables import Id, Moment, Text

revision = "0003"
down_revision = "0002"

_BASIS = (
    "observed: counted the day after; current: counted later, since Moodle keeps no past of its roles",
    "observed: counted the day after; replayed: from role events of the log; current: counted later",
)
_TRIGGER = ("schedule, sensor, api, cli, backfill or ui", "schedule, sensor, late, api, cli, backfill or ui")


def upgrade() -> None:
    op.create_table(
        "etl_watermarks",
        sa.Column("name", sa.String(50), nullable=False, comment="What is watched: moodle_log"),
        sa.Column("source_max_id", sa.BigInteger(), nullable=False, comment="Largest source id that was looked at"),
        sa.Column("overlap_from", sa.BigInteger(), nullable=False, comment="Id above which the next look reads again"),
        sa.Column("overlap_rows", sa.BigInteger(), nullable=False, comment="Rows between the two at the last look"),
        sa.Column("checked_at", Moment, nullable=False, comment="Last look, UTC"),
        sa.Column("reason", Text, comment="Why it was set back the last time"),
        sa.PrimaryKeyConstraint("name", name="pk_etl_watermarks"),
        comment="How far a source has been looked through for rows that came late",
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    _create_restatements()
    _describe(*_BASIS, *_TRIGGER)


def _create_restatements() -> None:
    op.create_table(
        "etl_restatements",
        sa.Column("id", Id, autoincrement=True, nullable=False, comment="Number of the row"),
        sa.Column("target_date", sa.Date(), nullable=False, comment="Local day of the site whose numbers changed"),
        sa.Column("job_name", sa.String(100), nullable=False, comment="activity_counts, user_counts or user_activity"),
        sa.Column("reason", Text, comment="Why the day was loaded again"),
        sa.Column("rows_read_before", sa.BigInteger(), comment="Rows of the source that the load before was made of"),
        sa.Column("rows_read_after", sa.BigInteger(), comment="Rows of the source that this load was made of"),
        sa.Column(
            "measure", sa.String(10), nullable=False, comment="What the totals count: views, or people with a role"
        ),
        sa.Column("total_before", sa.BigInteger(), nullable=False, comment="Sum of the measure over the day before"),
        sa.Column("total_after", sa.BigInteger(), nullable=False, comment="Sum of the measure over the day after"),
        sa.Column(
            "courses_changed", sa.Integer(), nullable=False, comment="Rows added, changed or removed, one a course"
        ),
        sa.Column(
            "biggest_course", sa.BigInteger(), comment="mdl_course.id whose measure changed most; NULL if none did"
        ),
        sa.Column("biggest_change", sa.BigInteger(), nullable=False, comment="By how much it changed there"),
        sa.Column(
            "run_id", sa.BigInteger(), nullable=False, comment="etl_job_runs.id of the load that changed the day"
        ),
        sa.Column("recorded_at", Moment, nullable=False, comment="UTC"),
        sa.PrimaryKeyConstraint("id", name="pk_etl_restatements"),
        comment="Every load that changed the numbers of a day that was loaded already: what changed, and by how much",
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_etl_restatements_target_date", "etl_restatements", ["target_date", "job_name"])


def _describe(basis_before: str, basis: str, trigger_before: str, trigger: str) -> None:
    """SQLite keeps no comments."""
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column(
            "user_counts_etl",
            "basis",
            comment=basis,
            existing_comment=basis_before,
            existing_type=sa.String(10),
            existing_nullable=False,
            existing_server_default="current",
        )
        op.alter_column(
            "etl_job_runs",
            "trigger",
            comment=trigger,
            existing_comment=trigger_before,
            existing_type=sa.String(20),
            existing_nullable=False,
        )


def downgrade() -> None:
    _describe(*reversed(_BASIS), *reversed(_TRIGGER))
    op.drop_table("etl_restatements")
    op.drop_table("etl_watermarks")
