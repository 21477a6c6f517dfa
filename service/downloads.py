"""Downloads: a response that streams a result from the store, with ranges and conditional requests (RFC 9110)."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from anyio import CancelScope, to_thread
from starlette.datastructures import Headers
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from jobs.record import JobRecord
from jobs.store import ArtifactStore
from model_core.results import RESULTS, Variant
from service.errors.requests import MalformedRange, RangeNotSatisfiable


class ArtifactResponse(Response):
    """Answers GET and HEAD with 200, 206, 304, 400 or 416. The file is named after the job, never after the upload."""

    def __init__(self, store: ArtifactStore, record: JobRecord, variant: Variant) -> None:
        """`record` must have the variant. A published file never changes, so its attempt gives a strong ETag."""
        self._store = store
        self._record = record
        self._artifact = record.artifacts[variant]
        self.etag = f'"{record.id}-{record.attempt}-{variant}"'
        suffix = PurePosixPath(self._artifact.name).suffix
        self._cache_headers = {"etag": self.etag, "cache-control": "private, no-cache"}
        headers = {
            **self._cache_headers,
            "accept-ranges": "bytes",
            "content-disposition": f'attachment; filename="v2m-{record.id[:8]}-{variant}{suffix}"',
            "content-length": str(self._artifact.bytes),
        }
        media_type = RESULTS[variant].media_types.get(suffix, "application/octet-stream")
        super().__init__(None, headers=headers, media_type=media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request. StoreError if the file cannot be read, before anything is sent."""
        request_headers = Headers(scope=scope)
        if is_known(self.etag, request_headers.getlist("if-none-match")):
            await Response(status_code=304, headers=self._cache_headers)(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            await super().__call__(scope, receive, send)
            return
        size = self._artifact.bytes
        start, stop = 0, size
        if "range" in request_headers and request_headers.get("if-range", self.etag) == self.etag:
            found = parse_range(request_headers["range"], size)
            if found is not None:
                start, stop = found
                self.status_code = 206
                self.headers["content-range"] = f"bytes {start}-{stop - 1}/{size}"
                self.headers["content-length"] = str(stop - start)
        chunks = self._store.read(self._record.id, self._record.attempt, self._artifact, start, stop)
        try:
            first = await to_thread.run_sync(next, chunks, b"")
            body = StreamingResponse(_bytes(first, chunks), self.status_code)
            body.raw_headers = self.raw_headers
            await body(scope, receive, send)
        finally:
            with CancelScope(shield=True):  # also close the file if the client has disconnected
                await to_thread.run_sync(chunks.close)


async def _bytes(first: bytes, others: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks; each is read in a thread."""
    chunk = first
    while chunk:
        yield chunk
        chunk = await to_thread.run_sync(next, others, b"")


def is_known(tag: str, if_none_match: Sequence[str]) -> bool:
    """True if the header's values contain `tag`, an entity tag with its quotes. Weak and strong tags are equal."""
    tags = [_opaque(one) for value in if_none_match for one in value.split(",")]
    return "*" in tags or _opaque(tag) in tags


def _opaque(tag: str) -> str:
    return tag.strip().removeprefix("W/")


_RANGE: Final = re.compile(r"[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*")


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """The first byte of a Range header and the one after its last; None for the whole file of ``size`` bytes.

    None also for other units than bytes, and for several ranges at once. Problem 416 after the end of the file, 400 for
    a malformed header.
    """
    unit, _, text = header.partition("=")
    if unit.strip().lower() != "bytes" or "," in text:
        return None
    found = _RANGE.fullmatch(text)
    first, last = found.groups() if found else ("", "")
    if (not first and not last) or (first and last and int(last) < int(first)):
        raise MalformedRange
    if first:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    else:
        start, stop = max(0, size - int(last)), size
    if start >= size:
        raise RangeNotSatisfiable(size)
    return start, stop
