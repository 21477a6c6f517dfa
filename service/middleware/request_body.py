"""Request bodies: limits of size, disk space and silence, and the end of a body after an early response.

FastAPI's own ``max_body_size`` answers a declared length in plain text, without the exception handlers.
"""

import shutil
import tempfile
from typing import Final

import anyio
import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jobs.store.backend import StoreError, StoreFullError, translate_os_errors
from service.errors.handlers import from_store_error
from service.errors.requests import RequestTimeout
from service.errors.uploads import UploadTooLarge
from service.middleware.base import HttpMiddleware, JobMiddleware, creates_job

log: Final = structlog.get_logger(__name__)
_CHECK_EVERY_BYTES: Final = 4 << 20
_DRAIN_BYTES: Final = 64 << 20  # more than that is not worth the time
_DRAIN_S: Final = 10.0
_SILENCE_S: Final = 1.0  # then the client waits for the response


class BodyLimit(HttpMiddleware):
    """Rejects a body over the limit, also one of unknown length, and one that the disk has no space for."""

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


class BodyTimeout(JobMiddleware):
    """Ends an upload after some seconds without data, so that a broken connection does not hold its resources for ever.

    There is no limit on its total time.
    """

    def __init__(self, app: ASGIApp, limit_s: float) -> None:
        """``limit_s``: seconds without data while the server waits for some."""
        super().__init__(app)
        self._limit_s = limit_s

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See HttpMiddleware."""
        more = True

        async def receive_in_time() -> Message:
            nonlocal more
            if not more:  # the body is complete: only a disconnect can follow
                return await receive()
            with anyio.move_on_after(self._limit_s) as waiting:
                message = await receive()
                more = message.get("more_body", False)
            if waiting.cancelled_caught:
                raise RequestTimeout(self._limit_s)
            return message

        await self.app(scope, receive_in_time, send)


class LingeringClose(HttpMiddleware):
    """Reads the rest of a body after an early response. Must be outside of everything that may reject a body.

    When a connection is closed with unread data, the kernel resets it, and a client that is still sending may never see
    the response. So the response is sent at once, but its end only when the client has sent everything, or after a time
    limit.
    """

    def applies_to(self, scope: Scope) -> bool:
        """True for a request with a body, unless the client waits for 100 Continue: rejected, it sends none."""
        headers = Headers(scope=scope)
        if headers.get("expect", "").lower() == "100-continue":
            return False
        return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See HttpMiddleware."""
        more = True

        async def receive_and_note() -> Message:
            nonlocal more
            message = await receive()
            more = message.get("more_body", False)  # a disconnect has none
            return message

        async def send_and_drain(message: Message) -> None:
            if more and message["type"] == "http.response.body" and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await _drain(receive)
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        await self.app(scope, receive_and_note, send_and_drain)


async def _drain(receive: Receive) -> None:
    left = _DRAIN_BYTES
    with anyio.move_on_after(_DRAIN_S):
        while left > 0:
            with anyio.move_on_after(_SILENCE_S) as silence:
                message = await receive()
            if silence.cancelled_caught or not message.get("more_body", False):
                return
            left -= len(message["body"])
