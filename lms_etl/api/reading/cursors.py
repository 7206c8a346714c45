"""Cursors and snapshots: what a client hands back to get the next page, and a check that it was not altered.

Neither carries any right: who may read what is decided anew at every page. The checksum is there to tell a client that
cut or changed one, not to keep a secret.
"""

import base64
import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from lms_etl.api.reading.problems import BadAsk

_CHECK_BYTES = 9


@dataclass(frozen=True)
class Filters:
    """Which rows a pull is about, with every open end and default filled in; the same for all of its pages."""

    first: date | None = None
    last: date | None = None
    course_id: str | None = None
    moodle_course_id: int | None = None
    updated_since: datetime | None = None


@dataclass(frozen=True)
class Cursor:
    """The place after a page: the day and course of its last row, in a pull over `filters` at `digest`."""

    filters: Filters
    day: date
    course: int
    digest: str

    def text(self) -> str:
        """The cursor as one word of a URL."""
        return sealed([list(asdict(self.filters).values()), self.day, self.course, self.digest])


def cursor_of(text: str) -> Cursor:
    """The cursor that was handed out. Raises BadAsk (bad_cursor) for any other text."""
    try:
        (first, last, course_id, moodle_course_id, since), day, course, digest = opened(text)
        filters = Filters(
            _day(first), _day(last), course_id, moodle_course_id, datetime.fromisoformat(since) if since else None
        )
        return Cursor(filters, date.fromisoformat(day), int(course), str(digest))
    except (ValueError, TypeError):
        raise BadAsk(
            "bad_cursor", "This cursor was not handed out by the API; take next_cursor of the page before as it is."
        ) from None


@dataclass(frozen=True)
class Snapshot:
    """The state of the days of a pull: the last of them, and a digest of which load each of them holds."""

    last: date | None
    digest: str

    def text(self) -> str:
        return sealed([self.last, self.digest])


def snapshot_of(text: str) -> Snapshot:
    """The snapshot that was handed out. Raises BadAsk (bad_snapshot) for any other text."""
    try:
        last, digest = opened(text)
        return Snapshot(_day(last), str(digest))
    except (ValueError, TypeError):
        raise BadAsk(
            "bad_snapshot", "This snapshot was not handed out by the API; take that of the first page as it is."
        ) from None


def digest_of(*parts: Any) -> str:
    """A short text that differs when the parts do."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()


def sealed(values: list[Any]) -> str:
    """Values as URL-safe text that begins with its checksum."""
    content = json.dumps(values, separators=(",", ":"), default=lambda value: value.isoformat()).encode()
    return base64.urlsafe_b64encode(_check(content) + content).decode().rstrip("=")


def opened(text: str) -> Any:
    """The values of a sealed text. Raises ValueError if it was altered."""
    raw = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    check, content = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
    if check != _check(content):
        raise ValueError("altered")
    return json.loads(content)


def _check(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECK_BYTES, person=b"lms_etl page").digest()


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
