"""One damaged file on its way through the service, from the upload to the download."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import httpx

from model_core.media import MediaError, probe
from tests.fuzz.cases import Case
from tests.fuzz.judge import faults_of_failure, faults_of_refusal
from tests.fuzz.service import JOB_TIMEOUT_S

End = Literal["refused", "completed", "failed", "none"]
Sort = Literal["lost", "doubled", "crashed", "left behind"]
FINAL: Final = ("completed", "failed", "canceled")
_PATIENCE_S: Final = 2 * JOB_TIMEOUT_S + 60
_POLL_S: Final = 0.1
_LENGTHS_DIFFER_S: Final = 0.3  # and by a hundredth: pictures that stand at the same time are shown one after another
_CANARY_SIZE: Final = (640, 360)


@dataclass(frozen=True)
class Fault:
    """Something that must not be: what sort, and one line about it."""

    sort: Sort
    text: str


@dataclass
class Outcome:
    """What became of one case."""

    case: Case
    end: End = "none"
    job_id: str | None = None
    said: str = ""
    seconds: float = 0.0
    faults: list[Fault] = field(default_factory=list)

    def blame(self, sort: Sort, text: str) -> None:
        """Notes a fault."""
        self.faults.append(Fault(sort, text))


def attempt(case: Case, data: bytes, client: httpx.Client, folder: Path) -> Outcome:
    """Sends a file, waits for its end, and looks at all that was said. ``folder`` is for what is downloaded."""
    began, outcome = time.monotonic(), Outcome(case)
    try:
        _send(outcome, data, client)
        if outcome.job_id is not None:
            _follow(outcome, client, folder)
    except httpx.TransportError as error:
        outcome.blame("crashed", f"the API gave no answer: {error!r}")
    outcome.seconds = time.monotonic() - began
    return outcome


def _send(outcome: Outcome, data: bytes, client: httpx.Client) -> None:
    upload = (outcome.case.file_name(), data, "video/mp4")
    response = client.post("/v1/jobs", files={"video": upload}, data={"prompt": "quiet piano"})
    if response.status_code == 202:
        job = response.json()
        outcome.job_id = job["id"]
        shown = job["video"]
        if (shown["width"], shown["height"]) == _CANARY_SIZE:
            outcome.blame("crashed", "another file than the one that was sent has been read")
        return
    outcome.end, outcome.said = "refused", response.text
    for text in faults_of_refusal(response):
        outcome.blame("crashed", text)


def _follow(outcome: Outcome, client: httpx.Client, folder: Path) -> None:
    path = f"/v1/jobs/{outcome.job_id}"
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        response = client.get(path)
        if response.status_code != 200:
            sort: Sort = "lost" if response.status_code in (404, 410) else "crashed"
            outcome.blame(sort, f"asked for the job, status {response.status_code}: {response.text[:300]}")
            return
        job: dict[str, Any] = response.json()
        if job["status"] in FINAL:
            break
        time.sleep(_POLL_S)
    else:
        outcome.blame("lost", f"no end after {_PATIENCE_S} s: {job['status']}, {job['stage']}")
        return
    if job["status"] == "completed":
        outcome.end = "completed"
        _fetch(outcome, job, client, folder)
    else:
        outcome.end, outcome.said = "failed", str(job["error"])
        for text in faults_of_failure(job):
            outcome.blame("crashed", text)


def _fetch(outcome: Outcome, job: dict[str, Any], client: httpx.Client, folder: Path) -> None:
    """Downloads the scored video, and looks whether it is one, as long as the one that was sent."""
    for variant, link in job["content"].items():
        if (status := client.head(link).status_code) != 200:
            outcome.blame("lost", f"the result {variant} of a completed job has status {status}")
    response = client.get(f"/v1/jobs/{job['id']}/content")
    if response.status_code != 200:
        outcome.blame("lost", f"the video of a completed job has status {response.status_code}")
        return
    scored = folder / job["id"]
    scored.write_bytes(response.content)
    try:
        info = probe(scored)
    except MediaError as error:
        outcome.blame("crashed", f"the scored video is none: {error}")
    else:
        sent = job["video"]["duration"]
        if info.audio_codec != "aac" or abs(info.duration - sent) > _LENGTHS_DIFFER_S + 0.01 * sent:
            outcome.blame("crashed", f"sent {job['video']}, scored {info}")
    finally:
        scored.unlink()
