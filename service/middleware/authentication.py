"""Authentication and rate limits, checked before the body is read."""

from typing import Final

from anyio import CapacityLimiter, to_thread
from redis.exceptions import RedisError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Scope

from service.auth.caller import Caller
from service.auth.signed_links import is_link
from service.dependencies import Services
from service.errors.server import Unavailable
from service.middleware.base import HttpMiddleware
from service.middleware.local_only import LocalOnly
from service.routers import docs

_OPEN: Final = frozenset({"/healthz", "/readyz", "/openapi.json"}) | docs.PATHS


class Authentication(HttpMiddleware):
    """Identifies the caller by key or signed link. 401s are not rate-limited: counting costs more than the hash."""

    def __init__(self, app: ASGIApp, services: Services, threads: CapacityLimiter) -> None:
        """``threads``: for calls to Redis. Not those of the routes, which may all be busy."""
        super().__init__(app)
        self._services = services
        self._threads = threads
        self._local_only = LocalOnly(services.settings.host, services.settings.cors_origins)

    async def check(self, scope: Scope) -> None:
        """Stores the caller in the scope. Problem if the request is not allowed, or not now."""
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
            raise Unavailable from error


def _is_open(scope: Scope) -> bool:
    """True for requests that need no key: health checks, documentation and CORS preflights."""
    if scope["method"] == "OPTIONS":
        return "access-control-request-method" in Headers(scope=scope)
    return scope["method"] in ("GET", "HEAD") and scope["path"] in _OPEN


def _counted_as(scope: Scope, caller: Caller) -> str:
    """The key's name, or the client's address if it has no key. A proxy must pass the address on."""
    if caller.name is not None:
        return f"key:{caller.name}"
    host, _port = scope.get("client") or ("unknown", 0)
    return f"address:{host}"
