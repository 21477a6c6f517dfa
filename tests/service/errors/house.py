"""One API at a time, with all its routes, to be driven into its errors."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Final

import httpx
import pytest
from redis import Redis

from service.auth.signed_links import Links
from service.dependencies import Services
from tests.conftest import MakeSettings
from tests.service.conftest import Serve, complete, create

NOBODY: Final = "0" * 32
ROUTES: Final[Mapping[str, tuple[str, str]]] = {
    "create_job": ("POST", "/v1/jobs"),
    "create_curve": ("POST", "/v1/curves"),
    "list_jobs": ("GET", "/v1/jobs"),
    "get_job": ("GET", "/v1/jobs/{job_id}"),
    "delete_job": ("DELETE", "/v1/jobs/{job_id}"),
    "cancel_job": ("POST", "/v1/jobs/{job_id}/cancel"),
    "follow_job": ("GET", "/v1/jobs/{job_id}/events"),
    "get_content": ("GET", "/v1/jobs/{job_id}/content"),
    "make_links": ("POST", "/v1/jobs/{job_id}/links"),
    "healthz": ("GET", "/healthz"),
    "readyz": ("GET", "/readyz"),
}
"""By operation id."""
MAKING: Final = ("create_job", "create_curve")
OF_JOBS: Final = ("get_job", "delete_job", "cancel_job", "follow_job", "get_content", "make_links")
V1: Final = (*MAKING, "list_jobs", *OF_JOBS)


@dataclass
class House:
    """What a case may use to make its trouble. Every API that it starts has the same database and store."""

    serve: Serve
    make_settings: MakeSettings
    services: Services
    redis: Redis
    clip: Path
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    links: Links
    _running: dict[str, "Api"] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def api(self, **settings: object) -> "Api":
        """The API with settings of its own, started when it is first asked for."""
        name = repr(settings)
        with self._lock:
            if name not in self._running:
                self._running[name] = self.new_api(**settings)
            return self._running[name]

    def new_api(self, **settings: object) -> "Api":
        """The same, started now, for what must not know of the route before."""
        return Api(self.serve(self.make_settings(**settings)), self.clip)

    def done(self, api: "Api") -> str:
        """The id of a completed job."""
        job_id = str(create(api.client, self.clip)["id"])
        complete(self.services, job_id)
        return job_id


@dataclass(frozen=True)
class Api:
    """A running API."""

    client: httpx.Client
    clip: Path

    def ask(
        self,
        route: str,
        job_id: str = NOBODY,
        video: Path | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """A request as it should be, but for what the case changes."""
        method, path = ROUTES[route]
        files = {"video": (video or self.clip).read_bytes()} if route in MAKING else None
        return self.client.request(
            method, path.format(job_id=job_id), files=files, data=form, headers=headers, params=params
        )

    def send(self, route: str, content: bytes | Iterator[bytes], content_type: str) -> httpx.Response:
        """A body that is not made by a library."""
        return self.client.request(*ROUTES[route], content=content, headers={"Content-Type": content_type})


Provoke = Callable[[House, str], httpx.Response]


@dataclass(frozen=True)
class Case:
    """A way into one type of problem.

    Attributes:
        kind: the problem's.
        how: what was done, in a few words.
        routes: operation ids; "" for a path or a method that there is not.
        provoke: does it at one route.
    """

    kind: str
    how: str
    routes: tuple[str, ...]
    provoke: Provoke
