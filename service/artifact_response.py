"""A file as an answer: ranges as Starlette does them, conditional requests and problem details as it does not."""

from pathlib import Path
from typing import Final

from fastapi.responses import FileResponse
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from jobs.store import Variant
from service.problems import Problem

MEDIA_TYPES: Final = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".wav": "audio/wav",
    ".mid": "audio/midi",
    ".json": "application/json",
}


class ArtifactResponse(FileResponse):
    """Answers GET and HEAD with 200, 206, 304 or 416. The download's name is made of the job, never of the upload."""

    def __init__(self, path: Path, job_id: str, variant: Variant) -> None:
        """``path`` must exist. A published file never changes, so its size and time make a strong tag."""
        stat = path.stat()
        self.etag = f'"{job_id}-{variant}-{stat.st_size:x}-{stat.st_mtime_ns:x}"'
        headers = {"etag": self.etag, "cache-control": "private, no-cache", "x-content-type-options": "nosniff"}
        super().__init__(
            path,
            headers=headers,
            media_type=MEDIA_TYPES.get(path.suffix, "application/octet-stream"),
            filename=f"v2m-{job_id[:8]}-{variant}{path.suffix}",
            stat_result=stat,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if self._is_known(Headers(scope=scope).getlist("if-none-match")):
            kept = [pair for pair in self.raw_headers if pair[0] in (b"etag", b"cache-control", b"last-modified")]
            await send({"type": "http.response.start", "status": 304, "headers": kept})
            await send({"type": "http.response.body", "body": b""})
            return
        refusal: Problem | None = None

        async def watched(message: Message) -> None:
            nonlocal refusal
            if message["type"] == "http.response.start" and message["status"] in (400, 416):
                refusal = self._refusal(message["status"])
            if refusal is None:
                await send(message)

        await super().__call__(scope, receive, watched)
        if refusal is not None:
            await refusal.response()(scope, receive, send)

    def _is_known(self, if_none_match: list[str]) -> bool:
        tags = [tag.strip().removeprefix("W/") for value in if_none_match for tag in value.split(",")]
        return self.etag in tags or "*" in tags

    def _refusal(self, status: int) -> Problem:
        size = int(self.headers["content-length"])
        if status == 416:
            headers = {"Content-Range": f"bytes */{size}"}
            detail = f"Range: lies outside the file's {size} bytes"
            return Problem(416, "range_not_satisfiable", detail, headers=headers, field="Range", limit=size)
        return Problem(400, "malformed_range", "Range: is malformed; an example is bytes=0-1023", field="Range")
