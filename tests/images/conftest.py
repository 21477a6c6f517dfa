"""The images of docker/Dockerfile, built without Docker, and processes that run in them."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.images.dockerfile import Image, build
from tests.processes import ROOT

DOCKERFILE = "docker/Dockerfile"
# The CPU build of torch is among what pip finds by itself on the machines that run these tests.
ARGS = {"TORCH_INDEX": "https://pypi.org/simple"}


@pytest.fixture(scope="session")
def api_image() -> Iterator[Image]:
    """The target ``api``."""
    with tempfile.TemporaryDirectory(prefix="v2m-api-") as root:
        yield build(ROOT, DOCKERFILE, "api", Path(root), ARGS)


@pytest.fixture(scope="session")
def worker_image() -> Iterator[Image]:
    """The target ``worker``."""
    with tempfile.TemporaryDirectory(prefix="v2m-worker-") as root:
        yield build(ROOT, DOCKERFILE, "worker", Path(root), ARGS)


@contextmanager
def running(image: Image, log: Path, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """The image's ``CMD``, stopped at the end; what it says goes into the file ``log``."""
    with log.open("wb") as out:
        process = subprocess.Popen(image.command, cwd=image.cwd, env=image.environment(**env), stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(60) == 0, log.read_text()[-3000:]


def is_healthy(image: Image, **env: str) -> bool:
    """The answer of the image's ``HEALTHCHECK``."""
    done = subprocess.run(image.health, cwd=image.cwd, env=image.environment(**env), capture_output=True, check=False)
    return done.returncode == 0
