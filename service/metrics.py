"""Prometheus metrics of the API: requests, uploaded bytes, errors and webhooks."""

import json
import time
from typing import Final

from fastapi.sse import EventSourceResponse
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.dependencies import Services
from service.errors.problem import MEDIA_TYPE, TYPE_PREFIX
from service.middleware.base import HttpMiddleware
from service.state_collector import StateCollector

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
