"""The whole command on the tiny size, without a GPU, and what it says where one is needed."""

import json
import os
import subprocess
import sys
import tomllib
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
import torch

from model_core.evaluation.speed import needs, run, sizes
from model_core.evaluation.speed.__main__ import main
from model_core.evaluation.speed.cells import cells_of
from model_core.evaluation.speed.sizes import TINY
from model_core.evaluation.speed.stages import ENCODERS, STAGES
from model_core.evaluation.speed.ways import Plain

ROOT = Path(__file__).parents[3]


def test_the_tiny_size_on_a_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sizes.SIZES, "tiny", replace(TINY, seconds=(1.0,), batches=(1,)))
    page, record = tmp_path / "docs" / "page.md", tmp_path / "out" / "found.json"
    assert main(["--size", "tiny", "--device", "cpu", "--json", str(record), "--write", str(page)]) == 0
    found = json.loads(record.read_text())
    results = found["results"]
    measured = [one for one in results if one["taken"]]
    assert {one["stage"] for one in measured} == {*ENCODERS, *STAGES}
    assert {one["way"] for one in measured} == {"eager", "compiled", "diffusers"}
    assert {one["reason"] for one in results if not one["taken"]} == {"takes no curve"}
    assert all(0 < one["taken"]["seconds"] < 60 and one["floor"]["seconds"] > 0 for one in measured)
    assert found["precision"] == "float32"
    assert found["versions"]["torch"] == torch.__version__
    text, said = page.read_text(), capfd.readouterr()
    assert "$" not in text
    assert "Measured on CPU" in text
    assert "failed" not in text
    for stage in (*ENCODERS, *STAGES):
        assert stage in said.out
    rows = [line for line in said.out.splitlines() if line.startswith("| tiny")]
    assert len(rows) >= len(STAGES)
    assert all(row in text for row in rows)
    assert str(page) in said.out


def test_a_run_that_loses_its_device_leaves_json_and_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def free_memory(device: torch.device) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    def decode(self: Plain, seconds: float, batch: int) -> float:
        monkeypatch.setattr(run, "free_memory", free_memory)
        raise RuntimeError("illegal")

    monkeypatch.setattr(Plain, "decode", decode)
    monkeypatch.setitem(sizes.SIZES, "tiny", replace(TINY, seconds=(1.0,), batches=(1,)))
    page, record = tmp_path / "page.md", tmp_path / "found.json"
    assert main(["--size", "tiny", "--device", "cpu", "--json", str(record), "--write", str(page)]) == 1
    results = json.loads(record.read_text())["results"]
    reasons = [one["reason"] for one in results]
    assert "device lost" in reasons[reasons.index("failed") :]
    assert [one["detail"] for one in results if one["detail"]] == ["RuntimeError: illegal"]
    text = page.read_text()
    assert "device lost" in text
    assert "- failed: RuntimeError: illegal" in text
    assert "was cut off" not in text, "each cell has its reason"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.json", "page.md"]


def test_a_run_that_is_killed_leaves_the_page_of_the_cells_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sample(*given: object) -> list[float]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Plain, "sample", sample)
    size = replace(TINY, seconds=(1.0,), batches=(1,))
    monkeypatch.setitem(sizes.SIZES, "tiny", size)
    page, record = tmp_path / "page.md", tmp_path / "found.json"
    with pytest.raises(KeyboardInterrupt):
        main(["--size", "tiny", "--device", "cpu", "--json", str(record), "--write", str(page)])
    done, cells = len(json.loads(record.read_text())["results"]), sum(1 for _ in cells_of([size]))
    assert 0 < done < cells
    assert f"The run was cut off after {done} of its {cells} cells." in page.read_text()


def test_floors_need_no_gpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    assert main(["--floor-only", "--card", "H100", "--write", str(page)]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    text = page.read_text()
    assert len(rows) == 1 + 6 + 2 * (2 + 3 * 2 * 3), (
        "encoders; for two sizes the prompt, and three stages of each length"
    )
    assert all(row in text for row in rows)
    assert "No GPU has measured this yet" in text
    assert "Measured on" not in text
    assert "$" not in text
    assert "MusicFM runs in float32" in " ".join(text.split())


def test_the_page_of_the_repository_is_what_the_command_writes() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    assert "python -m model_core.evaluation.speed" in text
    assert ("No GPU has measured this yet" in text) != ("Measured on NVIDIA" in text)
    assert "| medium | 380 s | 4 | base, text and curve guidance, 100 steps |" in text


@pytest.mark.parametrize("arguments", [[], ["--floor-only"], ["--size", "tiny", "--device", "cpu"]])
@pytest.mark.parametrize(
    ("name", "found", "said"),
    [
        ("diffusers", None, "diffusers >=0.42,<0.43 is needed, and none is installed"),
        ("diffusers", "0.41.3", "diffusers >=0.42,<0.43 is needed, not 0.41.3"),
        ("diffusers", "0.43.0", "diffusers >=0.42,<0.43 is needed, not 0.43.0"),
        ("transformers", None, "transformers >=5 is needed, and none is installed"),
        ("transformers", "4.57.1", "transformers >=5 is needed, not 4.57.1"),
        ("torch", None, "torch is needed, and none is installed"),
    ],
)
def test_packages_that_are_missing_or_too_old_are_named(
    arguments: list[str],
    name: str,
    found: str | None,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def version(asked: str) -> str:
        if asked != name:
            return metadata.version(asked)
        if found is None:
            raise metadata.PackageNotFoundError(asked)
        return found

    monkeypatch.setattr(needs, "version", version)
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"{said}: pip install 'v2m-zero[gpu]'\n"


def test_the_packages_are_those_of_the_project() -> None:
    models = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["models"]
    assert "diffusers>=0.42,<0.43" in models
    assert needs.missing_packages() == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "a GPU and a CUDA build of torch are needed"),
        (["--device", "cpu"], "a CPU runs the tiny size alone"),
        (["--device", "cpu", "--size", "medium"], "a CPU runs the tiny size alone"),
        (["--floor-only", "--card", "abacus"], "card: is none of H100, H200, A100: abacus"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert said in printed.err


def test_make_bench_gpu_says_that_a_gpu_is_needed() -> None:
    run = subprocess.run(
        ["make", "bench-gpu"],
        cwd=ROOT,
        env={**os.environ, "GPU_PYTHON": sys.executable, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 2
    assert "a GPU and a CUDA build of torch are needed" in run.stderr
    assert "Traceback" not in run.stderr
