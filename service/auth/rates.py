"""How many requests each caller may make in a time: counted in Redis, for all processes of the API together."""

import time
from typing import Final

import structlog
from limits import RateLimitItem
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from jobs.infra.access_settings import parse_rates
from jobs.infra.redis_connection import connect
from service.problems import Problem

log: Final = structlog.get_logger(__name__)
_PREFIX: Final = "v2m:rates"
_REDIS_TIMEOUT_S: Final = 1.0


class Rates:
    """The limits of the setting. Without an answer from Redis requests pass: better no limit than no service."""

    def __init__(self, text: str | None, redis_url: str) -> None:
        """``text`` as in ``V2M_RATE_LIMIT``, None for no limit; ValueError when it is malformed."""
        self._rates = [] if text is None else parse_rates(text)
        # Asks once and does not wait: a request whose answer got lost must not be counted twice.
        self._redis = connect(redis_url, _REDIS_TIMEOUT_S, retries=0)
        storage = RedisStorage("redis://", connection_pool=self._redis.connection_pool, key_prefix=_PREFIX)
        self._window = MovingWindowRateLimiter(storage)

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return bool(self._rates)

    def count(self, caller: str) -> None:
        """Counts one request; Problem 429 when that is too many, and then it does not count. Blocks."""
        try:
            # The shortest window is asked first. When a longer one refuses, the shorter ones have counted in vain,
            # and forget it first.
            refusing = next((rate for rate in self._rates if not self._window.hit(rate, caller)), None)
            if refusing is None:
                return
            wait_s = max(self._wait_s(rate, caller) for rate in self._rates)
        except RedisError as error:
            log.warning("rates_not_checked", error=str(error))
            return
        # One more than the whole seconds: what came exactly a window ago still counts.
        headers = {"Retry-After": str(int(wait_s) + 1)}
        detail = f"More than {refusing} requests. Try again in {headers['Retry-After']} s."
        raise Problem(429, "rate_limited", detail, headers=headers, limit=str(refusing))

    def close(self) -> None:
        """Closes its connections."""
        self._redis.close()

    def _wait_s(self, rate: RateLimitItem, caller: str) -> float:
        """Seconds until this rate allows another request."""
        stats = self._window.get_window_stats(rate, caller)
        return 0.0 if stats.remaining > 0 else max(0.0, stats.reset_time - time.time())
