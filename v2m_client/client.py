"""The client, with one method for each route of the API."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import Any, Final, TypeVar
from uuid import uuid4

import httpx
from pydantic import BaseModel

from v2m_client.errors import ApiError, retry_after_s
from v2m_client.models import Content, Job, Links, Page
from v2m_client.streams import download, job_events
from v2m_client.transport import CountedFile, OnBytes, Transport, parse_body

_CONNECT_S: Final = 10.0
_POLL_S: Final = 1.0
_PAGE: Final = 100
AnswerT = TypeVar("AnswerT", bound=BaseModel)


class Client:
    """Client of one API. Thread-safe, and a context manager.

    Every method raises ApiError if the API answers with an error, and NoAnswerError if the API cannot be reached.
    Temporary errors (a broken connection, 408, 429, 502, 503, 504, 507) are retried for `patience_s` seconds, at the
    times that the API asks for. A first connection that fails is not retried: the address is probably wrong.
    """

    def __init__(self, url: str, key: str | None = None, *, timeout: float = 90.0, patience_s: float = 60.0) -> None:
        """`url` is the API's root, such as http://127.0.0.1:8000; `key` is an API key.

        `timeout`: seconds without data after which a connection counts as broken. ValueError if the URL or the key is
        malformed.
        """
        if key is not None and not re.fullmatch(r"[!-~]+", key):
            raise ValueError("key: contains characters that are not allowed in a key")
        try:
            base = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ValueError(f"url: {url!r} is not a URL: {error}") from None
        if base.scheme not in ("http", "https") or not base.host:
            raise ValueError(f"url: {url!r} must be a URL such as http://127.0.0.1:8000")
        limits = httpx.Timeout(timeout, connect=min(timeout, _CONNECT_S))
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=base, headers=headers, timeout=limits)
        self._transport = Transport(self._http, patience_s)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections."""
        self._http.close()

    def submit(
        self,
        video: Path,
        prompt: str = "",
        options: Mapping[str, Any] | None = None,
        *,
        webhook: str | None = None,
        idempotency_key: str | None = None,
        on_sent: OnBytes | None = None,
    ) -> Job:
        """Creates a job that scores `video`. OSError if the file cannot be read.

        The upload is repeated if the connection breaks. The idempotency key, a random one by default, makes sure that
        there is one job, however often the request arrives. `on_sent` is called as bytes are sent.
        """
        form = {"prompt": prompt, "options": json.dumps(dict(options or {}))}
        return self._create("/v1/jobs", video, form, webhook, idempotency_key, on_sent)

    def submit_curve(
        self,
        video: Path,
        *,
        webhook: str | None = None,
        idempotency_key: str | None = None,
        on_sent: OnBytes | None = None,
    ) -> Job:
        """Creates a job that computes only the event curve of `video`; otherwise like `submit`."""
        return self._create("/v1/curves", video, {}, webhook, idempotency_key, on_sent)

    def get(self, job_id: str) -> Job:
        """Gets the job."""
        return self._request(Job, "GET", _path(job_id))

    def wait(self, job_id: str, on_change: Callable[[Job], None] | None = None) -> Job:
        """Waits until the job has ended; returns it. `on_change` gets the job at the start and at each change."""
        last: Job | None = None
        while True:
            answer = self._transport.send("GET", _path(job_id))
            job = parse_body(Job, answer.content, answer)
            if on_change is not None and job != last:
                on_change(job)
            if job.is_over:
                return job
            last = job
            sleep(_POLL_S if (pause_s := retry_after_s(answer)) is None else pause_s)

    def events(self, job_id: str) -> Iterator[Job]:
        """Streams the job: at the start and at each change, until it has ended."""
        return job_events(self._transport, f"{_path(job_id)}/events")

    def jobs(self) -> Iterator[Job]:
        """All jobs of the key, newest first, loaded page by page."""
        cursor: dict[str, str] = {}
        while True:
            page = self._request(Page, "GET", "/v1/jobs", params={"limit": _PAGE, **cursor})
            yield from page.jobs
            if page.next_cursor is None:
                return
            cursor = {"cursor": page.next_cursor}

    def cancel(self, job_id: str) -> Job:
        """Cancels the job: a queued one at once, one in progress at its worker's next step."""
        return self._request(Job, "POST", f"{_path(job_id)}/cancel")

    def delete(self, job_id: str) -> None:
        """Deletes the job and its files. The job must not be in progress."""
        try:
            self._transport.send("DELETE", _path(job_id))
        except ApiError as error:
            if not (error.status == 404 and error.repeated):  # an earlier attempt deleted it
                raise

    def links(self, job_id: str) -> Links:
        """Creates signed links to the results and the events, as absolute URLs that work without a key."""
        links = self._request(Links, "POST", f"{_path(job_id)}/links")
        content = {variant: self._absolute(url) for variant, url in links.content.items()}
        return Links(expires_at=links.expires_at, content=content, events=self._absolute(links.events))

    def content(self, job_id: str, variant: str | None = None) -> Content:
        """Name, size and media type of a result, without downloading it."""
        headers = self._transport.send("HEAD", f"{_path(job_id)}/content", params=_query(variant)).headers
        name = headers.get("Content-Disposition", "").partition('filename="')[2].partition('"')[0]
        size = headers.get("Content-Length")
        return Content(name=name, bytes=size and int(size), media_type=headers.get("Content-Type", ""))

    def download(
        self, job_id: str, variant: str | None = None, *, to: Path, on_received: OnBytes | None = None
    ) -> Path:
        """Downloads a result to the file `to`, which appears or is replaced when it is complete; returns that path.

        `variant` is `video` by default, or `audio`, `midi`, `curve` or `report`. An interrupted download is resumed.
        OSError if the file cannot be written.
        """
        download(self._transport, f"{_path(job_id)}/content", to, on_received, params=_query(variant))
        return to

    def _create(
        self,
        path: str,
        video: Path,
        form: dict[str, str],
        webhook: str | None,
        idempotency_key: str | None,
        on_sent: OnBytes | None,
    ) -> Job:
        fields = form if webhook is None else {**form, "webhook": webhook}
        headers = {"Idempotency-Key": idempotency_key or uuid4().hex}
        with CountedFile(video, on_sent) as source:
            files = {"video": ("video", source, "application/octet-stream")}
            return self._request(Job, "POST", path, files=files, data=fields, headers=headers)

    def _absolute(self, url: str) -> str:
        """The URL of a link, which is a path unless the API knows its public address."""
        return str(self._http.base_url).rstrip("/") + url if url.startswith("/") else url

    def _request(self, kind: type[AnswerT], method: str, path: str, **request: Any) -> AnswerT:
        answer = self._transport.send(method, path, **request)
        return parse_body(kind, answer.content, answer)


def _path(job_id: str) -> str:
    if not (job_id.isascii() and job_id.isalnum()):
        raise ValueError(f"{job_id!r} is not a job id")
    return f"/v1/jobs/{job_id}"


def _query(variant: str | None) -> dict[str, str]:
    return {} if variant is None else {"variant": variant}
