"""One state folder with `v2m up` working in it, hurt and asked over HTTP."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from redis import Redis

from jobs.infra.redis_connection import connect
from jobs.infra.settings import Settings
from jobs.record import JobRecord
from jobs.repository import JobRecords
from tests.chaos.jobs import FINAL, Job, Watch
from tests.chaos.parts import Processes
from tests.chaos.points import FOLDER


class Stack(Processes):
    """One state folder, with `v2m up` working in it.

    Attributes:
        jobs: what was accepted.
        in_doubt: those of which the API could not say whether they were accepted.
        answers: how often each status was the answer to an upload; 0 where there was none.
    """

    def __init__(
        self, folder: Path, clip: Path, *, model: bool, settings: Mapping[str, Any], inside: Sequence[str] = ()
    ) -> None:
        """``folder`` must have a short path: Redis' socket is in it. ``model``: the real worker with the real model.

        ``inside``: a command that runs another one, in a name space of its own say.
        """
        state, self._orders = folder / "state", folder / "orders"
        self._orders.mkdir()
        given = Settings(state_dir=state, port=0, log_format="json", **settings)
        super().__init__(state, given, {FOLDER: str(self._orders)}, inside)
        self.clip = clip
        self.model = model
        self.jobs: list[Job] = []
        self.answers: dict[int, int] = {}
        self.in_doubt: list[Job] = []
        self.redis: Redis = connect(f"unix://{self.state}/redis/redis.sock")
        self.records = JobRecords(self.redis, 3600)
        self._seed = 0
        self.begin()

    def begin(self) -> None:
        """Starts everything, and the watch over the jobs."""
        self.start(*(["cli.main", "up"] if self.model else ["tests.chaos.up"]))
        self.client = httpx.Client(base_url=self.url, timeout=90)
        self.watch = Watch(self.url, self.jobs)
        self.watch.start()

    def end(self) -> list[int]:
        """Stops everything in good order; the processes that are still there after it."""
        self.watch.stop()
        self.client.close()
        return self.stop()

    def restart(self) -> None:
        """`v2m up` ends in good order and is started again, also with an end to the waits between starts."""
        assert self.end() == [], "processes outlived `v2m up`"
        self.begin()

    def upload(
        self,
        prompt: str = "",
        ends: str = "completed",
        attempts: tuple[int, ...] = (),
        about: str = "",
        clip: Path | None = None,
        key: str | None = None,
    ) -> Job | None:
        """Uploads the clip; the job when it was accepted. ``ends`` lists how it may end.

        ``key``: an idempotency key; then nothing else differs from the last upload.
        """
        self._seed += key is None
        headers = {} if key is None else {"Idempotency-Key": key}
        form = {"prompt": prompt, "options": json.dumps({"seed": self._seed})}
        may_end = frozenset(ends.split())
        with (clip or self.clip).open("rb") as video:
            try:
                answer = self.client.post("/v1/jobs", files={"video": video}, data=form, headers=headers)
            except httpx.TransportError:
                self._count(0)
                return None
        self._count(answer.status_code)
        told = answer.json()
        if answer.status_code == 503 and "job_id" in told:
            self.in_doubt.append(Job(told["job_id"], prompt, json.loads(form["options"])["seed"], about, may_end))
        if answer.status_code != 202:
            return None
        if answer.headers.get("Idempotent-Replayed") and (known := [job for job in self.jobs if job.id == told["id"]]):
            return known[0]
        job = Job(told["id"], prompt, told["options"]["seed"], about, may_end, frozenset(attempts))
        self.jobs.append(job)
        return job

    def _count(self, answer: int) -> None:
        self.answers[answer] = self.answers.get(answer, 0) + 1

    def accepted(
        self, prompt: str = "", ends: str = "completed", attempts: tuple[int, ...] = (), about: str = ""
    ) -> Job:
        """As ``upload``, where a refusal is a fault."""
        job = self.upload(prompt, ends, attempts, about)
        assert job is not None, f"the upload was refused: {self.answers}"
        return job

    @property
    def store(self) -> Path:
        """The store's folder, as `v2m up` sees it."""
        seen = self.state / "store"
        return Path(f"/proc/{self.up.pid}/root{seen}") if self._inside else seen

    def record(self, job: Job) -> JobRecord:
        """What Redis has of it."""
        record = self.records.get(job.id)
        assert record is not None, f"there is no record of {job.id}"
        return record

    def cancel(self, job: Job) -> int:
        """The status of the answer."""
        return self.client.post(f"{job.place}/cancel").status_code

    def ended(self, job: Job) -> JobRecord:
        """The record once the job is over."""
        self.until(lambda: self.record(job).status in FINAL, f"{job} to end")
        return self.record(job)

    def started_at(self, job: Job) -> float:
        """When its last attempt began, in seconds since 1970, once it is over."""
        started = self.ended(job).started_at
        assert started is not None, f"{job} was never started"
        return started.timestamp()

    def in_stage(self, job: Job, stage: str = "generate") -> None:
        """Waits until it has come to this stage."""
        self.until(lambda: self.record(job).stage == stage, f"{job} to come to {stage}")

    def order(self, place: str, what: str = "kill") -> None:
        """See tests.chaos.points: happens once, to the first worker that comes there."""
        for left in ("reached", "go"):
            (self._orders / f"{place}.{left}").unlink(missing_ok=True)
        draft = self._orders / ".draft"
        draft.write_text(what)
        draft.rename(self._orders / place)
        if what == "kill":
            self.caused["worker"] += 1

    def reached(self, place: str) -> float:
        """Waits until something was done at a place; returns when, in seconds since 1970."""
        mark = self._orders / f"{place}.reached"
        self.until(mark.exists, f"a worker to come to {place!r}")
        return mark.stat().st_ctime

    def go(self, place: str) -> None:
        """Ends a wait there."""
        (self._orders / f"{place}.go").touch()


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="v2m-chaos-", dir="/tmp") as folder:
        yield Path(folder)
