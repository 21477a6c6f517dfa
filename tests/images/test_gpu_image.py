"""The image `worker-gpu`, whose CUDA libraries are too large to install for a test.

pip works out everything that its lines would install, with the pins, and downloads no CUDA library. Its versions are
compared with constraints-gpu.txt, and its packages with those that the modules of a worker import in the CPU image.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.images.conftest import DOCKERFILE
from tests.images.dockerfile import Image, build
from tests.processes import ROOT

pytestmark = pytest.mark.slow

IMPORTED = """
import importlib, json, pkgutil, sys
import model_core, worker
apart = ("model_core.training", "model_core.evaluation")
for package in (model_core, worker):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".", onerror=print):
        if not module.name.startswith(apart) and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
from importlib.metadata import packages_distributions
of = packages_distributions()
print(json.dumps(sorted({name.lower().replace("_", "-") for top in {m.partition(".")[0] for m in sys.modules}
                         for name in of.get(top, [])})))
"""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The version of each distribution that the lines of the target would install."""
    image = build(ROOT, DOCKERFILE, "worker-gpu", tmp_path_factory.mktemp("gpu"), {}, install=False)
    found: dict[str, str] = {}
    for number, (folder, arguments) in enumerate(image.pip_installs):
        report = image.root / f"report{number}.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        done = subprocess.run(
            [*command, "--report", str(report), *arguments], cwd=folder, env=image.environment(),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        for one in json.loads(report.read_text())["install"]:
            name, version = canonical(one["metadata"]["name"]), one["metadata"]["version"]
            assert found.setdefault(name, version) == version, f"two lines install different versions of {name}"
    return found


def test_the_pins_can_be_installed_together(versions: dict[str, str]) -> None:
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints-gpu.txt").read_text(), re.MULTILINE))
    wanted = {canonical(name): version for name, version in pins.items()}
    assert {"torch", "torchaudio", "triton", "nvidia-cudnn-cu13", "s3fs", "tinysoundfont", "v2m-zero"} <= set(versions)
    assert {name: found for name, found in versions.items() if wanted.get(name, found) != found} == {}
    assert set(versions) - set(wanted) == {"v2m-zero"}, "packages without a pin"
    assert "+cpu" not in versions["torch"]


def test_it_has_every_package_that_a_worker_imports(versions: dict[str, str], worker_image: Image) -> None:
    imported = set(json.loads(worker_image.python(IMPORTED)))
    assert {"torch", "diffusers", "transformers", "onnxruntime", "rq", "tinysoundfont"} <= imported
    assert {canonical(name) for name in imported} - set(versions) - {"pip", "setuptools"} == set()


def test_it_gets_the_files_that_the_worker_gets(tmp_path: Path) -> None:
    trees = []
    for target in ("worker", "worker-gpu"):
        image = build(ROOT, DOCKERFILE, target, tmp_path / target, {}, install=False)
        app = image.at("/app")
        trees.append({path.relative_to(app) for path in app.rglob("*")} - {Path("constraints.txt"), Path("constraints-gpu.txt")})
    assert trees[0] == trees[1]
