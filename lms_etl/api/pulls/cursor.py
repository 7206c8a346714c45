"""What a client of the clean route hands back: the place after a page, or that it has stored the whole pull.

Neither carries any right: whose rows may be read is decided anew at every call.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

from lms_etl.api.pulls.rules import Key, Mode, Pull
from lms_etl.api.reading.cursors import opened, sealed
from lms_etl.api.reading.problems import BadAsk

Kind = Literal["next", "ack"]
OWNER = 16
"""Digits of the token's hash that say whose pull it is."""


@dataclass(frozen=True)
class Cursor:
    """A pull of a token at a company, as far as it has come; `explicit`: its end waits for an acknowledgement."""

    companyid: int
    owner: str
    pull: Pull
    explicit: bool
    content_mark: str

    def text(self, kind: Kind) -> str:
        """The cursor as one word of a URL."""
        pull = self.pull
        place = [pull.mode, pull.after, pull.through, pull.started, pull.offset, *(pull.key or (None, None))]
        return sealed([kind, self.companyid, self.owner, place, self.explicit, self.content_mark])


def cursor_of(text: str, kind: Kind, token_hash: str) -> Cursor:
    """The cursor that was handed out to this token. Raises BadAsk (bad_cursor) for any other text."""
    try:
        its_kind, companyid, owner, place, explicit, mark = opened(text)
        mode, *numbers = place
        if (its_kind, owner) != (kind, token_hash[:OWNER]) or mode not in get_args(Mode):
            raise ValueError("another's")  # noqa: TRY301
        after, through, started, offset, userid, courseid = (_number(each) for each in numbers)
        key = Key(userid, courseid) if userid is not None and courseid is not None else None
        if None in (after, through, started, offset) or not re.fullmatch("[0-9a-f]{16}", mark):
            raise ValueError("altered")  # noqa: TRY301
        pull = Pull(mode, after or 0, through or 0, started or 0, offset or 0, key)
        return Cursor(_number(companyid) or 0, owner, pull, bool(explicit), mark)
    except (ValueError, TypeError):
        raise BadAsk(
            "bad_cursor", f"This {kind} was not handed out to this token; take that of the answer before as it is."
        ) from None


def _number(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and 0 <= value < 2**53):
        return value
    raise ValueError("not a number")
