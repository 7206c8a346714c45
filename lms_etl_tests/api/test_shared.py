"""Readings that many share: one for all who ask at once, and never older than the question."""

import asyncio
import threading

import pytest

from lms_etl.api.shared import SharedReading


class Slow:
    """A source whose reading takes as long as it is told to; it counts how often it is read."""

    def __init__(self) -> None:
        self.value, self.readings = "old", 0
        self.go_on, self.begun = threading.Event(), threading.Event()

    def read(self, key: str) -> str:
        self.readings += 1
        value = self.value
        self.begun.set()
        assert self.go_on.wait(timeout=10)
        if value == "broken":
            raise OSError(key)
        return f"{key} {value}"


async def begun(slow: Slow) -> None:
    """Returns when a reading has looked at the value."""
    await asyncio.to_thread(slow.begun.wait, 10)


def test_who_asks_at_once_shares_a_reading_and_who_asks_later_gets_a_newer_one() -> None:
    slow = Slow()

    async def scene() -> list[str]:
        shared = SharedReading(slow.read)
        first = [asyncio.create_task(shared.ask("day")) for _ in range(20)]
        await begun(slow)
        slow.value = "new"
        later = [asyncio.create_task(shared.ask("day")) for _ in range(20)]
        await asyncio.sleep(0)
        slow.go_on.set()
        return await asyncio.gather(*first, *later)

    assert asyncio.run(scene()) == ["day old"] * 20 + ["day new"] * 20
    assert slow.readings == 2


def test_different_questions_do_not_wait_for_each_other() -> None:
    slow = Slow()
    slow.go_on.set()

    async def scene() -> list[str]:
        shared = SharedReading(slow.read)
        return await asyncio.gather(shared.ask("a"), shared.ask("b"))

    assert asyncio.run(scene()) == ["a old", "b old"]
    assert slow.readings == 2


def test_an_error_is_raised_to_everybody_and_is_not_kept() -> None:
    slow = Slow()
    slow.value = "broken"
    slow.go_on.set()

    async def scene() -> str:
        shared = SharedReading(slow.read)
        found = await asyncio.gather(*(shared.ask("day") for _ in range(3)), return_exceptions=True)
        assert [str(each) for each in found] == ["day"] * 3
        assert all(isinstance(each, OSError) for each in found)
        slow.value = "mended"
        return await shared.ask("day")

    assert asyncio.run(scene()) == "day mended"


def test_a_client_that_leaves_takes_the_answer_from_nobody() -> None:
    slow = Slow()

    async def scene() -> str:
        shared = SharedReading(slow.read)
        leaving, staying = asyncio.create_task(shared.ask("day")), asyncio.create_task(shared.ask("day"))
        await begun(slow)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        slow.go_on.set()
        return await staying

    assert asyncio.run(scene()) == "day old"
    assert slow.readings == 1
