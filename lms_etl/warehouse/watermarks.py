"""How far a source has been looked through for rows that came late (`etl_watermarks`)."""

from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from lms_etl.warehouse.tables import etl_watermarks as watermarks

MOODLE_LOG = "moodle_log"


class MovedMeanwhileError(Exception):
    """Somebody else looked and moved the watermark since it was read: their look counts."""


@dataclass(frozen=True)
class Watermark:
    """Ids up to `source_max_id` are looked through; those above `overlap_from` are read again by the next look.

    `overlap_rows` counts the rows between the two, so that one that is committed late shows. `checked_at`: UTC.
    """

    source_max_id: int
    overlap_from: int
    overlap_rows: int
    checked_at: datetime


def read(connection: sa.Connection, name: str = MOODLE_LOG) -> Watermark | None:
    """The watermark, None before the first look."""
    query = sa.select(
        watermarks.c.source_max_id, watermarks.c.overlap_from, watermarks.c.overlap_rows, watermarks.c.checked_at
    )
    row = connection.execute(query.where(watermarks.c.name == name)).first()
    return Watermark(*row) if row else None


def move(
    connection: sa.Connection,
    before: Watermark | None,
    after: Watermark,
    reason: str | None = None,
    name: str = MOODLE_LOG,
) -> None:
    """Writes the watermark; the caller commits it together with what the look found.

    `reason` says why it was set back; without one the last reason stays. Raises MovedMeanwhileError unless the
    watermark is still `before`.
    """
    values = asdict(after) | ({"reason": reason} if reason else {})
    if before is None:
        try:
            with connection.begin_nested():
                connection.execute(sa.insert(watermarks), {"name": name, **values})
        except sa.exc.IntegrityError:
            raise MovedMeanwhileError from None
        return
    same = (watermarks.c.name == name, watermarks.c.checked_at == before.checked_at)
    if connection.execute(sa.update(watermarks).where(*same).values(values)).rowcount != 1:
        raise MovedMeanwhileError
