"""Who may come in, and how often: found out before a byte of the body is read."""

from typing import Final

from anyio import CapacityLimiter, to_thread
from redis.exceptions import RedisError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.caller import Caller
from service.dependencies import Services
from service.links import is_link
from service.local_only import LocalOnly
from service.problems import Problem, unavailable

_OPEN: Final = frozenset({"/healthz", "/readyz", "/docs", "/redoc", "/openapi.json"})


class Gate:
    """Pure ASGI. 401s have no limit of their own: they cost one hash, and counting them would cost more."""

    def __init__(self, app: ASGIApp, services: Services, threads: CapacityLimiter) -> None:
        """``threads``: for what asks Redis; not those of the routes, which may all be waiting for something."""
        self._app = app
        self._services = services
        self._threads = threads
        self._local_only = LocalOnly(services.settings.host, services.settings.cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http":
            try:
                await self._let_in(scope)
            except Problem as problem:
                await problem.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _let_in(self, scope: Scope) -> None:
        """Notes who makes the request; Problem when it must not be made, or not now."""
        if not self._services.keys.required:
            self._local_only.check(scope)
        if _is_open(scope):
            Caller().enter(scope)
            return
        if is_link(scope):
            await to_thread.run_sync(self._check_link, scope, limiter=self._threads)
            caller = Caller(by_link=True)
        else:
            keys = self._services.keys
            caller = Caller(keys.name_of(Headers(scope=scope)) if keys.required else None)
        caller.enter(scope)
        if self._services.rates.limited:
            counted_as = _counted_as(scope, caller)
            await to_thread.run_sync(self._services.rates.count, counted_as, limiter=self._threads)

    def _check_link(self, scope: Scope) -> None:
        try:
            self._services.links.check(scope)
        except RedisError as error:
            raise unavailable("The job store does not answer. Try again soon.") from error


def _is_open(scope: Scope) -> bool:
    """Whether a request needs no key: those of machines that watch, of readers of the manual, and preflights."""
    if scope["method"] == "OPTIONS":
        return "access-control-request-method" in Headers(scope=scope)
    return scope["method"] in ("GET", "HEAD") and scope["path"] in _OPEN


def _counted_as(scope: Scope, caller: Caller) -> str:
    """Who has no key is told apart by address; a proxy before us must pass it on."""
    if caller.name is not None:
        return f"key:{caller.name}"
    host, _port = scope.get("client") or ("unknown", 0)
    return f"address:{host}"
