"""Limits of a request body's size, and of the free space on the disk that it is written to.

FastAPI's own ``max_body_size`` answers a declared length in plain text, without the exception handlers.
"""

import shutil
import tempfile
from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jobs.store.backend import StoreError, StoreFullError, translate_os_errors
from service.errors.handlers import from_store_error
from service.errors.uploads import UploadTooLarge
from service.middleware.base import HttpMiddleware, creates_job

log: Final = structlog.get_logger(__name__)
_CHECK_EVERY_BYTES: Final = 4 << 20


class BodyLimit(HttpMiddleware):
    """Rejects a body over the limit, also one of unknown length, before it is written to the disk."""

    def __init__(self, app: ASGIApp, max_body_bytes: int, max_upload_bytes: int, min_free_bytes: int) -> None:
        """The body may exceed ``max_upload_bytes``, the limit named in errors, by the form's other fields.

        ``min_free_bytes`` stay free on the disk of ``TMPDIR``, where forms are written until they are complete.
        """
        super().__init__(app)
        self._max_body_bytes = max_body_bytes
        self._max_upload_bytes = max_upload_bytes
        self._min_free_bytes = min_free_bytes

    async def check(self, scope: Scope) -> None:
        """See HttpMiddleware."""
        length = Headers(scope=scope).get("content-length", "")
        size = int(length) if length.isdigit() else 0
        if size > self._max_body_bytes:
            raise UploadTooLarge(self._max_upload_bytes)
        if creates_job(scope):
            self._check_disk(size)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See HttpMiddleware."""
        is_spooled = creates_job(scope)
        total = checked = 0

        async def receive_and_count() -> Message:
            nonlocal total, checked
            message = await receive()
            total += len(message.get("body", b""))
            if total > self._max_body_bytes:
                raise UploadTooLarge(self._max_upload_bytes)
            if is_spooled and total - checked >= _CHECK_EVERY_BYTES:
                self._check_disk(_CHECK_EVERY_BYTES)  # other uploads fill the same disk
                checked = total
            return message

        await self.app(scope, receive_and_count, send)

    def _check_disk(self, expected_bytes: int) -> None:
        """Problem 507 if too little space would be left, 503 if the space cannot be read.

        Asks the kernel, which answers from memory: not worth a thread.
        """
        try:
            with translate_os_errors("the free space of TMPDIR cannot be read"):
                free = shutil.disk_usage(tempfile.gettempdir()).free - expected_bytes
            if free < self._min_free_bytes:
                raise StoreFullError(f"{free} bytes would be free in TMPDIR; {self._min_free_bytes} must stay free")
        except StoreError as error:
            log.error("form_not_spooled", error=str(error))
            raise from_store_error(error) from error
