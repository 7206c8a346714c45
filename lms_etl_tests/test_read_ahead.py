"""Reading ahead: answers in order, never too many at once, and nothing left running."""

import threading
import time
from collections.abc import Iterator

import pytest

from lms_etl.sources.read_ahead import read_ahead


def reading_threads() -> list[str]:
    """Names of the reader's threads that still live."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("read-ahead")]


def test_answers_come_in_the_order_of_the_questions() -> None:
    def ask(number: int) -> int:
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number * 10

    with read_ahead(ask, range(12), connections=3) as answer:
        assert [answer() for _ in range(12)] == [number * 10 for number in range(12)]


def test_no_more_questions_are_under_way_than_connections() -> None:
    now, most = 0, 0
    lock = threading.Lock()

    def ask(number: int) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.005)
        with lock:
            now -= 1
        return number

    with read_ahead(ask, range(20), connections=2) as answer:
        assert [answer() for _ in range(20)] == list(range(20))
    assert most == 2, "both connections were used, and no third"


def test_questions_are_taken_only_as_answers_are_used_up() -> None:
    taken: list[int] = []

    def questions() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    with read_ahead(lambda number: number, questions(), connections=2) as answer:
        for used in range(1, 11):
            answer()
            time.sleep(0.002)
            assert len(taken) <= used + 4, "as many wait as are under way: two and two"
    assert len(taken) < 20


def test_the_next_question_is_asked_while_the_answer_is_used() -> None:
    asked: list[int] = []
    second = threading.Event()

    def ask(number: int) -> int:
        asked.append(number)
        if number == 1:
            second.set()
        return number

    with read_ahead(ask, range(2), connections=1) as answer:
        answer()
        assert second.wait(5)
    assert asked == [0, 1]


def test_an_error_is_raised_when_its_answer_is_due_and_not_before() -> None:
    def ask(number: int) -> int:
        if number == 2:
            raise ValueError("day 2 cannot be read")
        return number

    with read_ahead(ask, range(5), connections=2) as answer:
        assert [answer(), answer()] == [0, 1]
        with pytest.raises(ValueError, match="day 2 cannot be read"):
            answer()


def test_after_an_error_nothing_is_left_running_and_nothing_more_is_asked() -> None:
    asked: list[int] = []

    def ask(number: int) -> int:
        asked.append(number)
        time.sleep(0.02)
        if number == 0:
            raise ValueError("no")
        return number

    with pytest.raises(ValueError, match="no"), read_ahead(ask, range(50), connections=2) as answer:
        answer()
    assert reading_threads() == []
    count = len(asked)
    assert count <= 5
    time.sleep(0.05)
    assert len(asked) == count


def test_leaving_early_cancels_what_has_not_begun() -> None:
    asked: list[int] = []

    def ask(number: int) -> int:
        asked.append(number)
        time.sleep(0.05)
        return number

    with read_ahead(ask, range(50), connections=1) as answer:
        answer()
    assert reading_threads() == []
    assert len(asked) <= 3


def test_no_questions_need_no_answers() -> None:
    with read_ahead(lambda number: number, iter(()), connections=2):
        assert reading_threads() == []
