"""Pages of a company that was never synced, out of rows that its source gives as a sync would load them."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from types import SimpleNamespace
from typing import Any

from lms_etl.api.pulls.rules import Place, Pull
from lms_etl.warehouse.company_settings import CompanySettings

Live = Callable[[int], Generator[Mapping[str, Any], None, None]]
"""The rows of a company by its id, in the order of user and course, with the columns of the reporting table.

It is closed as soon as a page has its rows, so that it can let its connection go.
"""


def live_page(
    rows: Generator[Mapping[str, Any], None, None], pull: Pull, settings: CompanySettings, at: Place, limit: int
) -> tuple[list[Any], bool]:
    """Rows of a pull from a place on, at most `limit`, and whether more follow. It reads no further than it needs."""
    with closing(rows):
        behind = islice(_belonging(rows, pull, settings, at), at.skip, at.skip + limit + 1)
        found = [SimpleNamespace(**{**row, "is_deleted": 0}) for row in behind]
    return found[:limit], len(found) > limit


def _belonging(
    rows: Iterable[Mapping[str, Any]], pull: Pull, settings: CompanySettings, at: Place
) -> Iterator[Mapping[str, Any]]:
    since = pull.completed_since(settings)
    for row in rows:
        if at.key and (row["userid"], row["courseid"]) <= at.key:
            continue
        if since is not None and 0 < row["timecompleted"] < since:
            continue
        if settings.takes(row["courseid"]):
            yield row
