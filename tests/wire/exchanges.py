"""Requests to the API and their responses, in a form that can be kept in a file and compared later."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

PROBLEM: Final = "application/problem+json"
_COMPARED: Final = (
    *("content-type", "location", "idempotent-replayed"),
    *("content-disposition", "content-range", "accept-ranges"),
)
"""Headers that clients may depend on."""


@dataclass(frozen=True)
class Exchange:
    """One request and what matters of its response.

    Attributes:
        name: what it is about.
        caller: name of the API key that it is sent with; "": without a key; None: to an API that has no keys.
        upload: id of the job whose upload the form sends as its video; None for a request without a form.
        headers: of the request, without the key.
        answer: of the response: ``status``, ``headers``, and ``json`` or ``sha256``; of a problem only its type,
            because the sentences may change.
    """

    name: str
    caller: str | None
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] = field(default_factory=dict)
    upload: str | None = None
    answer: dict[str, Any] = field(default_factory=dict)

    def send(self, client: httpx.Client, store: Path) -> dict[str, Any]:
        """The answer of an API that has its store in the folder ``store``."""
        request: dict[str, Any] = {"headers": self.headers}
        if self.upload is not None:
            video = (store / "jobs" / self.upload / "upload").read_bytes()
            request |= {"files": {"video": ("clip.mp4", video, "video/mp4")}, "data": self.form}
        return _summary(client.request(self.method, self.path, **request))

    def answered(self, client: httpx.Client, store: Path) -> "Exchange":
        """The same with the answer it gets now."""
        return Exchange(**{**asdict(self), "answer": self.send(client, store)})


def _summary(response: httpx.Response) -> dict[str, Any]:
    kind = response.headers.get("content-type", "").partition(";")[0]
    headers = {name: response.headers[name] for name in _COMPARED if name in response.headers}
    summary: dict[str, Any] = {"status": response.status_code, "headers": headers}
    if kind == PROBLEM:
        return {**summary, "json": {"type": response.json()["type"]}}
    if "content-disposition" in headers:  # a file: every byte counts
        return {**summary, "sha256": hashlib.sha256(response.content).hexdigest(), "bytes": len(response.content)}
    if kind == "application/json":
        return {**summary, "json": response.json()}
    if kind == "text/event-stream":
        lines = [line.partition(": ") for line in response.text.splitlines()]
        told = {name: value for name, _, value in lines if name in ("event", "data")}
        return {**summary, "json": {"event": told["event"], "data": json.loads(told["data"])}}
    return summary
