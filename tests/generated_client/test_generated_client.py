"""A client that openapi-python-client generates from the live document, without any configuration."""

import json
import shutil
from pathlib import Path
from typing import Final

import pytest
from redis import Redis

from tests.conftest import MakeSettings
from tests.processes import start_worker
from tests.service.conftest import serving
from tests.service.keyring import ALICE, ENTRIES
from tests.venvs import Venv

GENERATOR: Final = "openapi-python-client==0.29.1"
DRIVE: Final = Path(__file__).parent / "drive.py"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """An environment with the generator and all that its clients need."""
    environment = Venv(tmp_path_factory.mktemp("generator") / "venv")
    environment.install(GENERATOR)
    return environment


@pytest.mark.parametrize("api_keys", [None, ENTRIES], ids=["without keys", "with keys"])
def test_the_generated_client_does_everything(
    generator: Venv, make_settings: MakeSettings, redis: Redis, clip: Path, tmp_path: Path, api_keys: str | None
) -> None:
    settings = make_settings(api_keys=api_keys)
    worker = start_worker(settings, redis)
    try:
        with serving(settings) as http:
            document = tmp_path / "openapi.json"
            document.write_bytes(http.get("/openapi.json").content)
            generated = generator.run(
                *("openapi-python-client", "generate", "--path", document, "--meta", "none", "--fail-on-warning"),
                *("--output-path", tmp_path / "v2m_generated"),
                cwd=tmp_path,
            )
            assert "WARNING" not in generated.stdout + generated.stderr, generated.stdout
            shutil.copy(DRIVE, tmp_path)
            url = str(http.base_url).rstrip("/")
            driven = generator.run("python", "drive.py", url, ALICE, clip, tmp_path / "scored.mp4", cwd=tmp_path)
    finally:
        worker.kill()
        worker.wait()

    said = json.loads(driven.stdout)
    assert (tmp_path / "scored.mp4").read_bytes() == clip.read_bytes(), "to the byte"
    assert said["part"].encode("latin-1") == clip.read_bytes()[2:6]
    assert (said["health"], said["workers"]) == ("ok", 1)
    assert (said["created"]["status"], said["created"]["options"]["seed"]) == ("queued", 7)
    assert (said["done"]["status"], said["done"]["model"]["name"]) == ("completed", "fake")
    assert sorted(said["done"]["content"]) == ["audio", "curve", "midi", "report", "video"]
    assert said["curve_file"]["prompt"] == "calm piano"
    assert said["unchanged"] == 304
    assert (said["canceled"]["status"], said["canceled"]["cancel_requested"]) == ("canceled", True)
    assert (said["curve"]["kind"], said["curve"]["status"]) == ("curve", "completed")
    assert "signature=" in said["links"]["content"]["video"]
    assert said["events"].startswith("event: job\n")
    assert len(set(said["listed"])) == 3
    assert said["deleted"] == 204
    assert (said["gone"]["status"], said["gone"]["type"]) == (404, "urn:v2m-zero:problem:unknown_job")
