"""What an asset has for one day: rows, a way to make them in the warehouse, or a reason to keep those of before."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lms_etl.warehouse.warehouse import Load


@dataclass(frozen=True)
class Rows:
    """The rows of one day, ready to load, and what else the day's metadata shall tell."""

    columns: dict[str, list[Any]]
    rows_read: int | None = None
    source_max_id: int | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def enter(self, load: Load) -> dict[str, Any]:
        """Makes them the stored rows of the day; returns the metadata."""
        load.replace(self.columns, self.rows_read, self.source_max_id)
        return self.metadata


@dataclass(frozen=True)
class Derivation:
    """Rows of one day that the warehouse makes itself, by sql/warehouse/<name>.sql in parts of its rows."""

    name: str
    parameters: dict[str, Any]
    parts: Sequence[dict[str, Any]]
    totals: Sequence[str] = ()
    """Columns whose sums the metadata tells."""

    def enter(self, load: Load) -> dict[str, Any]:
        """Makes the rows in the warehouse; returns the metadata."""
        load.derive(self.name, self.parameters, self.parts)
        return {column: load.total(column) for column in self.totals}


@dataclass(frozen=True)
class Kept:
    """Instead of rows: why the day keeps those that it has."""

    reason: str


Prepared = Rows | Derivation | Kept
