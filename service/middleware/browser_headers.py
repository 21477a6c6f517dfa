"""Response headers for browsers: CORS, and no guessing of media types."""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jobs.infra.access_settings import parse_origins
from service.errors.access import CorsRefused
from service.middleware.base import HttpMiddleware

NO_SNIFF: Final = "X-Content-Type-Options"
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
    """CORS for web pages of other origins: Starlette's middleware with this API's headers and errors.

    Without cookies, since pages send their key.
    """

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


class NoSniff(HttpMiddleware):
    """Adds the header X-Content-Type-Options to every response: browsers must not guess another media type."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See HttpMiddleware."""

        async def send_with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[NO_SNIFF] = "nosniff"
            await send(message)

        await self.app(scope, receive, send_with_header)
