"""Who may use the API: users with their privilege, the directorates and units they may read, and their tokens.

And the views for BI tools, which `lms-etl migrate --bi-role` opens to a role that may only read.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from lms_etl.warehouse.reference import view
from lms_etl.warehouse.tables import Id, Moment, Now

revision = "0007"
down_revision = "0002"

_BI_VIEWS = ("bi_user_activity", "bi_days")
_OPTIONS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_engine": "InnoDB"}


def _created() -> sa.Column[object]:
    return sa.Column("created_at", Moment, server_default=Now(), nullable=False, comment="UTC")


def upgrade() -> None:
    op.create_table(
        "api_users",
        sa.Column("username", sa.String(100), nullable=False, comment="As tokens name it, and the user claim of a JWT"),
        sa.Column("role", sa.String(10), nullable=False, comment="admin: every row and every action; reader: own rows"),
        _created(),
        sa.Column("disabled_at", Moment, comment="Since when the user may do nothing, UTC"),
        sa.PrimaryKeyConstraint("username", name="pk_api_users"),
        comment="Who may use the API, and with which privilege",
        **_OPTIONS,
    )
    op.create_table(
        "api_filters",
        sa.Column("username", sa.String(100), nullable=False, comment="api_users.username"),
        sa.Column("kind", sa.String(12), nullable=False, comment="directorate or unit"),
        sa.Column(
            "category_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="courses.directorate_id or courses.unit_id, by kind",
        ),
        sa.ForeignKeyConstraint(["username"], ["api_users.username"], name="fk_api_filters_username"),
        sa.PrimaryKeyConstraint("username", "kind", "category_id", name="pk_api_filters"),
        comment="The directorates and units whose rows a reader may read; without any, none",
        **_OPTIONS,
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", Id, autoincrement=True, nullable=False, comment="Number of the row"),
        sa.Column("username", sa.String(100), nullable=False, comment="On whose behalf it acts"),
        sa.Column("note", sa.String(200), comment="What it is used for"),
        sa.Column("prefix", sa.String(16), nullable=False, comment="Its first characters, to know it by; no secret"),
        sa.Column("token_hash", sa.String(64), nullable=False, comment="SHA-256 of the whole token, hex"),
        _created(),
        sa.Column("expires_at", Moment, comment="From then on it is refused, UTC; NULL for never"),
        sa.Column("revoked_at", Moment, comment="When it was revoked, UTC"),
        sa.Column("last_used_at", Moment, comment="Last accepted, UTC; written about once a minute"),
        sa.ForeignKeyConstraint(["username"], ["api_users.username"], name="fk_api_tokens_username"),
        sa.PrimaryKeyConstraint("id", name="pk_api_tokens"),
        sa.UniqueConstraint("token_hash"),
        comment="Tokens of the API; the token itself is nowhere",
        **_OPTIONS,
    )
    op.create_index("ix_api_tokens_prefix", "api_tokens", ["prefix"])
    for name in _BI_VIEWS:
        op.execute(view(name, op.get_bind().dialect))


def downgrade() -> None:
    for name in _BI_VIEWS:
        op.execute(f"drop view {name}")
    op.drop_table("api_tokens")
    op.drop_table("api_filters")
    op.drop_table("api_users")
