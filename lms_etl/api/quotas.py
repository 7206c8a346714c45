"""Rate limits: requests per user, and failed attempts per address; counted in memory, or in Redis for all processes."""

import time
from contextlib import suppress

from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter, RateLimiter

from lms_etl.api.errors import ApiError
from lms_etl.api.request_log import logger
from lms_etl.settings import Settings


class Quotas:
    """Counts requests. While Redis does not answer each process counts for itself: an API without it beats none."""

    def __init__(self, settings: Settings) -> None:
        self.requests = parse(settings.api_rate_limit.replace("/", " per ", 1))
        self.failures = parse(settings.api_failed_limit.replace("/", " per ", 1))
        self.url = settings.redis_url
        self.local = MovingWindowRateLimiter(MemoryStorage())
        self.shared: RateLimiter | None = None
        if self.url:
            storage = storage_from_string(self.url, wrap_exceptions=True, socket_timeout=1, socket_connect_timeout=1)
            self.shared = MovingWindowRateLimiter(storage)

    def request(self, username: str) -> None:
        """Counts a request of a user. Raises ApiError `too_many_requests`."""
        self._count(self.requests, "user", username)

    def failure(self, address: str) -> None:
        """Counts an attempt without a valid token. Raises ApiError `too_many_requests`."""
        self._count(self.failures, "address", address)

    def _count(self, limit: RateLimitItem, kind: str, key: str) -> None:
        for limiter in (self.shared, self.local):
            if limiter is None:
                continue
            try:
                if limiter.hit(limit, "lms_etl", kind, key):
                    return
                reset = limiter.get_window_stats(limit, "lms_etl", kind, key).reset_time
            except StorageError:
                logger.warning("The rate limits' Redis (REDIS_URL) does not answer; this process counts for itself.")
                continue
            logger.warning("quota", extra={"event": "quota", "reason": f"{kind}: {limit}"})
            wait = max(1, int(reset - time.time()) + 1)
            raise ApiError("too_many_requests", f"{limit}", {"Retry-After": str(wait)})

    def answers(self) -> bool | None:
        """Whether Redis answers; None without one."""
        if self.shared is None:
            return None
        with suppress(StorageError, OSError):
            return bool(self.shared.storage.check())
        return False

    def close(self) -> None:
        """Ends the timer of the counts in memory."""
        self.local.storage.reset()
        self.local.storage.timer.cancel()  # type: ignore[attr-defined]
