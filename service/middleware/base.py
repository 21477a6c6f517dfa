"""Base class of the ASGI middleware: selects HTTP requests, and answers those that it rejects with a problem."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors.problem import Problem

JOB_PATHS: Final = ("/v1/jobs", "/v1/curves")
"""The paths at which POST creates a job."""


def creates_job(scope: Scope) -> bool:
    """True for a request that creates a job. Only these have a request body that is worth limiting."""
    return scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in JOB_PATHS


class HttpMiddleware:
    """Pure ASGI middleware for HTTP requests. Everything else, such as the lifespan, passes unchanged.

    A subclass overrides `applies_to` to select requests, `check` to reject them before their body is read, and
    `handle` to wrap the messages that are received and sent.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http" or not self.applies_to(scope):
            await self.app(scope, receive, send)
            return
        try:
            await self.check(scope)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        await self.handle(scope, receive, send)

    def applies_to(self, _scope: Scope) -> bool:
        """True for the requests that this middleware handles. By default all."""
        return True

    async def check(self, scope: Scope) -> None:
        """Raises Problem to reject the request."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the application."""
        await self.app(scope, receive, send)


class JobMiddleware(HttpMiddleware):
    """Middleware for requests that create a job."""

    def applies_to(self, scope: Scope) -> bool:
        """See HttpMiddleware."""
        return creates_job(scope)
