"""Server-sent events: read as the HTML standard has it, and asked for again where a connection broke off."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from v2m_client.answers import read
from v2m_client.errors import ClientError, NoAnswerError
from v2m_client.models import Job
from v2m_client.transport import Transport

_SILENCE_S: Final = 60.0  # the API sends a comment every 15 s


@dataclass(frozen=True)
class Event:
    """One event; ``id`` is "" when it has none, and ``name`` is ``message`` where it has no other."""

    name: str
    id: str
    data: str


def job_events(transport: Transport, path: str) -> Iterator[Job]:
    """The job as it is, and at each change, until it is over. Raises ApiError, or NoAnswerError."""
    patience = transport.patience()
    last = ""
    while True:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
        try:
            with transport.stream("GET", path, headers=headers, timeout=_SILENCE_S) as answer:
                if answer.status_code == 204:  # nothing will ever come after what was seen last
                    return
                # The status alone says nothing: a server whose streams end at once would be asked for ever.
                for event in parse(answer.iter_bytes()):
                    patience.worked()
                    if event is None:
                        continue
                    last = event.id or last
                    if event.name == "job":
                        job = read(Job, event.data, answer)
                        yield job
                        if job.is_over:
                            return
            raise NoAnswerError("the stream of events ended before the job did", is_passing=True)
        except ClientError as error:
            patience.pause(error)


def parse(chunks: Iterable[bytes]) -> Iterator[Event | None]:
    """The events of a stream, and None for each comment, as a sign of life.

    An event that the stream's end cuts off is none.
    """
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
    # not httpx's iter_lines, which also ends lines where JSON has a line separator within a text
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode(errors="replace")
