"""The client of v2m_client in front of a real API."""

from collections.abc import Iterator

import httpx
import pytest

from jobs.infra.settings import Settings
from service.dependencies import Services
from tests.service.conftest import serving
from v2m_client import Client


@pytest.fixture
def api(settings: Settings) -> Iterator[httpx.URL]:
    """Where an API with the usual settings is."""
    with serving(settings) as http:
        yield http.base_url


@pytest.fixture
def client(api: httpx.URL) -> Iterator[Client]:
    """Its client."""
    with Client(str(api)) as client:
        yield client


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """The same database and store as the API's, for doing what a worker does."""
    opened = Services.open(settings)
    yield opened
    opened.close()
