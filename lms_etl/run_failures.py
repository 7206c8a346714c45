"""Why a step or a run of Dagster failed, in the plain words of its innermost error."""

from typing import Any


def innermost(error: Any) -> Any:
    """The error that began it, of a serialized error of Dagster with its chain of causes."""
    while error.cause is not None:
        error = error.cause
    return error


def told_by(failure: Any) -> str:
    """The plain message of a failed step: what it said itself, else its innermost error."""
    if failure.user_failure_data and failure.user_failure_data.description:
        return str(failure.user_failure_data.description)
    return " ".join(str(innermost(failure.error).message).split())
