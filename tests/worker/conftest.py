"""Fixtures of worker tests: real worker processes with queue and store."""

import subprocess
from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from jobs.infra.settings import Settings
from service.dependencies import Services
from tests.processes import start_worker
from tests.worker.house import list_scratch, list_stored, submit_job


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """Records, queue and store of this test."""
    opened = Services.open(settings)
    yield opened
    opened.redis.close()


@pytest.fixture
def new_worker(redis: Redis) -> Iterator[Callable[[Settings], subprocess.Popen[bytes]]]:
    """Starts workers, and kills them after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(settings: Settings) -> subprocess.Popen[bytes]:
        started.append(start_worker(settings, redis))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def job(services: Services) -> Iterator[str]:
    """A queued job with an upload."""
    job_id = submit_job(services)
    yield job_id
    assert "upload" in list_stored(services, job_id), "the upload is always kept"
    assert list_scratch(services.settings) == []
