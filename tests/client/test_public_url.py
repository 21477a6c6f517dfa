"""The client in front of an API that hands out absolute links."""

from pathlib import Path

import httpx

from service.dependencies import Services
from tests.conftest import MakeSettings
from tests.service.conftest import RESULT, complete, serving
from v2m_client import Client


def test_absolute_links_stay_as_they_are(make_settings: MakeSettings, services: Services, clip: Path) -> None:
    with serving(make_settings(public_url="https://v2m.example.com/api")) as http, Client(str(http.base_url)) as client:
        job = client.submit(clip)
        complete(services, job.id)
        links = client.links(job.id)
        assert links.events.startswith(f"https://v2m.example.com/api/v1/jobs/{job.id}/events?")
        path = links.content["video"].removeprefix("https://v2m.example.com/api")
        assert httpx.get(http.base_url.join(path)).content == RESULT
