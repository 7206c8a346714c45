"""Tables of the runs: registry and queue, receipts of the days, watermarks, restatements."""

import sqlalchemy as sa

from lms_etl.warehouse.tables.columns import Moment, Now, Text, number, table

etl_job_runs = table(
    "etl_job_runs",
    number(),
    sa.Column("job_name", sa.String(100), nullable=False, comment="activity_counts, user_counts, user_activity, ..."),
    sa.Column("target_date", sa.Date, comment="Local day that the run loads; NULL for a snapshot"),
    sa.Column("trigger", sa.String(20), nullable=False, comment="schedule, sensor, late, api, cli, backfill or ui"),
    sa.Column("status", sa.String(10), nullable=False, comment="QUEUED RUNNING SUCCESS FAILED SKIPPED MISSED STOPPED"),
    sa.Column("live_key", sa.String(120), unique=True, comment="job:day while queued or running, else NULL"),
    sa.Column(
        "attempt", sa.Integer, nullable=False, server_default="1", comment="1 for the first run of a job and day"
    ),
    sa.Column("progress_offset", sa.BigInteger, nullable=False, server_default="0", comment="Rows loaded so far"),
    sa.Column("numrow", sa.BigInteger, nullable=False, server_default="0", comment="Rows to load"),
    sa.Column("limit_size", sa.Integer, nullable=False, server_default="1000", comment="Rows per batch"),
    sa.Column("rows_read", sa.BigInteger, nullable=False, server_default="0", comment="Rows read from the source"),
    sa.Column("rows_inserted", sa.BigInteger, nullable=False, server_default="0", comment="Rows added"),
    sa.Column("rows_updated", sa.BigInteger, nullable=False, server_default="0", comment="Rows changed"),
    sa.Column("rows_deleted", sa.BigInteger, nullable=False, server_default="0", comment="Rows removed"),
    sa.Column(
        "rows_rejected", sa.BigInteger, nullable=False, server_default="0", comment="Rows that could not be loaded"
    ),
    sa.Column("source_max_id", sa.BigInteger, comment="Largest source id that the run has seen"),
    sa.Column("duration_seconds", sa.Numeric(12, 3), comment="completed_at minus started_at"),
    sa.Column("error", Text, comment="Why it failed"),
    sa.Column("dagster_run_id", sa.String(36), comment="Run in Dagster"),
    sa.Column("root_run_id", sa.String(36), comment="First run in Dagster of which this one is a retry"),
    sa.Column("heartbeat_at", Moment, comment="Last sign of life, UTC"),
    sa.Column("requested_at", Moment, nullable=False, server_default=Now(), comment="UTC"),
    sa.Column("started_at", Moment, comment="UTC"),
    sa.Column("completed_at", Moment, comment="UTC"),
    sa.Column("reason", Text, comment="Why it was asked for, skipped, missed or stopped"),
    sa.Column("late", sa.SmallInteger, nullable=False, server_default="0", comment="1 if the day's window was closed"),
    sa.Column("forced", sa.SmallInteger, nullable=False, server_default="0", comment="1 if asked for with force"),
    sa.Column("stop_requested_at", Moment, comment="When somebody asked it to stop, UTC"),
    sa.Index("ix_etl_job_runs_day", "job_name", "target_date", "status"),
    sa.Index("ix_etl_job_runs_completed_at", "completed_at"),
    sa.Index("ix_etl_job_runs_dagster_run_id", "dagster_run_id"),
    comment="Every run of every job and day: registry and queue",
)

etl_days = table(
    "etl_days",
    sa.Column("job_name", sa.String(100), primary_key=True, comment="activity_counts, user_counts, user_activity, ..."),
    sa.Column("target_date", sa.Date, primary_key=True, comment="Local day of the site"),
    sa.Column(
        "state", sa.String(10), comment="met, late or missed; NULL before the window closes or the day is loaded"
    ),
    sa.Column(
        "margin_minutes", sa.Integer, comment="Minutes from the first load to the window's end, below 0 when late"
    ),
    sa.Column("first_completed_at", Moment, comment="First successful load, UTC"),
    sa.Column("last_completed_at", Moment, comment="Last successful load, UTC"),
    sa.Column("missed_at", Moment, comment="When the window closed without a load, UTC"),
    sa.Column("run_id", sa.BigInteger, comment="etl_job_runs.id of the last successful load"),
    sa.Column("rows_read", sa.BigInteger, comment="Rows of the source that the last load was made of"),
    sa.Column("source_max_id", sa.BigInteger, comment="Largest source id that the last load has seen"),
    sa.Column("reason", Text, comment="Why it is late or missed"),
    comment="The receipt of every job and day: kept for ever, also when finished runs are purged from the registry",
)

etl_watermarks = table(
    "etl_watermarks",
    sa.Column("name", sa.String(50), primary_key=True, comment="What is watched: moodle_log"),
    sa.Column("source_max_id", sa.BigInteger, nullable=False, comment="Largest source id that was looked at"),
    sa.Column("overlap_from", sa.BigInteger, nullable=False, comment="Id above which the next look reads again"),
    sa.Column("overlap_rows", sa.BigInteger, nullable=False, comment="Rows between the two at the last look"),
    sa.Column("checked_at", Moment, nullable=False, comment="Last look, UTC"),
    sa.Column("reason", Text, comment="Why it was set back the last time"),
    comment="How far a source has been looked through for rows that came late",
)

etl_restatements = table(
    "etl_restatements",
    number(),
    sa.Column("target_date", sa.Date, nullable=False, comment="Local day of the site whose numbers changed"),
    sa.Column("job_name", sa.String(100), nullable=False, comment="activity_counts, user_counts or user_activity"),
    sa.Column("reason", Text, comment="Why the day was loaded again"),
    sa.Column("rows_read_before", sa.BigInteger, comment="Rows of the source that the load before was made of"),
    sa.Column("rows_read_after", sa.BigInteger, comment="Rows of the source that this load was made of"),
    sa.Column("measure", sa.String(10), nullable=False, comment="What the totals count: views, or people with a role"),
    sa.Column("total_before", sa.BigInteger, nullable=False, comment="Sum of the measure over the day before"),
    sa.Column("total_after", sa.BigInteger, nullable=False, comment="Sum of the measure over the day after"),
    sa.Column("courses_changed", sa.Integer, nullable=False, comment="Rows added, changed or removed, one a course"),
    sa.Column("biggest_course", sa.BigInteger, comment="mdl_course.id whose measure changed most; NULL if none did"),
    sa.Column("biggest_change", sa.BigInteger, nullable=False, comment="By how much it changed there"),
    sa.Column("run_id", sa.BigInteger, nullable=False, comment="etl_job_runs.id of the load that changed the day"),
    sa.Column("recorded_at", Moment, nullable=False, comment="UTC"),
    sa.Index("ix_etl_restatements_target_date", "target_date", "job_name"),
    comment="Every load that changed the numbers of a day that was loaded already: what changed, and by how much",
)
