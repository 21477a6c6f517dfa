"""The API dies while it takes uploads."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.chaos.ground import Ground
from tests.chaos.jobs import Job
from tests.chaos.parts import PATIENCE_S
from tests.chaos.stack import Stack


def api_killed(ground: Ground) -> None:
    """At any moment of an upload, five times: what was accepted is done, and of the rest nothing stays."""
    with ground.stack("api_killed") as stack:
        for _ in range(5):
            uploader = threading.Thread(target=_upload, args=[stack])
            uploader.start()
            time.sleep(ground.random.uniform(0.05, 1.2))
            stack.kill("API")
            uploader.join()
            stack.until(_answers(stack), "the API to answer again", 60)
            stack.accepted(about="after a kill of the API")
        scratch = stack.store / "scratch"
        stack.until(lambda: not any(map(Path.is_file, scratch.rglob("*"))), "what the dead API left to be swept", 30)


def api_killed_amid_retries(ground: Ground) -> None:
    """A client sends the same request under the same key until it is heard: each key makes one job."""
    with ground.stack("api_killed_amid_retries") as stack:
        for number in range(3):
            heard: list[Job] = []
            client = threading.Thread(target=_insist, args=[stack, f"key-{number}", heard])
            client.start()
            time.sleep(ground.random.uniform(0.05, 0.9))
            stack.kill("API")
            client.join()
            again: list[Job] = []
            _insist(stack, f"key-{number}", again)  # it may have been heard before the kill, and the API is still down
            assert heard == again, f"key {number} made {heard}, and {again} when it was sent again"


def _insist(stack: Stack, key: str, heard: list[Job]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not heard and time.monotonic() < deadline:
        job = stack.upload(key=key, about="sent again and again")
        if job is None:
            time.sleep(0.5)
        else:
            heard.append(job)


def _upload(stack: Stack) -> None:
    for _ in range(4):
        if stack.upload(about="uploaded while the API is killed") is None:
            return


def _answers(stack: Stack) -> Callable[[], bool]:
    def ask() -> bool:
        try:
            return stack.client.get("/healthz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    return ask
