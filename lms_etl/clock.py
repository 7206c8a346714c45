"""The present. Whatever depends on the time asks here, so that a test can stand at any moment of the site."""

from datetime import UTC, datetime


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(tz=UTC)
