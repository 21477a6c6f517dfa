"""Prometheus metrics of the API: requests, errors and webhooks, and the state of queue, workers and store."""

import json
import time
from collections.abc import Iterator
from typing import Final

import structlog
from fastapi.sse import EventSourceResponse
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jobs.infra.processes import heartbeat_ages
from jobs.infra.redis_connection import connect
from jobs.queue import JobQueue
from jobs.record import now
from jobs.repository import WEBHOOKS_KEY, JobRecords
from jobs.retention import Retention
from jobs.store import StoreError
from service.dependencies import Services
from service.errors.problem import MEDIA_TYPE, TYPE_PREFIX
from service.middleware.base import HttpMiddleware

log: Final = structlog.get_logger(__name__)
_REDIS_TIMEOUT_S: Final = 1.0
_COUNT_EVERY_S: Final = 60.0
_USED: Final = ("v2m_store_used_bytes", "Uploads and results, as last counted.")
_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NO_ROUTE: Final = "none"
"""The route of a request that matched none. Paths sent by clients must never become a label."""


class ApiMetrics:
    """The metrics of one app, with their own registry: a process may have several apps."""

    def __init__(self, services: Services) -> None:
        """The state of queue, workers and store is read only when the metrics are requested."""
        self.registry = CollectorRegistry()
        self.state = StateCollector(services)
        self.registry.register(self.state)
        ProcessCollector(registry=self.registry)
        self._requests = Histogram(
            "v2m_http_request_seconds",
            "Time from the first byte of a request to the last of its response, without event streams.",
            ["method", "route", "status"],
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self._uploaded = Counter(
            "v2m_upload_bytes", "Bytes of received request bodies, accepted or not.", registry=self.registry
        )
        self._refused = Counter(
            "v2m_problems", "Error responses by the end of their problem type.", ["type"],
            registry=self.registry,
        )  # fmt: skip
        self._webhooks = Counter(
            "v2m_webhooks", "Webhook attempts by their result.", ["result"], registry=self.registry
        )

    def webhook(self, result: str) -> None:
        """Counts a webhook attempt, or a dropped webhook."""
        self._webhooks.labels(result).inc()

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts a request; ``route`` is a template such as ``/v1/jobs/{job_id}``."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).observe(seconds)

    def uploaded(self, size: int) -> None:
        """Counts received bytes of a request body."""
        self._uploaded.inc(size)

    def refused(self, kind: str) -> None:
        """Counts an error response."""
        self._refused.labels(kind).inc()


class RequestMetrics(HttpMiddleware):
    """Must be outside of everything but the request's id, so that it sees every response as the client does."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        super().__init__(app)
        self._metrics = metrics

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See HttpMiddleware."""
        began = time.monotonic()
        status = 499  # the client disconnected before a response was sent
        problem: bytearray | None = None
        streams = False

        async def receive_and_count() -> Message:
            message = await receive()
            self._metrics.uploaded(len(message.get("body", b"")))
            return message

        async def send_and_note(message: Message) -> None:
            nonlocal status, problem, streams
            if message["type"] == "http.response.start":
                status = message["status"]
                kind = Headers(raw=message["headers"]).get("content-type", "")
                problem = bytearray() if kind == MEDIA_TYPE else None
                streams = kind.startswith(EventSourceResponse.media_type)
            elif problem is not None:
                problem += message.get("body", b"")
            await send(message)

        try:
            await self.app(scope, receive_and_count, send_and_note)
        finally:
            route = getattr(scope.get("route"), "path", NO_ROUTE)
            if not streams:  # they last as long as the client wants
                self._metrics.request(scope["method"], route, status, time.monotonic() - began)
            if problem:
                self._metrics.refused(json.loads(problem)["type"].removeprefix(TYPE_PREFIX))


class StateCollector(Collector):
    """Metrics of the queue, the workers and the store, read when the metrics are requested.

    Never raises, and takes at most a second or two: parts that do not answer are left out and reported as down.
    """

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
