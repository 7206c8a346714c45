"""Tables of the API's users, what they may read, and their tokens."""

import sqlalchemy as sa

from lms_etl.warehouse.tables.columns import Moment, Now, number, table

api_users = table(
    "api_users",
    sa.Column("username", sa.String(100), primary_key=True, comment="As tokens name it, and the user claim of a JWT"),
    sa.Column("role", sa.String(10), nullable=False, comment="admin: every row and every action; reader: own rows"),
    sa.Column("created_at", Moment, nullable=False, server_default=Now(), comment="UTC"),
    sa.Column("disabled_at", Moment, comment="Since when the user may do nothing, UTC"),
    comment="Who may use the API, and with which privilege",
)

api_filters = table(
    "api_filters",
    sa.Column(
        "username",
        sa.String(100),
        sa.ForeignKey("api_users.username", name="fk_api_filters_username"),
        primary_key=True,
        comment="api_users.username",
    ),
    sa.Column("kind", sa.String(12), primary_key=True, comment="directorate or unit"),
    sa.Column(
        "category_id",
        sa.BigInteger,
        primary_key=True,
        autoincrement=False,
        comment="courses.directorate_id or courses.unit_id, by kind",
    ),
    comment="The directorates and units whose rows a reader may read; without any, none",
)

api_tokens = table(
    "api_tokens",
    number(),
    sa.Column(
        "username",
        sa.String(100),
        sa.ForeignKey("api_users.username", name="fk_api_tokens_username"),
        nullable=False,
        comment="On whose behalf it acts",
    ),
    sa.Column("note", sa.String(200), comment="What it is used for"),
    sa.Column("prefix", sa.String(16), nullable=False, comment="Its first characters, to know it by; no secret"),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True, comment="SHA-256 of the whole token, hex"),
    sa.Column("created_at", Moment, nullable=False, server_default=Now(), comment="UTC"),
    sa.Column("expires_at", Moment, comment="From then on it is refused, UTC; NULL for never"),
    sa.Column("revoked_at", Moment, comment="When it was revoked, UTC"),
    sa.Column("last_used_at", Moment, comment="Last accepted, UTC; written about once a minute"),
    sa.Index("ix_api_tokens_prefix", "prefix"),
    comment="Tokens of the API; the token itself is nowhere",
)
