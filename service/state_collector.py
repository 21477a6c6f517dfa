"""Metrics of the queue, the workers and the store, read when the metrics are requested."""

import time
from collections.abc import Iterator
from typing import Final

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from jobs.infra.liveness import heartbeat_ages
from jobs.infra.redis_connection import connect
from jobs.queue import JobQueue
from jobs.record import now
from jobs.repository import WEBHOOKS_KEY, JobRecords
from jobs.retention import Retention
from jobs.store import StoreError
from service.dependencies import Services

log: Final = structlog.get_logger(__name__)
_REDIS_TIMEOUT_S: Final = 1.0
_COUNT_EVERY_S: Final = 60.0
_USED: Final = ("v2m_store_used_bytes", "Uploads and results, as last counted.")


class StateCollector(Collector):
    """Never raises, and takes at most a second or two: parts that do not answer are left out and reported as down."""

    def __init__(self, services: Services) -> None:
        """Connects on first use, with its own client, which does not wait for an outage to end."""
        self._settings = services.settings
        self._store = services.store
        self._redis = connect(self._settings.redis, _REDIS_TIMEOUT_S, retries=0)
        self._records = JobRecords(self._redis, self._settings.record_retention_s)
        self._queue = JobQueue(self._redis, self._records, self._settings)
        self._retention = Retention(self._redis, self._records, self._store, self._settings)
        # With a quota the workers and the API keep a counter. Without one a disk is cheap to list, but a bucket is
        # listed only by the workers, and seldom.
        self._counts_the_store = self._settings.store_max_bytes is None and self._settings.store_url.startswith("file:")
        self._used = 0
        self._count_again_at = 0.0

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing, because a description would need Redis."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The current state."""
        try:
            found = [*self._of_redis()]
        except RedisError as error:
            log.warning("metrics_without_redis", error=str(error))
            found = []
        yield GaugeMetricFamily("v2m_redis_up", "1 while Redis answers.", 1.0 if found else 0.0)
        yield from found
        try:
            yield from self._of_store()
        except (StoreError, OSError) as error:
            log.warning("metrics_without_store", error=str(error))

    def close(self) -> None:
        """Closes its connections."""
        self._redis.close()

    def _of_redis(self) -> Iterator[GaugeMetricFamily]:
        jobs = GaugeMetricFamily("v2m_jobs", "Jobs that have not ended.", labels=["status"])
        for status, number in self._queue.counts().items():
            jobs.add_metric([status], number)
        yield jobs
        yield GaugeMetricFamily(
            "v2m_queue_oldest_seconds", "Age of the next job in the queue, or 0.", self._age_of_the_next()
        )
        yield GaugeMetricFamily(
            "v2m_webhooks_waiting", "Webhooks that have not been delivered.", self._redis.zcard(WEBHOOKS_KEY)
        )
        alive = [
            name for name, silence in heartbeat_ages(self._redis).items() if silence < self._settings.heartbeat_ttl_s
        ]
        yield GaugeMetricFamily("v2m_workers", "Workers with a recent heartbeat.", len(alive))
        if not self._counts_the_store:
            used = self._retention.used_bytes()
            if used is not None:
                yield GaugeMetricFamily(*_USED, used)

    def _age_of_the_next(self) -> float:
        # requeued jobs are at the head of the queue, so the next job is the oldest
        head = self._queue.rq.get_job_ids(0, 1)
        record = self._records.get(head[0]) if head else None
        return 0.0 if record is None else max(0.0, (now() - record.created_at).total_seconds())

    def _of_store(self) -> Iterator[GaugeMetricFamily]:
        free = self._store.free_bytes()
        if free is not None:
            yield GaugeMetricFamily("v2m_store_free_bytes", "Free bytes on the store's disk.", free)
        if self._counts_the_store:
            if time.monotonic() >= self._count_again_at:
                self._used = self._store.used_bytes()
                self._count_again_at = time.monotonic() + _COUNT_EVERY_S
            yield GaugeMetricFamily(*_USED, self._used)
