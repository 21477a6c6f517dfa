"""Downloads that resume and event streams that reconnect after a broken connection."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import uuid4

import httpx

from v2m_client.errors import ClientError, NoAnswerError
from v2m_client.models import Job
from v2m_client.transport import OnBytes, Transport, parse_body

_SILENCE_S: Final = 60.0  # the API sends a comment every 15 s


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


@dataclass(frozen=True)
class Event:
    """One event; `id` is "" if it has none, and `name` is `message` by default."""

    name: str
    id: str
    data: str


def job_events(transport: Transport, path: str) -> Iterator[Job]:
    """The job at the start and at each change, until it has ended. ApiError or NoAnswerError.

    The stream is one of server-sent events, parsed as in the HTML standard.
    """
    patience = transport.patience()
    last = ""
    while True:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
        try:
            with transport.stream("GET", path, headers=headers, timeout=_SILENCE_S) as answer:
                if answer.status_code == 204:  # there are no more events
                    return
                # A success status alone does not reset the retries: the server may end every stream at once.
                for event in parse(answer.iter_bytes()):
                    patience.reset()
                    if event is None:
                        continue
                    last = event.id or last
                    if event.name == "job":
                        job = parse_body(Job, event.data, answer)
                        yield job
                        if job.is_over:
                            return
            raise NoAnswerError("the stream of events ended before the job did", is_passing=True)
        except ClientError as error:
            patience.pause(error)


def parse(chunks: Iterable[bytes]) -> Iterator[Event | None]:
    """The events of a stream, and None for each comment. An incomplete event at the end is dropped."""
    fields: dict[str, list[str]] = {}
    for line in _lines(chunks):
        if line:
            name, _, value = line.partition(":")
            if not name:  # a comment
                yield None
                continue
            fields.setdefault(name, []).append(value.removeprefix(" "))
            continue
        if "data" in fields:
            yield Event(fields.get("event", ["message"])[-1], fields.get("id", [""])[-1], "\n".join(fields["data"]))
        fields = {}


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    # not httpx's iter_lines, which also splits at Unicode line separators inside JSON strings
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode(errors="replace")
