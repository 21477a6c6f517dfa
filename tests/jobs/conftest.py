"""Fixtures of job tests: records, queue, and stores on a disk and in a bucket."""

from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from jobs.infra import processes
from jobs.infra.settings import Settings
from jobs.queue import JobQueue
from jobs.repository import JobRecords
from jobs.store import ArtifactStore
from tests import s3_server
from tests.conftest import MakeSettings
from tests.jobs.house import House, Make
from tests.s3_server import S3Server


@pytest.fixture
def records(redis: Redis, settings: Settings) -> JobRecords:
    """The records of this test's database."""
    return JobRecords(redis, settings.record_retention_s)


@pytest.fixture
def queue(redis: Redis, records: JobRecords, settings: Settings) -> JobQueue:
    """Its queue."""
    return JobQueue(redis, records, settings)


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """A server that speaks S3."""
    with s3_server.running() as server:
        yield server


@pytest.fixture
def s3_settings(s3: S3Server, make_settings: MakeSettings) -> Settings:
    """Settings whose store is a fresh bucket."""
    return make_settings(store=f"s3://{s3.new_bucket()}/some/prefix", s3_endpoint=s3.endpoint)


@pytest.fixture(params=["file", "s3"])
def store_settings(request: pytest.FixtureRequest, make_settings: MakeSettings) -> Any:
    """Settings of either kind of store."""
    return make_settings() if request.param == "file" else request.getfixturevalue("s3_settings")


@pytest.fixture
def store(store_settings: Settings) -> Iterator[ArtifactStore]:
    """An empty store of either kind."""
    opened = ArtifactStore.open(store_settings, processes.new_name())
    yield opened
    opened.close()


@pytest.fixture
def make(redis: Redis, make_settings: MakeSettings) -> Make:
    """Creates a ``House`` on a disk with changed settings; it may fill the disk."""
    return lambda **changes: House(redis, make_settings(**{"min_free_bytes": 0, **changes}))
