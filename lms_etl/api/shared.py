"""One reading for everybody who asks the same at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from anyio import to_thread

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

Place = tuple[asyncio.AbstractEventLoop, Key]
"""A task belongs to its event loop."""


class SharedReading(Generic[Key, Value]):
    """Answers those who ask the same by one reading, which begins after each of them asked: so nobody's is old.

    Fifty clients at once cost the database a reading or two instead of fifty, and the event loop as few changes of
    threads. `read` runs in a thread; what it raises is raised to everybody.
    """

    def __init__(self, read: Callable[[Key], Value]) -> None:
        self._read = read
        self._next: dict[Place[Key], asyncio.Task[Value | Exception]] = {}
        self._under_way: dict[Place[Key], asyncio.Task[Value | Exception]] = {}

    async def ask(self, key: Key) -> Value:
        """The value, read after this call."""
        place = (asyncio.get_running_loop(), key)
        reading = self._next.get(place)
        if reading is None:
            reading = self._next[place] = asyncio.create_task(self._read_after(self._under_way.get(place), place))
        # Shielded: a client that leaves must not take the answer from the others.
        found = await asyncio.shield(reading)
        if isinstance(found, Exception):
            raise found
        return found

    async def _read_after(self, before: Awaitable[object] | None, place: Place[Key]) -> Value | Exception:
        """Waits for the reading that began before these clients asked, then reads."""
        if before is not None:
            await before
        own = self._under_way[place] = self._next.pop(place)
        try:
            return await to_thread.run_sync(self._read, place[1])
        except Exception as error:
            return error
        finally:
            if self._under_way.get(place) is own:
                del self._under_way[place]
