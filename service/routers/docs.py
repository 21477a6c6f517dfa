"""Routes of the documentation page: Swagger UI, served from the package so that it works offline."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

_FOLDER: Final = Path(__file__).parents[1] / "web" / "swagger_ui"
_FILES: Final[Mapping[str, tuple[str, str]]] = {
    "/docs": ("index.html", "text/html"),
    "/docs/initializer.js": ("initializer.js", "text/javascript"),
    "/docs/swagger-ui-bundle.js": ("swagger-ui-bundle.js.gz", "text/javascript"),
    "/docs/swagger-ui.css": ("swagger-ui.css.gz", "text/css"),
}
PATHS: Final = frozenset(_FILES)
"""Paths that need no API key."""

# Only files of this service, no inline scripts, no frames. Swagger UI sets style attributes, shows icons as data: URLs
# and plays results of "Try it out" from blob: URLs.
_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}

NEEDS_NO_KEY: Final = True
router = APIRouter(include_in_schema=False)


def get_file(request: Request) -> FileResponse:
    """One of the page's files."""
    name, media_type = _FILES[request.scope["path"]]
    encoding = {"Content-Encoding": "gzip"} if name.endswith(".gz") else {}  # every browser accepts gzip
    return FileResponse(_FOLDER / name, media_type=media_type, headers=_HEADERS | encoding)


for _path in _FILES:
    router.add_api_route(_path, get_file, methods=["GET", "HEAD"], name=_path)
