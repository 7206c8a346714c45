"""The warehouse's schema: its version, and the migrations that bring it to the newest one."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from lms_etl import databases
from lms_etl.warehouse import tables
from lms_etl.warehouse.locks import locked
from lms_etl.warehouse.warehouse import SETTING, SchemaError, Warehouse

_MIGRATION_SECONDS = 300
"""How long a migration waits for another one, which usually leaves it nothing to do."""


def migrate(warehouse: Warehouse) -> tuple[str | None, str]:
    """Brings the schema to the newest version; returns the version before and after. Twice is as good as once."""
    from alembic import command

    with databases.plain_errors(SETTING, warehouse.url), warehouse.engine.connect() as connection:
        connection = connection.execution_options(begin="immediate")  # noqa: PLW2901
        with locked(connection, "migrate:schema", wait=_MIGRATION_SECONDS):
            before = version(connection)
            connection.rollback()
            command.upgrade(alembic_config(connection), "head")
            connection.commit()
        return before, str(version(connection))


def version(connection: sa.Connection) -> str | None:
    """The version of the schema, None where there is none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("select version_num from alembic_version")).scalar()


def require_current(warehouse: Warehouse) -> None:
    """Raises SchemaError unless the warehouse has the version that this program writes."""
    with warehouse.reading() as connection:
        found = version(connection)
    if found != tables.SCHEMA_VERSION:
        state = "has no tables yet" if found is None else f"has schema version {found}"
        raise SchemaError(
            f"The warehouse ({SETTING}={warehouse.url.render_as_string(hide_password=True)}) {state}; "
            f"this program needs version {tables.SCHEMA_VERSION}. Run `lms-etl migrate`."
        )


def alembic_config(connection: sa.Connection) -> Any:
    """Alembic's settings for the given connection; there is no alembic.ini to find."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
