"""Housekeeping thread of a worker: recovers the jobs of lost workers and removes expired files."""

import threading
from collections.abc import Callable
from typing import Final

import structlog
from redis import Redis
from redis.exceptions import RedisError

from jobs.infra.redis_connection import hold_lock
from jobs.recovery import Reconciler
from jobs.retention import Retention
from jobs.store import StoreError
from worker import metrics

log: Final = structlog.get_logger(__name__)


class Housekeeping:
    """Runs rounds at once and then every ``interval_s`` seconds. Unlike RQ's maintenance, it also runs during a job."""

    def __init__(self, redis: Redis, reconciler: Reconciler, retention: Retention, interval_s: float) -> None:
        """Many workers may reconcile at the same time; a lock lets only one of them remove expired files."""
        self._redis = redis
        self._reconciler = reconciler
        self._retention = retention
        self._interval_s = interval_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Starts the thread, which runs the first round at once."""
        self._thread.start()

    def stop(self) -> None:
        """Starts no further round; a running one may continue, and ends with the process."""
        self._ended.set()

    def _run(self) -> None:
        wait_s = 0.0
        while not self._ended.wait(wait_s):
            again = self._run_safely(self._reconcile)
            self._run_safely(self._expire)
            wait_s = min(self._interval_s, self._reconciler.grace_s) if again else self._interval_s

    def _reconcile(self) -> bool:
        repairs = self._reconciler.run()
        for _ in range(repairs.requeued):
            metrics.count_requeued("crash")
        for _ in range(repairs.failed):
            metrics.count_ended("failed", "worker_lost")
        return repairs.needs_rerun

    def _expire(self) -> bool:
        with hold_lock(self._redis, "v2m:housekeeping", wait_s=0) as is_held:
            if is_held:
                self._retention.expire()
        return False

    def _run_safely(self, task: Callable[[], bool]) -> bool:
        try:
            return task()
        except (RedisError, StoreError) as error:
            log.warning("housekeeping_put_off", error=str(error))
        except Exception:  # the thread must continue: without it no lost job is ever found
            log.exception("housekeeping_failed")
        return False
