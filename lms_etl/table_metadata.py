"""What Dagster's catalogue is told of an asset that is a table."""

from typing import Any

import dagster as dg
import sqlalchemy as sa


def described(table: sa.Table) -> dict[str, Any]:
    """The definition metadata of an asset that is a table: its name, and every column with type and meaning."""
    columns = [
        dg.TableColumn(
            column.name,
            str(column.type).lower(),
            column.comment,
            dg.TableColumnConstraints(nullable=bool(column.nullable), unique=column.primary_key),
        )
        for column in table.columns
    ]
    return {"dagster/table_name": table.name, "dagster/column_schema": dg.TableSchema(columns)}
