"""What keeps other people's web pages away from a service without keys.

It listens on this machine alone, and yet its user's browser can reach it for any page that is open there: a form is
sent anywhere without a question, and a name that the page's owner points here (DNS rebinding) makes us its own origin.
With keys nothing of this is needed: no browser sends a key by itself, as it would a cookie.
"""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from jobs.access import parse_origins
from service.problems import Problem

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN: Final = frozenset({"same-origin", "none"})


class LocalOnly:
    """Judges the headers that browsers set and pages cannot."""

    def __init__(self, bound: str, origins: str | None) -> None:
        """``bound``: what the API was told to listen on; ``origins`` as in ``V2M_CORS_ORIGINS``."""
        self._bound = bound.lower()
        self._origins = frozenset([] if origins is None else parse_origins(origins))

    def check(self, scope: Scope) -> None:
        """Problem 421 for a Host that is not this machine; 403 when a page of another origin would change something."""
        headers = Headers(scope=scope)
        host = headers.get("host")  # HTTP/1.0 may have none, which no browser speaks
        if host is not None and not self._is_ours(host):
            detail = "Without keys only this machine is served: Host must be localhost or a loopback address."
            raise Problem(421, "misdirected_request", detail)
        if scope["method"] not in _READING and not self._may_change(headers, host):
            detail = "Without keys only pages of this origin, and of those in V2M_CORS_ORIGINS, may change anything."
            raise Problem(403, "cross_site", detail)

    def _is_ours(self, host: str) -> bool:
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
        if origin is None:  # programs send neither
            return "*" in self._origins or headers.get("sec-fetch-site", "none") in _OWN
        origin = origin.lower()
        if "*" in self._origins or origin in self._origins:
            return True
        return host is not None and origin in (f"http://{host.lower()}", f"https://{host.lower()}")
