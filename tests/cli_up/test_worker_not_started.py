"""`v2m up` whose worker cannot start: it ends and says so, instead of starting the worker again and again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.infra.settings import Settings
from model_core.models.folder.manifest import MANIFEST, sha256
from tests.processes import ROOT, environment
from tests.stable_audio.tiny_model import tiny_folder

AT_LAST = "v2m: the worker cannot start, and has said why above\n"


def harmed(folder: Path) -> Path:
    """Makes a model folder one whose files are as its manifest says, and are no model."""
    config = folder / "transformer" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "depth": 7}))
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["sha256"]["transformer/config.json"] = sha256(config)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize(
    "what",
    ["model", pytest.param("device", marks=pytest.mark.slow)],  # the same way out, each with torch in a new process
)
def test_a_worker_that_cannot_start_ends_up(own_redis: Settings, tmp_path: Path, what: str) -> None:
    model = tiny_folder(tmp_path)
    options = ["--device", "cuda:99"] if what == "device" else ["--model", str(harmed(model))]
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "up", "--port", "0", "--model", str(model), *options],
        cwd=ROOT, env=environment(own_redis), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "again" not in done.stdout
    assert done.stderr.endswith(AT_LAST)
    (line,) = (json.loads(line) for line in done.stderr.splitlines() if "worker_not_started" in line)
    assert "\n" not in line["error"]
    assert ("device cuda:99: " if what == "device" else f"model folder {model}: transformer") in line["error"]
