"""Rate limits of each key or address, counted in Redis for all processes of the API together."""

import time
from typing import Final

import structlog
from limits import RateLimitItem
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from jobs.infra.access_settings import parse_rates
from jobs.infra.redis_connection import connect
from service.errors.access import RateLimited

log: Final = structlog.get_logger(__name__)
_PREFIX: Final = "v2m:rates"
_REDIS_TIMEOUT_S: Final = 1.0


class Rates:
    """The limits of ``V2M_RATE_LIMIT``. Without an answer from Redis requests pass: better no limit than no service."""

    def __init__(self, text: str | None, redis_url: str) -> None:
        """``text`` as in ``V2M_RATE_LIMIT``, None for no limit; ValueError when it is malformed."""
        self._rates = [] if text is None else parse_rates(text)
        # One try only: a request must not be counted twice when the first answer was lost.
        self._redis = connect(redis_url, _REDIS_TIMEOUT_S, retries=0)
        storage = RedisStorage("redis://", connection_pool=self._redis.connection_pool, key_prefix=_PREFIX)
        self._window = MovingWindowRateLimiter(storage)

    @property
    def limited(self) -> bool:
        """True if there is a limit."""
        return bool(self._rates)

    def count(self, caller: str) -> None:
        """Counts one request; Problem 429 if it is over the limit, and then it is not counted. Blocks."""
        try:
            # The shortest window comes first. If a longer one refuses, the shorter ones have already counted the
            # request, but they also forget it first.
            refusing = next((rate for rate in self._rates if not self._window.hit(rate, caller)), None)
            if refusing is None:
                return
            wait_s = max(self._wait_s(rate, caller) for rate in self._rates)
        except RedisError as error:
            log.warning("rates_not_checked", error=str(error))
            return
        # Rounded up: a request of exactly one window ago still counts.
        raise RateLimited(str(refusing), retry_after_s=int(wait_s) + 1)

    def close(self) -> None:
        """Closes its connections."""
        self._redis.close()

    def _wait_s(self, rate: RateLimitItem, caller: str) -> float:
        """Seconds until this rate allows another request."""
        stats = self._window.get_window_stats(rate, caller)
        return 0.0 if stats.remaining > 0 else max(0.0, stats.reset_time - time.time())
