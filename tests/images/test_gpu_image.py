"""The image `worker-gpu`, whose CUDA libraries are too large to install for a test.

pip works out everything that its lines would install, with the pins, and downloads no CUDA library. Its versions are
compared with constraints-gpu.txt, and its packages with those that a worker's modules import. It has the same files as
the image `worker`, which test_images.py starts.
"""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.images.conftest import DOCKERFILE
from tests.images.dockerfile import build
from tests.processes import ROOT

pytestmark = pytest.mark.slow

OURS = {"cli", "jobs", "model_core", "service", "v2m_client", "worker"}
BY_PIP = {"pip", "setuptools"}
"""`pip freeze` leaves these out."""


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
    assert set(versions) - set(wanted) <= {"v2m-zero", *BY_PIP}, "packages without a pin"
    assert "+cpu" not in versions["torch"]


def test_it_has_every_package_that_a_worker_imports(versions: dict[str, str]) -> None:
    of = packages_distributions()
    names = {name for file in worker_files() for name in imported(file) if name not in sys.stdlib_module_names | OURS}
    assert {"torch", "diffusers", "transformers", "onnxruntime", "rq", "tinysoundfont"} <= names
    missing = {name for name in names if not {canonical(one) for one in of.get(name, [name])} & set(versions)}
    assert missing == set()


def worker_files() -> Iterator[Path]:
    """The modules of a worker: all that the image holds but those of development and of `v2m report`."""
    for package in sorted(OURS):
        for file in (ROOT / package).rglob("*.py"):
            if file.relative_to(ROOT).parts[1:2] not in [("training",), ("evaluation",), ("sync",)]:
                yield file


def imported(file: Path) -> Iterator[str]:
    """The top-level names of the packages that a module imports, at any place in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module.partition(".")[0]


def test_it_gets_the_files_that_the_worker_gets(tmp_path: Path) -> None:
    trees = []
    for target in ("worker", "worker-gpu"):
        image = build(ROOT, DOCKERFILE, target, tmp_path / target, {}, install=False)
        app = image.at("/app")
        trees.append(
            {path.relative_to(app) for path in app.rglob("*")} - {Path("constraints.txt"), Path("constraints-gpu.txt")}
        )
    assert trees[0] == trees[1]
