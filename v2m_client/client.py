"""The client: one method for each thing that the API does."""

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

from v2m_client.answers import read
from v2m_client.downloads import download
from v2m_client.errors import ApiError, retry_after_s
from v2m_client.events import job_events
from v2m_client.models import Content, Job, Links, Page
from v2m_client.transport import Transport
from v2m_client.uploads import CountedFile, OnBytes

_CONNECT_S: Final = 10.0
_POLL_S: Final = 1.0
_PAGE: Final = 100
AnswerT = TypeVar("AnswerT", bound=BaseModel)


class Client:
    """Talks to one API; may be used by several threads, and as a context manager.

    Every method raises ApiError when the API refuses, and NoAnswerError when it cannot be reached. Where the trouble
    may pass (a broken connection, 408, 429, 502, 503, 504, 507), it is asked again for ``patience_s`` seconds first, at
    the time that the API names; an API that has never answered is not waited for.
    """

    def __init__(self, url: str, key: str | None = None, *, timeout: float = 90.0, patience_s: float = 60.0) -> None:
        """``url`` is the API's root, such as http://127.0.0.1:8000; ``key`` an API key.

        ``timeout``: seconds without a byte after which a connection counts as broken. ValueError when the address or
        the key cannot be one.
        """
        if key is not None and not re.fullmatch(r"[!-~]+", key):
            raise ValueError("key: has characters that no key has")
        try:
            base = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ValueError(f"url: {url!r} is no address: {error}") from None
        if base.scheme not in ("http", "https") or not base.host:
            raise ValueError(f"url: {url!r} is no address such as http://127.0.0.1:8000")
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
        """Ends all connections."""
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
        """A new job that scores ``video``; OSError when that cannot be read.

        The upload is repeated when its connection breaks. The idempotency key, made up where none is given, makes one
        job of it however often it arrives.
        """
        form = {"prompt": prompt, "options": json.dumps(dict(options or {}))}
        return self._make("/v1/jobs", video, form, webhook, idempotency_key, on_sent)

    def submit_curve(
        self,
        video: Path,
        *,
        webhook: str | None = None,
        idempotency_key: str | None = None,
        on_sent: OnBytes | None = None,
    ) -> Job:
        """A new job that finds the event curve of ``video`` alone; otherwise as ``submit``."""
        return self._make("/v1/curves", video, {}, webhook, idempotency_key, on_sent)

    def get(self, job_id: str) -> Job:
        """How far the job is."""
        return self._ask(Job, "GET", _path(job_id))

    def wait(self, job_id: str, on_change: Callable[[Job], None] | None = None) -> Job:
        """The job once it is over, however it ended; ``on_change`` gets the job as it is, and at each change."""
        seen: Job | None = None
        while True:
            answer = self._transport.send("GET", _path(job_id))
            job = read(Job, answer.content, answer)
            if on_change is not None and job != seen:
                on_change(job)
            if job.is_over:
                return job
            seen = job
            sleep(_POLL_S if (asked := retry_after_s(answer)) is None else asked)

    def events(self, job_id: str) -> Iterator[Job]:
        """The job as it is, and again at each change, told by the API as it happens; ends when the job is over."""
        return job_events(self._transport, f"{_path(job_id)}/events")

    def jobs(self) -> Iterator[Job]:
        """All jobs of the key, the newest first, read page by page."""
        cursor: dict[str, str] = {}
        while True:
            page = self._ask(Page, "GET", "/v1/jobs", params={"limit": _PAGE, **cursor})
            yield from page.jobs
            if page.next_cursor is None:
                return
            cursor = {"cursor": page.next_cursor}

    def cancel(self, job_id: str) -> Job:
        """Asks for the job to be canceled: at once while it waits, else at its worker's next step."""
        return self._ask(Job, "POST", f"{_path(job_id)}/cancel")

    def delete(self, job_id: str) -> None:
        """Removes the job, which must not be in progress, with its files."""
        try:
            self._transport.send("DELETE", _path(job_id))
        except ApiError as error:
            if not (error.status == 404 and error.repeated):  # an earlier try has removed it
                raise

    def links(self, job_id: str) -> Links:
        """Addresses of the results and of the events that work without a key for a while."""
        links = self._ask(Links, "POST", f"{_path(job_id)}/links")
        content = {variant: self._absolute(url) for variant, url in links.content.items()}
        return Links(expires_at=links.expires_at, content=content, events=self._absolute(links.events))

    def content(self, job_id: str, variant: str | None = None) -> Content:
        """What a result is, without fetching it."""
        headers = self._transport.send("HEAD", f"{_path(job_id)}/content", params=_query(variant)).headers
        name = headers.get("Content-Disposition", "").partition('filename="')[2].partition('"')[0]
        size = headers.get("Content-Length")
        return Content(name=name, bytes=size and int(size), media_type=headers.get("Content-Type", ""))

    def download(
        self, job_id: str, variant: str | None = None, *, to: Path, on_received: OnBytes | None = None
    ) -> Path:
        """Writes a result to the file ``to`` and returns that; it appears, or is replaced, once all of it is there.

        ``variant``: ``video`` unless given, ``audio``, ``midi``, ``curve`` or ``report``. A broken connection is taken
        up where it broke. OSError when the file cannot be written.
        """
        download(self._transport, f"{_path(job_id)}/content", to, on_received, params=_query(variant))
        return to

    def _make(
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
            return self._ask(Job, "POST", path, files=files, data=fields, headers=headers)

    def _absolute(self, url: str) -> str:
        """The API hands out paths, or absolute URLs if it knows its public address."""
        return str(self._http.base_url).rstrip("/") + url if url.startswith("/") else url

    def _ask(self, kind: type[AnswerT], method: str, path: str, **given: Any) -> AnswerT:
        answer = self._transport.send(method, path, **given)
        return read(kind, answer.content, answer)


def _path(job_id: str) -> str:
    if not (job_id.isascii() and job_id.isalnum()):
        raise ValueError(f"{job_id!r} is no id of a job")
    return f"/v1/jobs/{job_id}"


def _query(variant: str | None) -> dict[str, str]:
    return {} if variant is None else {"variant": variant}
