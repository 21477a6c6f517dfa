"""The two wheels: built in an isolated environment, installed into a fresh one, and used."""

import re
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from redis import Redis

from jobs.infra.settings import Settings
from tests.processes import ROOT, start_worker
from tests.service.conftest import serving
from tests.venvs import Venv, build_wheel

pytestmark = pytest.mark.slow


def requirements(wheel: zipfile.ZipFile) -> set[str]:
    """The packages that a wheel requires without any extra."""
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    lines = re.findall(r"^Requires-Dist: (.*)$", wheel.read(name).decode(), re.MULTILINE)
    return {re.split(r"[\s<>=!~;\[]", line)[0] for line in lines if "extra ==" not in line}


def test_the_client_can_be_installed_alone(settings: Settings, redis: Redis, clip: Path, tmp_path: Path) -> None:
    path = build_wheel(ROOT / "v2m_client", tmp_path / "dist")
    assert path.name == f"v2m_client-{version('v2m-zero')}-py3-none-any.whl"
    with zipfile.ZipFile(path) as wheel:
        modules = {f"v2m_client/{one.name}" for one in (ROOT / "v2m_client").glob("*.py")}
        own = {name for name in wheel.namelist() if ".dist-info/" not in name}
        assert own == modules | {"v2m_client/py.typed"}
        assert [name for name in wheel.namelist() if name.endswith("dist-info/licenses/LICENSE")]
        assert requirements(wheel) == {"httpx", "pydantic"}

    environment = Venv(tmp_path / "venv")
    environment.install(path)
    worker = start_worker(settings, redis)
    try:
        with serving(settings) as http:
            script = ROOT / "tests/wheels/submit.py"
            done = environment.run("python", script, str(http.base_url), clip, tmp_path / "scored.mp4", cwd=tmp_path)
    finally:
        worker.kill()
        worker.wait()
    assert done.stdout.split() == ["completed", str(clip.stat().st_size)]
    assert (tmp_path / "scored.mp4").read_bytes() == clip.read_bytes()


def test_the_main_wheel_has_everything_and_starts(tmp_path: Path) -> None:
    path = build_wheel(ROOT, tmp_path / "dist")
    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())
    assert {"v2m_client/client.py", "v2m_client/py.typed", "service/web/swagger_ui/swagger-ui-bundle.js.gz"} < names
    assert not names & {"v2m_client/pyproject.toml", "v2m_client/README.md", "v2m_client/LICENSE"}
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        *("model_core", "jobs", "service", "worker", "v2m_client", "cli"),
    }
    environment = Venv(tmp_path / "venv")
    environment.install("--constraint", ROOT / "constraints.txt", path)
    assert "submit" in environment.run("v2m", "--help", cwd=tmp_path).stdout
    asked = "from importlib.metadata import version; import service.app, v2m_client; print(version('v2m-zero'))"
    assert environment.run("python", "-c", asked, cwd=tmp_path).stdout.strip() == version("v2m-zero")
