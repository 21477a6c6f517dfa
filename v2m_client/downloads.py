"""A result on its way to the disk, which goes on where a broken connection left it."""

from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import httpx

from v2m_client.errors import ClientError, NoAnswerError
from v2m_client.transport import Transport
from v2m_client.uploads import OnBytes


def download(transport: Transport, path: str, to: Path, on_received: OnBytes | None, **given: Any) -> None:
    """Writes what ``path`` answers to the file ``to``, which is there only once it is whole.

    Raises ApiError, NoAnswerError, and OSError when the file cannot be written.
    """
    part = to.with_name(f".{uuid4().hex}.part")  # not made of the name, which may be as long as a name can be
    try:
        with part.open("xb") as file:
            _fetch(transport, path, file, on_received, given)
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)


def _fetch(transport: Transport, path: str, file: BinaryIO, on_received: OnBytes | None, given: dict[str, Any]) -> None:
    patience = transport.patience()
    tag = ""
    farthest = 0  # bytes that come once more are no progress: each try may begin at the first one
    while True:
        # If-Range: should the file have changed meanwhile, the answer is the whole new one.
        onward = {"Range": f"bytes={file.tell()}-", "If-Range": tag} if tag and file.tell() else {}
        try:
            with transport.stream("GET", path, headers={"Accept-Encoding": "identity", **onward}, **given) as answer:
                _place(answer, file)
                strong = answer.headers.get("ETag", "")
                tag = "" if strong.startswith("W/") else strong
                size = answer.headers.get("Content-Length")
                total = None if size is None else file.tell() + int(size)
                for chunk in answer.iter_raw():
                    file.write(chunk)
                    if file.tell() > farthest:
                        farthest = file.tell()
                        patience.worked()
                    if on_received is not None:
                        on_received(file.tell(), total)
                if total is None or file.tell() == total:
                    return
                raise NoAnswerError(f"{file.tell()} bytes came instead of {total}", is_passing=True)
        except ClientError as error:
            patience.pause(error)


def _place(answer: httpx.Response, file: BinaryIO) -> None:
    """Puts the file to where the answer's bytes belong."""
    if answer.status_code != 206:
        file.seek(0)
        file.truncate()
    elif not answer.headers.get("Content-Range", "").startswith(f"bytes {file.tell()}-"):
        raise NoAnswerError("the server sent other bytes than were asked for", is_passing=False)
