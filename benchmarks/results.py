"""What a contender left in the warehouse, in numbers that differ as soon as one row does."""

from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from lms_etl.sources.moodle import VIEWS
from lms_etl.warehouse.tables import FACTS, key_column

OURS_ALONE = {"id", "student_views"}
"""Numbers that are not part of the comparison."""


class Difference(Exception):
    """Two contenders do not agree on a number."""

    @classmethod
    def check(cls, name: str, one: dict[str, Any], other_name: str, other: dict[str, Any]) -> None:
        wrong = [f"{key}: {one.get(key)} and {other[key]}" for key in other if one.get(key) != other[key]]
        if wrong:
            raise cls(f"{name} and {other_name} differ.\n" + "\n".join(wrong))


def summary_of(url: str) -> dict[str, Any]:
    """For each of the three tables its rows and days, and for each number its sum, alone and weighted by the course."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = {table.name: _summary(connection, table) for table in FACTS}
    engine.dispose()
    return {**found, "views": sum(found[FACTS[0].name][kind] for kind in VIEWS)}


def _summary(connection: sa.Connection, table: sa.Table) -> dict[str, Any]:
    key = table.c[key_column(table)]
    day = table.c.extraction_date
    asked: dict[str, Any] = {"rows": sa.func.count(), "days": sa.func.count(day.distinct())}
    asked |= {"first day": sa.func.min(day), "last day": sa.func.max(day)}
    for column in table.columns:
        if isinstance(column.type, sa.Integer | sa.Numeric) and column.name not in OURS_ALONE:
            asked[column.name] = sa.func.sum(column)
            asked[f"{column.name} by course"] = sa.func.sum(column * (key % 997))
            asked[f"{column.name} there"] = sa.func.count(column)
        elif isinstance(column.type, sa.Text | sa.String):
            asked[f"{column.name} length"] = sa.func.sum(sa.func.length(column))
    row = connection.execute(sa.select(*(value.label(name) for name, value in asked.items()))).one()
    return {name: _comparable(value) for name, value in zip(asked, row, strict=True)}


def _comparable(value: Any) -> Any:
    """Sums come as integers, decimals or, of SQLite's averages, as doubles."""
    if isinstance(value, float | Decimal):
        return round(float(value), 2)
    return value
