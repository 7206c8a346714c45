"""Alerts: causes, the events each has counted, messages to be sent, and their way through each channel."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from lms_etl.warehouse.tables import Id, Moment, Text

revision = "0004"
down_revision = "0003"

_TABLE: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_engine": "InnoDB"}


def upgrade() -> None:
    _alerts()
    op.create_index("ix_alerts_kind_subject", "alerts", ["kind", "subject"])
    op.create_index("ix_alerts_state", "alerts", ["state"])
    op.create_table(
        "alert_events",
        sa.Column("event_key", sa.String(171), nullable=False, comment="Names the event: run, check, tick or day"),
        sa.Column("alert_id", sa.BigInteger(), nullable=False, comment="alerts.id that counted it"),
        sa.Column("seen_at", Moment, nullable=False, comment="UTC"),
        sa.PrimaryKeyConstraint("event_key", name="pk_alert_events"),
        comment="Events that an alert has counted, so that looking at one again changes nothing",
        **_TABLE,
    )
    _messages()
    op.create_index("ix_alert_messages_alert_id", "alert_messages", ["alert_id"])
    _deliveries()
    op.create_index("ix_alert_deliveries_state", "alert_deliveries", ["state", "next_at"])


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", Id, autoincrement=True, nullable=False, comment="Number of the row"),
        sa.Column("kind", sa.String(20), nullable=False, comment="run_failed, check_failed, day_missed, ..."),
        sa.Column("subject", sa.String(150), nullable=False, comment="What it is about; the cooldown is kept for each"),
        sa.Column("open_key", sa.String(171), comment="kind:subject while open, else NULL"),
        sa.Column(
            "thing", Text, nullable=False, comment="What has to go well for it to end: job, check, sensor, tables"
        ),
        sa.Column("days", Text, comment="Days still to be mended, as first/last or day, separated by blanks"),
        sa.Column("severity", sa.String(10), nullable=False, comment="low, medium, high or critical"),
        sa.Column("state", sa.String(10), nullable=False, comment="open or resolved"),
        sa.Column("title", Text, nullable=False, comment="One line: what happened"),
        sa.Column(
            "detail", Text, nullable=False, comment="The newest event's reason, without secrets and values of rows"
        ),
        sa.Column("run_id", sa.String(36), comment="Run in Dagster of the newest event"),
        _count("count", "Events of this cause"),
        _count("swallowed", "Events since the last message"),
        _count("told", "Messages made, the recovery note left out"),
        sa.Column("first_seen_at", Moment, nullable=False, comment="First event, UTC"),
        sa.Column("last_seen_at", Moment, nullable=False, comment="Newest event, UTC"),
        sa.Column("last_told_at", Moment, comment="Newest message, the recovery note left out, UTC"),
        sa.Column("resolved_at", Moment, comment="When it was over, UTC"),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
        sa.UniqueConstraint("open_key"),
        comment="What went wrong, one row for each cause from its first event to its end",
        **_TABLE,
    )


def _messages() -> None:
    op.create_table(
        "alert_messages",
        sa.Column("id", Id, autoincrement=True, nullable=False, comment="Number of the row"),
        sa.Column("message_key", sa.String(60), nullable=False, comment="alert:number:kind"),
        sa.Column("alert_id", sa.BigInteger(), nullable=False, comment="alerts.id"),
        sa.Column("kind", sa.String(10), nullable=False, comment="raised, again or recovered"),
        sa.Column("severity", sa.String(10), nullable=False, comment="low, medium, high or critical"),
        sa.Column("title", Text, nullable=False, comment="Subject line"),
        sa.Column("body", Text, nullable=False, comment="Text"),
        sa.Column("created_at", Moment, nullable=False, comment="UTC"),
        sa.PrimaryKeyConstraint("id", name="pk_alert_messages"),
        sa.UniqueConstraint("message_key"),
        comment="Messages to be sent, written in the transaction that decides to tell",
        **_TABLE,
    )


def _deliveries() -> None:
    op.create_table(
        "alert_deliveries",
        sa.Column("id", Id, autoincrement=True, nullable=False, comment="Number of the row"),
        sa.Column("message_id", sa.BigInteger(), nullable=False, comment="alert_messages.id"),
        sa.Column("alert_id", sa.BigInteger(), nullable=False, comment="alerts.id"),
        sa.Column("channel", sa.String(80), nullable=False, comment="Name of the channel, without its secrets"),
        sa.Column("state", sa.String(10), nullable=False, comment="waiting, sent or given_up"),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0", comment="How often it was tried"),
        sa.Column("next_at", Moment, nullable=False, comment="Not before this moment, UTC"),
        sa.Column("sending_at", Moment, comment="When the newest attempt began, UTC"),
        sa.Column("sent_at", Moment, comment="When the channel accepted it, UTC"),
        sa.Column("last_error", Text, comment="Why the newest attempt failed"),
        sa.PrimaryKeyConstraint("id", name="pk_alert_deliveries"),
        sa.UniqueConstraint("message_id", "channel", name="unique_message_channel"),
        comment="One message to one channel: a channel that is down delays only itself",
        **_TABLE,
    )


def _count(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, server_default="0", comment=comment)


def downgrade() -> None:
    for table in ("alert_deliveries", "alert_messages", "alert_events", "alerts"):
        op.drop_table(table)
