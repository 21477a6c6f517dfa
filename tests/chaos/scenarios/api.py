"""The API dies while it takes uploads."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.chaos.ground import Ground
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
