"""Which pull a client gets, where a page of it begins, and when the client counts as having it all. Pure.

A pull is the set of rows with `change_number > after`, in the order (userid, courseid), which never changes. A row that
a sync changes between two pages stays in that set, since its number only grows: no page moves up and skips a row. It
may come in its newer form, and comes again with the next incremental pull, because the client's watermark becomes
`through`, the number of the company when the pull began. Pages go on behind the key of the last row given; an offset
that goes back, to ask for a page again, counts from the beginning and finds it at its place or before it.
"""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from lms_etl.warehouse.company_settings import CompanySettings

Mode = Literal["first", "full", "incremental"]
AUTO, ALWAYS_INCREMENTAL, ALWAYS_FULL, UNNOTED = range(4)
"""The values of the setting sync_mode."""

HOUR = 3600


class Key(NamedTuple):
    """The place of a row in every pull of a company."""

    userid: int
    courseid: int


@dataclass(frozen=True)
class Pull:
    """A pull, and how far it has come. `started` are unix seconds; `offset` counts the rows given without a gap."""

    mode: Mode
    after: int
    through: int
    started: int
    offset: int = 0
    key: Key | None = None
    """The last of those rows."""
    ended: bool = False

    @property
    def with_tombstones(self) -> bool:
        """Whether rows that are gone belong to it: a client that has nothing need not be told what is gone."""
        return self.after > 0

    def completed_since(self, settings: CompanySettings) -> int | None:
        """Completions before it (unix seconds) are left out of a first pull; None: nothing is."""
        if self.mode != "first" or not settings.first_sync_hours:
            return None
        return self.started - settings.first_sync_hours * HOUR


@dataclass(frozen=True)
class Status:
    """What is noted about a token at a company. `watermark`: it has every change up to it; `last`: unix seconds."""

    watermark: int = 0
    last: int = 0
    outcome: str = ""
    pulls_ended: int = 0
    content_mark: str = ""
    pull: Pull | None = None


def mode_of(settings: CompanySettings, status: Status, content_mark: str, through: int, now: int) -> Mode:
    """The mode of a pull that begins now (unix seconds) at a company whose newest change is `through`.

    Auto is full without a pull that ended, after one that failed or was given up, when the last one is older than the
    window, when other fields or courses were switched on or off since (the client lacks rows that did not change), and
    when the company's numbers began anew.
    """
    if not status.pulls_ended and settings.sync_mode != UNNOTED:
        return "first"
    if settings.sync_mode == ALWAYS_INCREMENTAL:
        return "incremental"
    if settings.sync_mode != AUTO:
        return "full"
    stale = now - status.last > settings.sync_window_hours * HOUR
    fits = status.content_mark == content_mark and status.watermark <= through
    return "incremental" if status.outcome == "success" and fits and not stale else "full"


def begun(mode: Mode, status: Status, through: int, now: int) -> Pull:
    """A pull that begins now, at a company whose newest change is `through`."""
    return Pull(mode, status.watermark if mode == "incremental" else 0, through, now)


class Place(NamedTuple):
    """Where a page begins: behind a key (None: at the first row), some rows further on."""

    key: Key | None
    skip: int


def place(pull: Pull, offset: int) -> Place | None:
    """Where the page at an offset begins; None if it lies behind the end."""
    if offset < pull.offset:
        return Place(None, offset)
    if pull.ended:
        return None
    return Place(pull.key, offset - pull.offset)


def given(pull: Pull, offset: int, rows: int, last: Key | None, has_next: bool) -> Pull:
    """The pull after a page was given. A page that leaves a gap before it is no progress: nobody has those rows.

    A page that is asked for again takes the pull back to its end, so that the next one follows it without a gap.
    """
    if offset > pull.offset:
        return pull
    return replace(pull, offset=offset + rows, key=last or pull.key, ended=not has_next)
