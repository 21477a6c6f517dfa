"""Web pages of other origins that may call the API."""

from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from jobs.access import parse_origins
from service.problems import Problem

_METHODS: Final = ("GET", "HEAD", "POST", "DELETE")
_MAY_SEND: Final = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "Range",
    "X-Request-ID",
)
_MAY_READ: Final = (
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
    """Starlette's, with our headers and our errors. No cookies: a key is sent by whoever has it, or not at all."""

    def __init__(self, app: ASGIApp, text: str) -> None:
        """``text`` as in ``V2M_CORS_ORIGINS``; ValueError when it is malformed."""
        super().__init__(
            app,
            allow_origins=parse_origins(text),
            allow_methods=_METHODS,
            allow_headers=_MAY_SEND,
            expose_headers=_MAY_READ,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to a browser that asks before it sends; a problem when it must not."""
        answer = super().preflight_response(request_headers)
        if answer.status_code == 200:
            return answer
        kept = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
        detail = "This origin, or the method or a header that it asks for, is not allowed here."
        return Problem(400, "cors_refused", detail, headers=kept).response()
