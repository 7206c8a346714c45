"""Tables of the alerts: causes, their events, messages and deliveries."""

import sqlalchemy as sa

from lms_etl.warehouse.tables.columns import Moment, Text, count, number, table

alerts = table(
    "alerts",
    number(),
    sa.Column("kind", sa.String(20), nullable=False, comment="run_failed, check_failed, day_missed, ..."),
    sa.Column("subject", sa.String(150), nullable=False, comment="What it is about; the cooldown is kept for each"),
    sa.Column("open_key", sa.String(171), unique=True, comment="kind:subject while open, else NULL"),
    sa.Column("thing", Text, nullable=False, comment="What has to go well for it to end: job, check, sensor, tables"),
    sa.Column("days", Text, comment="Days still to be mended, as first/last or day, separated by blanks"),
    sa.Column("severity", sa.String(10), nullable=False, comment="low, medium, high or critical"),
    sa.Column("state", sa.String(10), nullable=False, comment="open or resolved"),
    sa.Column("title", Text, nullable=False, comment="One line: what happened"),
    sa.Column("detail", Text, nullable=False, comment="The newest event's reason, without secrets and values of rows"),
    sa.Column("run_id", sa.String(36), comment="Run in Dagster of the newest event"),
    count("count", "Events of this cause"),
    count("swallowed", "Events since the last message"),
    count("told", "Messages made, the recovery note left out"),
    sa.Column("first_seen_at", Moment, nullable=False, comment="First event, UTC"),
    sa.Column("last_seen_at", Moment, nullable=False, comment="Newest event, UTC"),
    sa.Column("last_told_at", Moment, comment="Newest message, the recovery note left out, UTC"),
    sa.Column("resolved_at", Moment, comment="When it was over, UTC"),
    sa.Index("ix_alerts_kind_subject", "kind", "subject"),
    sa.Index("ix_alerts_state", "state"),
    comment="What went wrong, one row for each cause from its first event to its end",
)

alert_events = table(
    "alert_events",
    sa.Column("event_key", sa.String(171), primary_key=True, comment="Names the event: run, check, tick or day"),
    sa.Column("alert_id", sa.BigInteger, nullable=False, comment="alerts.id that counted it"),
    sa.Column("seen_at", Moment, nullable=False, comment="UTC"),
    comment="Events that an alert has counted, so that looking at one again changes nothing",
)

alert_messages = table(
    "alert_messages",
    number(),
    sa.Column("message_key", sa.String(60), nullable=False, unique=True, comment="alert:number:kind"),
    sa.Column("alert_id", sa.BigInteger, nullable=False, comment="alerts.id"),
    sa.Column("kind", sa.String(10), nullable=False, comment="raised, again or recovered"),
    sa.Column("severity", sa.String(10), nullable=False, comment="low, medium, high or critical"),
    sa.Column("title", Text, nullable=False, comment="Subject line"),
    sa.Column("body", Text, nullable=False, comment="Text"),
    sa.Column("created_at", Moment, nullable=False, comment="UTC"),
    sa.Index("ix_alert_messages_alert_id", "alert_id"),
    comment="Messages to be sent, written in the transaction that decides to tell",
)

alert_deliveries = table(
    "alert_deliveries",
    number(),
    sa.Column("message_id", sa.BigInteger, nullable=False, comment="alert_messages.id"),
    sa.Column("alert_id", sa.BigInteger, nullable=False, comment="alerts.id"),
    sa.Column("channel", sa.String(80), nullable=False, comment="Name of the channel, without its secrets"),
    sa.Column("state", sa.String(10), nullable=False, comment="waiting, sent or given_up"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0", comment="How often it was tried"),
    sa.Column("next_at", Moment, nullable=False, comment="Not before this moment, UTC"),
    sa.Column("sending_at", Moment, comment="When the newest attempt began, UTC"),
    sa.Column("sent_at", Moment, comment="When the channel accepted it, UTC"),
    sa.Column("last_error", Text, comment="Why the newest attempt failed"),
    sa.UniqueConstraint("message_id", "channel", name="unique_message_channel"),
    sa.Index("ix_alert_deliveries_state", "state", "next_at"),
    comment="One message to one channel: a channel that is down delays only itself",
)
