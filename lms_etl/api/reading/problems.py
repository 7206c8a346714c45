"""What can be wrong with a question, each with a stable code and the HTTP status it stands for."""


class ReadingProblem(Exception):
    """A question that is not answered. `str()` says what is wrong and what to do; it holds no SQL."""

    status = 400

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class BadAsk(ReadingProblem):
    """The question itself cannot be answered; codes: bad_range, bad_limit, bad_cursor, bad_snapshot, bad_format ..."""


class SnapshotChanged(ReadingProblem):
    """What was asked for was loaded anew between two pages: the client starts again from the first one."""

    status = 409

    def __init__(self) -> None:
        super().__init__(
            "snapshot_changed",
            "The days asked for were loaded anew since the first page, so its pages would not agree. "
            "Start again from the first page.",
        )
