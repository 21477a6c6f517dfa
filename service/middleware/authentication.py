"""Authentication, protection against foreign web pages, and rate limits, checked before the body is read."""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from anyio import CapacityLimiter, to_thread
from redis.exceptions import RedisError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Scope

from jobs.infra.access_settings import parse_origins
from service.auth.keys import Caller
from service.auth.signed_links import is_link
from service.dependencies import Services
from service.errors.access import CrossSite, MisdirectedRequest
from service.errors.server import Unavailable
from service.middleware.base import HttpMiddleware
from service.routers import docs

_OPEN: Final = frozenset({"/healthz", "/readyz", "/openapi.json"}) | docs.PATHS


_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE: Final = frozenset({"same-origin", "none"})


class LocalOnly:
    """Protection of a service without keys against web pages of other origins, by headers that pages cannot change.

    Such a service listens on this computer only, but its user's browser can reach it for any page that is open there:
    forms are sent to any address without a preflight, and DNS rebinding makes a foreign page's own host name point
    here. With keys this is not needed, because browsers do not send a key by themselves as they send cookies.
    """

    def __init__(self, bound: str, origins: str | None) -> None:
        """``bound``: the address that the API listens on; ``origins`` as in ``V2M_CORS_ORIGINS``."""
        self._bound = bound.lower()
        self._origins = frozenset([] if origins is None else parse_origins(origins))

    def check(self, scope: Scope) -> None:
        """Problem 421 if Host is not this computer, 403 for a change that a page of another origin requests."""
        headers = Headers(scope=scope)
        host = headers.get("host")  # HTTP/1.0 may have none, but no browser uses it
        if host is not None and not self._is_local(host):
            raise MisdirectedRequest
        if scope["method"] not in _SAFE_METHODS and not self._may_change(headers, host):
            raise CrossSite

    def _is_local(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in ("localhost", self._bound) or name.endswith(".localhost"):
            return True
        try:
            return ip_address(name).is_loopback
        except ValueError:
            return False

    def _may_change(self, headers: Headers, host: str | None) -> bool:
        origin = headers.get("origin")
        if origin is None:  # programs send neither header
            return "*" in self._origins or headers.get("sec-fetch-site", "none") in _OWN_SITE
        origin = origin.lower()
        if "*" in self._origins or origin in self._origins:
            return True
        return host is not None and origin in (f"http://{host.lower()}", f"https://{host.lower()}")


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
            counted_as = _rate_key(scope, caller)
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


def _rate_key(scope: Scope, caller: Caller) -> str:
    """The key's name, or the client's address if it has no key. A proxy must pass the address on."""
    if caller.name is not None:
        return f"key:{caller.name}"
    host, _port = scope.get("client") or ("unknown", 0)
    return f"address:{host}"
