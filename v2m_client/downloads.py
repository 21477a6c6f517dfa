"""Downloads that are resumed after a broken connection."""

from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import httpx

from v2m_client.errors import ClientError, NoAnswerError
from v2m_client.transport import OnBytes, Transport


def download(transport: Transport, path: str, to: Path, on_received: OnBytes | None, **request: Any) -> None:
    """Downloads `path` to the file `to`, which appears when it is complete.

    ApiError, NoAnswerError, and OSError if the file cannot be written.
    """
    part = to.with_name(f".{uuid4().hex}.part")  # not made of the name, which may be as long as a name can be
    try:
        with part.open("xb") as file:
            _fetch(transport, path, file, on_received, request)
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)


def _fetch(
    transport: Transport, path: str, file: BinaryIO, on_received: OnBytes | None, request: dict[str, Any]
) -> None:
    patience = transport.patience()
    tag = ""
    farthest = 0  # bytes that arrive again are no progress: an attempt may start from the beginning
    while True:
        # If-Range: if the file has changed in the meantime, the answer is the whole new file.
        resume = {"Range": f"bytes={file.tell()}-", "If-Range": tag} if tag and file.tell() else {}
        try:
            with transport.stream("GET", path, headers={"Accept-Encoding": "identity", **resume}, **request) as answer:
                _position(answer, file)
                strong = answer.headers.get("ETag", "")
                tag = "" if strong.startswith("W/") else strong
                size = answer.headers.get("Content-Length")
                total = None if size is None else file.tell() + int(size)
                for chunk in answer.iter_raw():
                    file.write(chunk)
                    if file.tell() > farthest:
                        farthest = file.tell()
                        patience.reset()
                    if on_received is not None:
                        on_received(file.tell(), total)
                if total is None or file.tell() == total:
                    return
                raise NoAnswerError(f"received {file.tell()} of {total} bytes", is_passing=True)
        except ClientError as error:
            patience.pause(error)


def _position(answer: httpx.Response, file: BinaryIO) -> None:
    """Moves to the position in the file where the answer's bytes belong."""
    if answer.status_code != 206:
        file.seek(0)
        file.truncate()
    elif not answer.headers.get("Content-Range", "").startswith(f"bytes {file.tell()}-"):
        raise NoAnswerError("the server sent another range of bytes than requested", is_passing=False)
