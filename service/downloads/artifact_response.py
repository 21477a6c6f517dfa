"""A result as an answer, streamed from the store: ranges, conditional requests, and nothing read for nobody."""

from collections.abc import AsyncIterator, Iterator
from pathlib import PurePosixPath
from typing import Final

from anyio import CancelScope, to_thread
from starlette.datastructures import Headers
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from jobs.record import JobRecord
from jobs.store import ArtifactStore
from model_core.results import Variant
from service.downloads import ranges
from service.downloads.conditional import is_known

MEDIA_TYPES: Final = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".wmv": "video/x-ms-wmv",
    ".wav": "audio/wav",
    ".mid": "audio/midi",
    ".json": "application/json",
}


class ArtifactResponse(Response):
    """Answers GET and HEAD with 200, 206, 304, 400 or 416. The download is named after the job, never the upload."""

    def __init__(self, store: ArtifactStore, record: JobRecord, variant: Variant) -> None:
        """``record`` must have the variant. A published file never changes, so its attempt makes a strong tag."""
        self._store = store
        self._record = record
        self._artifact = record.artifacts[variant]
        self.etag = f'"{record.id}-{record.attempt}-{variant}"'
        suffix = PurePosixPath(self._artifact.name).suffix
        self._kept = {"etag": self.etag, "cache-control": "private, no-cache"}
        headers = {
            **self._kept,
            "accept-ranges": "bytes",
            "content-disposition": f'attachment; filename="v2m-{record.id[:8]}-{variant}{suffix}"',
            "content-length": str(self._artifact.bytes),
            "x-content-type-options": "nosniff",
        }
        super().__init__(None, headers=headers, media_type=MEDIA_TYPES.get(suffix, "application/octet-stream"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises StoreError when the file cannot be read, before anything is sent."""
        asked = Headers(scope=scope)
        if is_known(self.etag, asked.getlist("if-none-match")):
            await Response(status_code=304, headers=self._kept)(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            await super().__call__(scope, receive, send)
            return
        size = self._artifact.bytes
        start, stop = 0, size
        if "range" in asked and asked.get("if-range", self.etag) == self.etag:
            found = ranges.parse(asked["range"], size)
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
            with CancelScope(shield=True):  # a client that went away must not leave the file open
                await to_thread.run_sync(chunks.close)


async def _bytes(first: bytes, others: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks, each read in a thread."""
    chunk = first
    while chunk:
        yield chunk
        chunk = await to_thread.run_sync(next, others, b"")
