"""The worker's third thread: mends what other workers left half done, and removes what has expired."""

import threading
from collections.abc import Callable
from typing import Final

import structlog
from redis import Redis
from redis.exceptions import RedisError

from jobs.infra.lock import hold_lock
from jobs.recovery import Reconciler
from jobs.retention import Retention
from jobs.store import StoreError
from worker import metrics

log: Final = structlog.get_logger(__name__)


class Housekeeping:
    """Does its rounds at once and then every ``interval_s``, also during a long job, as RQ's does not."""

    def __init__(self, redis: Redis, reconciler: Reconciler, retention: Retention, interval_s: float) -> None:
        """Reconciling is safe to do by many workers at once; expiring is left to one at a time."""
        self._redis = redis
        self._reconciler = reconciler
        self._retention = retention
        self._interval_s = interval_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """The first round comes at once."""
        self._thread.start()

    def stop(self) -> None:
        """No round begins after this; one under way may go on, and ends with the process."""
        self._ended.set()

    def _run(self) -> None:
        wait_s = 0.0
        while not self._ended.wait(wait_s):
            again = self._guarded(self._reconcile)
            self._guarded(self._expire)
            wait_s = min(self._interval_s, self._reconciler.grace_s) if again else self._interval_s

    def _reconcile(self) -> bool:
        repairs = self._reconciler.run()
        for _ in range(repairs.requeued):
            metrics.job_requeued("crash")
        for _ in range(repairs.failed):
            metrics.job_ended("failed", "worker_lost")
        return repairs.look_again

    def _expire(self) -> bool:
        with hold_lock(self._redis, "v2m:housekeeping", wait_s=0) as mine:
            if mine:
                self._retention.expire()
        return False

    def _guarded(self, task: Callable[[], bool]) -> bool:
        try:
            return task()
        except (RedisError, StoreError) as error:
            log.warning("housekeeping_put_off", error=str(error))
        except Exception:  # the thread must live on: without it no lost job is ever found
            log.exception("housekeeping_failed")
        return False
