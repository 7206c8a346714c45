"""Answers that are kept, to be given again without reading their rows: in this process, or in Redis for all of them.

An answer is found by a key that holds everything it depends on, the company's change number and settings version among
it. So a sync or a changed setting needs nobody to clear anything: what it made old is never asked for again, and goes
when its time is over or when newer answers need the room.
"""

import json
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from lms_etl import clock
from lms_etl.api.request_log import logger

LARGEST_SHARE = 8
"""An answer larger than this part of the room is not kept: it would push out too many others."""


@dataclass(frozen=True)
class Kept:
    """The rows of a page as JSON, how many they are, the key of the last one, and whether more follow."""

    body: bytes
    count: int
    last: tuple[int, int] | None
    has_next: bool


@dataclass
class Entry:
    """A kept answer with its end (unix seconds), and how often it was given again and when last."""

    kept: Kept
    expires: float
    hit_count: int = 0
    last_accessed: float = 0


class Answers:
    """Answers kept in this process, up to a number of bytes; those not asked for longest go first."""

    def __init__(self, most_bytes: int) -> None:
        self.entries: OrderedDict[str, Entry] = OrderedDict()
        self.most, self.bytes = most_bytes, 0
        self.guard = threading.Lock()

    def find(self, key: str) -> Kept | None:
        """The answer of that key, if it is there and its time is not over."""
        now = clock.now().timestamp()
        with self.guard:
            entry = self.entries.get(key)
            if entry is None or entry.expires <= now:
                return None
            self.entries.move_to_end(key)
            entry.hit_count += 1
            entry.last_accessed = now
            return entry.kept

    def keep(self, key: str, kept: Kept, seconds: int) -> None:
        """Keeps an answer for a time."""
        if len(kept.body) > self.most // LARGEST_SHARE:
            return
        with self.guard:
            self._drop(key)
            self.entries[key] = Entry(kept, clock.now().timestamp() + seconds)
            self.bytes += len(kept.body)
            while self.bytes > self.most:
                self._drop(next(iter(self.entries)))

    def purge(self) -> int:
        """Drops the answers whose time is over; returns how many."""
        now = clock.now().timestamp()
        with self.guard:
            old = [key for key, entry in self.entries.items() if entry.expires <= now]
            for key in old:
                self._drop(key)
        return len(old)

    def close(self) -> None:
        """Lets all of it go."""
        with self.guard:
            self.entries.clear()
            self.bytes = 0

    def _drop(self, key: str) -> None:
        entry = self.entries.pop(key, None)
        self.bytes -= len(entry.kept.body) if entry else 0


class SharedAnswers:
    """Answers kept in Redis or Valkey. While it does not answer, this process keeps its own."""

    def __init__(self, url: str, own: Answers) -> None:
        # Here, since it takes half a second, and few have one.
        import redis

        self.own = own
        self.problem = redis.RedisError
        self.client = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)

    def find(self, key: str) -> Kept | None:
        """The answer of that key, if it is there."""
        try:
            found: Any = self.client.get(_name(key))
            if found is None:
                return None
            # Apart from the answer: it lives as long, and counts in one step whoever else counts.
            pipeline = self.client.pipeline(transaction=False)
            pipeline.incr(f"{_name(key)}:hits")
            pipeline.expire(f"{_name(key)}:hits", 86_400)
            pipeline.execute()
        except self.problem:
            return self.own.find(key)
        head, _, body = found.partition(b"\n")
        told = json.loads(head)
        return Kept(body, told["count"], tuple(told["last"]) if told["last"] else None, told["has_next"])

    def keep(self, key: str, kept: Kept, seconds: int) -> None:
        """Keeps an answer for a time; Redis itself ends it."""
        head = {name: value for name, value in asdict(replace(kept, body=b"")).items() if name != "body"}
        try:
            self.client.set(_name(key), json.dumps(head).encode() + b"\n" + kept.body, ex=seconds)
        except self.problem:
            logger.warning("The cache's Redis (REDIS_URL) does not answer; this process keeps its own answers.")
            self.own.keep(key, kept, seconds)

    def hit_count(self, key: str) -> int:
        """How often an answer was given again."""
        found: Any = self.client.get(f"{_name(key)}:hits")
        return int(found or 0)

    def purge(self) -> int:
        """Drops what this process kept and whose time is over."""
        return self.own.purge()

    def close(self) -> None:
        """Lets the connections go."""
        with suppress(self.problem):
            self.client.close()


def _name(key: str) -> str:
    return f"lms_etl:answer:{key}"


def answers_of(redis_url: str, megabytes: int) -> Answers | SharedAnswers:
    """Where the settings want answers to be kept."""
    own = Answers(megabytes << 20)
    return SharedAnswers(redis_url, own) if redis_url else own
