"""What the API counts for Prometheus: requests, what came in, and what was refused."""

import json
import time
from typing import Final

from fastapi.sse import EventSourceResponse
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.dependencies import Services
from service.problems import MEDIA_TYPE, TYPE_PREFIX
from service.state_collector import StateCollector

_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NO_ROUTE: Final = "none"
"""The route of a request that was answered before it came to one. What clients make up must never become a label."""


class ApiMetrics:
    """The metrics of one app, with a registry of their own: a process may hold several apps."""

    def __init__(self, services: Services) -> None:
        """Reads nothing yet: the state behind the API is looked at whenever somebody asks for the metrics."""
        self.registry = CollectorRegistry()
        self.state = StateCollector(services)
        self.registry.register(self.state)
        ProcessCollector(registry=self.registry)
        self._requests = Histogram(
            "v2m_http_request_seconds",
            "Time from a request's first byte to the last of its answer; streams of events are left out.",
            ["method", "route", "status"],
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self._uploaded = Counter(
            "v2m_upload_bytes", "Bytes of request bodies that came in, accepted or not.", registry=self.registry
        )
        self._refused = Counter(
            "v2m_problems", "Answers that were no success, by the end of their problem type.", ["type"],
            registry=self.registry,
        )  # fmt: skip
        self._webhooks = Counter(
            "v2m_webhooks", "Webhooks that were tried, by how that came out.", ["result"], registry=self.registry
        )

    def webhook(self, result: str) -> None:
        """A webhook was tried, or dropped."""
        self._webhooks.labels(result).inc()

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request has been answered; ``route`` is a template such as ``/v1/jobs/{job_id}``."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).observe(seconds)

    def uploaded(self, size: int) -> None:
        """So many bytes of a body came in."""
        self._uploaded.inc(size)

    def refused(self, kind: str) -> None:
        """A problem was the answer."""
        self._refused.labels(kind).inc()


class Measured:
    """Pure ASGI, around everything but the request's id, so that it sees every answer as the client does."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        status = 499  # the client left before there was an answer
        problem: bytearray | None = None
        streams = False

        async def counted() -> Message:
            message = await receive()
            self._metrics.uploaded(len(message.get("body", b"")))
            return message

        async def noted(message: Message) -> None:
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
            await self._app(scope, counted, noted)
        finally:
            route = getattr(scope.get("route"), "path", NO_ROUTE)
            if not streams:  # they last for as long as somebody likes to follow
                self._metrics.request(scope["method"], route, status, time.monotonic() - began)
            if problem:
                self._metrics.refused(json.loads(problem)["type"].removeprefix(TYPE_PREFIX))
