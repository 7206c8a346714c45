"""A page of rows, and the pages that a process keeps: what was just asked for comes without reading its rows again.

A kept page is found by the version of its days, which is read for every answer, and by the rows that its reader may
see: so it is neither old nor another's. What no load did (a purge of facts, somebody's own SQL) shows after a minute.
"""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

MOST_BYTES = 32 << 20
LARGEST_BYTES = 1 << 20
"""A larger page is not kept: it would push out dozens of others."""
SECONDS = 60


@dataclass
class Page:
    """The rows of a page, the key of the last one, whether more follow, and how many there are in all if counted."""

    rows: list[Any]
    count: int
    last: Any
    has_next: bool
    total: int | None
    body: bytes | None = None
    """The rows as written in the format of the page; a kept page has nothing else of them."""
    kept_at: float = 0


class KeptPages:
    """The pages read last, up to 32 MB of text, by a key that names question, reader's rows, version and format."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._pages: OrderedDict[str, Page] = OrderedDict()
        self._most, self._bytes = most_bytes, 0
        self._guard = threading.Lock()

    def find(self, key: str) -> Page | None:
        """The page of that key, if it is still there."""
        with self._guard:
            page = self._pages.get(key)
            if page is None or time.monotonic() - page.kept_at > SECONDS:
                return None
            self._pages.move_to_end(key)
            return page

    def keep(self, key: str, page: Page, body: bytes) -> None:
        """Keeps a page with its text, and drops those that were not asked for longest."""
        if len(body) > LARGEST_BYTES:
            return
        with self._guard:
            self._drop(self._pages.pop(key, None))
            self._pages[key] = replace(page, rows=[], body=body, kept_at=time.monotonic())
            self._bytes += len(body)
            while self._bytes > self._most:
                self._drop(self._pages.popitem(last=False)[1])

    def _drop(self, page: Page | None) -> None:
        self._bytes -= len(page.body or b"") if page else 0
