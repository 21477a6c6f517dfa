"""Server-sent events, parsed as in the HTML standard, with reconnection."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from v2m_client.errors import ClientError, NoAnswerError
from v2m_client.models import Job
from v2m_client.transport import Transport, parse_body

_SILENCE_S: Final = 60.0  # the API sends a comment every 15 s


@dataclass(frozen=True)
class Event:
    """One event; `id` is "" if it has none, and `name` is `message` by default."""

    name: str
    id: str
    data: str


def job_events(transport: Transport, path: str) -> Iterator[Job]:
    """The job at the start and at each change, until it has ended. ApiError or NoAnswerError."""
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
