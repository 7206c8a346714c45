"""Reads the next days from a source while the current one is loaded."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@contextmanager
def read_ahead(
    ask: Callable[[Question], Answer], questions: Iterable[Question], connections: int
) -> Iterator[Callable[[], Answer]]:
    """Gives a function that returns the next answer, in the order of the questions.

    At most `connections` questions are under way and as many answers wait, so memory does not grow with their number.
    An error of `ask` is raised when its answer is due.
    """
    pool = ThreadPoolExecutor(max_workers=connections, thread_name_prefix="read-ahead")
    remaining = iter(questions)
    waiting: deque[Future[Answer]] = deque()

    def fill() -> None:
        for question in remaining:
            waiting.append(pool.submit(ask, question))
            if len(waiting) >= 2 * connections:
                break

    def answer() -> Answer:
        if not waiting:
            fill()
        first = waiting.popleft()
        result = first.result()
        fill()
        return result

    fill()
    try:
        yield answer
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
