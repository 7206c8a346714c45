"""The question of an export, and what it means once defaults and open ends are filled in."""

import datetime as dt
from dataclasses import dataclass, replace

from lms_etl.api.reading.cursors import Cursor, Filters, Snapshot, cursor_of, snapshot_of
from lms_etl.api.reading.problems import BadAsk

DEFAULT_LIMIT = 1000
MAX_LIMIT = 10_000


@dataclass(frozen=True)
class ExportAsk:
    """Which rows of the report. Without any day: the last complete one; with `updated_since`: of all days.

    Days are local days of the site, `first` and `last` included. `limit` None means all rows in one stream. A cursor
    holds the whole question, so nothing else has to come with it but limit and format. `count` asks for the total; left
    out, it is counted where that is cheap: of one day.
    """

    date: dt.date | None = None
    first: dt.date | None = None
    last: dt.date | None = None
    course_id: str | None = None
    moodle_course_id: int | None = None
    limit: int | None = DEFAULT_LIMIT
    offset: int = 0
    cursor: str | None = None
    updated_since: dt.datetime | None = None
    snapshot: str | None = None
    count: bool | None = None


@dataclass(frozen=True)
class Question:
    """An ask that was checked: the rows of a pull, the page of it, and the state its other pages came from."""

    filters: Filters
    limit: int | None
    offset: int = 0
    after: Cursor | None = None
    expected: str | None = None
    wants_total: bool | None = None

    @property
    def of_one_day(self) -> bool:
        return self.filters.first is not None and self.filters.first == self.filters.last

    @property
    def is_first(self) -> bool:
        return not self.offset and self.after is None

    @property
    def count(self) -> bool:
        """Whether the rows of the whole pull are to be counted."""
        return self.of_one_day if self.wants_total is None else self.wants_total


def question(
    ask: ExportAsk, default_day: dt.date, newest_day: dt.date | None, oldest_change: dt.datetime | None
) -> Question:
    """What an ask means when the last complete day is `default_day` and `newest_day` the last one loaded.

    An open end is closed at the newest day, so that a day loaded between two pages does not belong to the pull.
    `oldest_change` (UTC): what the registry forgot, no increment can tell. Raises BadAsk.
    """
    _check_numbers(ask)
    if ask.cursor:
        return _continued(ask, cursor_of(ask.cursor))
    filters = _filters(ask, default_day, newest_day)
    since = filters.updated_since
    if since and oldest_change and since < oldest_change:
        raise BadAsk(
            "updated_since_too_old",
            f"Changes are known since {oldest_change:%Y-%m-%d %H:%M} UTC; take a whole export, then go on from it.",
        )
    if not ask.snapshot:
        return Question(filters, ask.limit, ask.offset, wants_total=ask.count)
    snapshot = snapshot_of(ask.snapshot)
    if ask.last is None and ask.date is None:
        filters = replace(filters, last=snapshot.last)
    return Question(filters, ask.limit, ask.offset, None, snapshot.digest, ask.count)


def oldest_change(now: dt.datetime, retention_days: int) -> dt.datetime | None:
    """The moment before which runs may be purged from the registry; None if they never are."""
    return now - dt.timedelta(days=retention_days) if retention_days else None


def snapshot_text(filters: Filters, digest: str) -> str:
    """What the other pages of the pull hand back."""
    return Snapshot(filters.last, digest).text()


def _check_numbers(ask: ExportAsk) -> None:
    if ask.limit is not None and not 1 <= ask.limit <= MAX_LIMIT:
        raise BadAsk("bad_limit", f"limit is {ask.limit}; it goes from 1 to {MAX_LIMIT:,}.")
    if ask.offset < 0:
        raise BadAsk("bad_offset", f"offset is {ask.offset}; it counts rows to skip, from 0.")
    if ask.date and (ask.first or ask.last):
        raise BadAsk("bad_range", "Ask for one date, or for from and to; not for both.")
    if ask.first and ask.last and ask.first > ask.last:
        raise BadAsk("bad_range", f"from ({ask.first}) is after to ({ask.last}).")


def _continued(ask: ExportAsk, cursor: Cursor) -> Question:
    if ask.offset:
        raise BadAsk("bad_cursor", "A cursor already says where to go on; leave offset out.")
    if ask.snapshot and snapshot_of(ask.snapshot).digest != cursor.digest:
        raise BadAsk("bad_cursor", "The cursor and the snapshot come from different pulls.")
    said = Filters(ask.date or ask.first, ask.date or ask.last, ask.course_id, ask.moodle_course_id, _utc(ask))
    for name, value in vars(said).items():
        if value is not None and value != getattr(cursor.filters, name):
            raise BadAsk("bad_cursor", f"The cursor belongs to another question: {name} differs. Send it alone.")
    return Question(cursor.filters, ask.limit, 0, cursor, cursor.digest, ask.count)


def _filters(ask: ExportAsk, default_day: dt.date, newest_day: dt.date | None) -> Filters:
    first, last = ask.date or ask.first, ask.date or ask.last
    if not (first or last or ask.updated_since):
        first = last = default_day
    return Filters(first, last or newest_day, ask.course_id, ask.moodle_course_id, _utc(ask))


def _utc(ask: ExportAsk) -> dt.datetime | None:
    """The moment as the tables hold it; one without an offset is UTC already."""
    since = ask.updated_since
    return since.astimezone(dt.UTC).replace(tzinfo=None) if since and since.tzinfo else since
