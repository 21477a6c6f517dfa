"""CORS: web pages of other origins that may call the API."""

from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from jobs.infra.access_settings import parse_origins
from service.errors.access import CorsRefused

_METHODS: Final = ("GET", "HEAD", "POST", "DELETE")
_REQUEST_HEADERS: Final = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "Range",
    "X-Request-ID",
)
_RESPONSE_HEADERS: Final = (
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Range",
    "ETag",
    "Idempotent-Replayed",
    "Location",
    "Retry-After",
    "X-Request-ID",
)


class Cors(CORSMiddleware):
    """Starlette's CORS middleware with this API's headers and errors. Without cookies: pages send their key."""

    def __init__(self, app: ASGIApp, text: str) -> None:
        """``text`` as in ``V2M_CORS_ORIGINS``; ValueError when it is malformed."""
        super().__init__(
            app,
            allow_origins=parse_origins(text),
            allow_methods=_METHODS,
            allow_headers=_REQUEST_HEADERS,
            expose_headers=_RESPONSE_HEADERS,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """The response to a preflight request; a problem if the request is not allowed."""
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            return response
        headers = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        return CorsRefused(headers).response()
