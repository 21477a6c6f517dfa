"""Protection of a service without keys against web pages of other origins.

Such a service listens on this computer only, but its user's browser can reach it for any page that is open there:
forms are sent to any address without a preflight, and DNS rebinding makes a foreign page's own host name point here.
With keys this is not needed, because browsers do not send a key by themselves as they send cookies.
"""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from jobs.infra.access_settings import parse_origins
from service.errors.access import CrossSite, MisdirectedRequest

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE: Final = frozenset({"same-origin", "none"})


class LocalOnly:
    """Checks the headers that browsers set and pages cannot change."""

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
