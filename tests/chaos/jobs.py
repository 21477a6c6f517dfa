"""Jobs that were accepted, and a thread that writes down everything the API says of them."""

import hashlib
import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

FINAL: Final = ("completed", "failed", "canceled")
_LOOK_S: Final = 0.1
_LOOK_AT_ENDED_S: Final = 1.0


@dataclass
class Job:
    """One accepted job.

    Attributes:
        about: what happens to it.
        may_end: how it may end, such as ``completed`` or ``failed:worker_lost``.
        attempts: the numbers that its last attempt may have; empty for any.
        seen: every change of status that was seen.
        results: hash of each file when it was first downloaded.
    """

    id: str
    prompt: str
    seed: int
    about: str = ""
    may_end: frozenset[str] = frozenset({"completed"})
    attempts: frozenset[int] = frozenset()
    seen: list[str] = field(default_factory=list)
    results: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"job {self.id[:8]} ({self.about or self.prompt})"

    @property
    def place(self) -> str:
        """Its address."""
        return f"/v1/jobs/{self.id}"

    @property
    def is_over(self) -> bool:
        """True once it has been seen to have ended."""
        return bool(self.seen) and self.seen[-1].partition(":")[0] in FINAL

    def note(self, view: dict[str, Any]) -> None:
        """One answer of the API."""
        status = str(view["status"])
        said = f"{status}:{view['error']['code']}" if status == "failed" else status
        if not self.seen or self.seen[-1] != said:
            self.seen.append(said)

    def download(self, client: httpx.Client, view: dict[str, Any], video: Path | None) -> list[str]:
        """What is wrong with its results; ``video`` is the upload, or None when a real model made them."""
        wrong: list[str] = []
        for variant, address in view["content"].items():
            answer = client.get(address)
            if answer.status_code != 200:
                wrong.append(f"its {variant} is answered by {answer.status_code}")
                continue
            digest = hashlib.sha256(answer.content).hexdigest()
            if self.results.setdefault(variant, digest) != digest:
                wrong.append(f"its {variant} has changed")
            if video is not None and not self._is_right(variant, answer.content, video):
                wrong.append(f"its {variant} is not what was made")
        if not view["content"]:
            wrong.append("it has no results")
        return wrong

    def _is_right(self, variant: str, content: bytes, video: Path) -> bool:
        """See tests.worker.fake_scorer."""
        if variant in ("curve", "report"):
            told = json.loads(content)
            return (told["prompt"], told["seed"]) == (self.prompt, self.seed)
        made = {"video": video.read_bytes(), "audio": bytes(range(256)) * 4, "midi": b"MThd"}
        return content == made[variant]


class Watch(threading.Thread):
    """Asks after every job again and again, also after those that are over. The API may be out meanwhile."""

    def __init__(self, url: str, jobs: list[Job]) -> None:
        super().__init__(name="watch", daemon=True)
        self._client = httpx.Client(base_url=url, timeout=10)
        self._jobs = jobs
        self._ended = threading.Event()

    def stop(self) -> None:
        """Waits for the question under way."""
        self._ended.set()
        self.join()
        self._client.close()

    def run(self) -> None:
        """Until ``stop``."""
        again = 0.0
        while not self._ended.wait(_LOOK_S):
            all_of_them = time.monotonic() > again
            if all_of_them:
                again = time.monotonic() + _LOOK_AT_ENDED_S
            for job in list(self._jobs):
                if all_of_them or not job.is_over:
                    self._look(job)

    def _look(self, job: Job) -> None:
        try:
            answer = self._client.get(job.place)
        except httpx.TransportError:
            return
        if answer.status_code == 200:
            job.note(answer.json())
        elif answer.status_code == 404:
            job.seen.append("unknown")
