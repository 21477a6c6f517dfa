"""The images `api` and `worker` of docker/Dockerfile start, work together, and hold what they should."""

import json
from pathlib import Path

import httpx
import pytest
from redis import Redis

from jobs.infra.processes import live_workers
from tests.images.conftest import is_healthy, running
from tests.images.dockerfile import Image
from tests.processes import free_port, until
from tests.service.keyring import ALICE, ENTRIES, bearer

pytestmark = pytest.mark.slow

API_PARTS = {"__init__.py", "errors.py", "media", "options.py", "results.py"}
"""What the installed package of the API may hold of model_core."""
CODE = {".py", ".typed", ".md"}
MODELS = {"torch", "torchaudio", "transformers", "diffusers", "onnxruntime", "scipy", "opencv-python-headless"}


def installed(image: Image) -> tuple[set[str], list[str]]:
    """The names of all installed distributions, and the files of our own, relative to site-packages."""
    code = """
import json
from importlib.metadata import distributions
names = sorted({one.metadata["Name"].lower() for one in distributions()})
(ours,) = (one for one in distributions() if one.metadata["Name"] == "v2m-zero")
print(json.dumps([names, [str(path) for path in ours.files]]))
"""
    names, files = json.loads(image.python(code))
    return set(names), files


def test_the_api_holds_no_models(api_image: Image) -> None:
    names, files = installed(api_image)
    assert names & MODELS == set()
    assert not any(name.startswith("nvidia-") for name in names)
    ours = [Path(file) for file in files if not file.startswith(("..", "v2m_zero-")) and "__pycache__" not in file]
    assert {path.parts[0] for path in ours} == {"cli", "jobs", "model_core", "service", "v2m_client"}
    assert {path.parts[1] for path in ours if path.parts[0] == "model_core"} == API_PARTS
    assets = {str(path) for path in ours if path.suffix not in CODE}
    assert {asset for asset in assets if not asset.startswith("service/web/")} == set()


def test_the_worker_holds_the_whole_package(worker_image: Image) -> None:
    names, files = installed(worker_image)
    assert {"torch", "diffusers", "onnxruntime", "tinysoundfont", "s3fs"} <= names
    assert any(file.endswith(".sf3") for file in files)


def test_what_runs_is_the_installed_package(api_image: Image, worker_image: Image) -> None:
    for image in (api_image, worker_image):
        folder = image.python("import model_core; print(model_core.__file__)")
        assert folder.startswith(str(image.root / "venv"))


def test_both_score_a_video_together(
    api_image: Image, worker_image: Image, redis_url: str, redis: Redis, tmp_path: Path, clip: Path
) -> None:
    port = free_port()
    shared = {"REDIS_URL": redis_url, "V2M_STATE_DIR": str(tmp_path / "state")}
    env = {**shared, "V2M_API_KEYS": ENTRIES, "V2M_PORT": str(port)}
    with (
        running(api_image, tmp_path / "api.log", **env),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=bearer(ALICE), timeout=60) as client,
    ):
        until(lambda: is_healthy(api_image, **env), "the API to be healthy")
        assert client.get("/healthz").status_code == 200
        with clip.open("rb") as video:
            answer = client.post("/v1/jobs", files={"video": video}, data={"prompt": "calm piano"})
        assert answer.status_code == 202, answer.text
        assert client.get("/readyz").status_code == 503, "there is no worker yet"
        with running(worker_image, tmp_path / "worker.log", **shared):
            until(lambda: live_workers(redis, 60), "the worker to be ready")
            assert is_healthy(worker_image, **shared)
            assert client.get("/readyz").status_code == 200
            job = f"/v1/jobs/{answer.json()['id']}"
            until(lambda: client.get(job).json()["status"] in ("completed", "failed"), "the job to end")
            assert client.get(job).json()["status"] == "completed", client.get(job).text
            assert client.get(f"{job}/content").headers["content-type"] == "video/mp4"


def test_the_api_does_not_start_without_keys(api_image: Image, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(AssertionError, match="V2M_API_KEYS"), running(api_image, log, V2M_PORT="0") as process:
        assert process.wait(60) == 2


def test_the_command_line_of_the_api_has_what_works_there(api_image: Image) -> None:
    code = "import cli.app; print(*sorted(one.callback.__name__ for one in cli.app.app.registered_commands))"
    assert api_image.python(code).split() == ["api", "doctor", "key", "submit", "webhook_secret"]
    doctor = "from cli.doctor import examine; print(*[f.found for f in examine()], sep='\\n')"
    found = api_image.python(doctor)
    assert "could not be looked at" not in found
    assert "no demo clip" in found
