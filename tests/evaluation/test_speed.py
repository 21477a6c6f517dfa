"""Tests of the speed script: every stage in every way on the tiny size, and the table, without a GPU."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderSAME, StableAudio3DiTModel

from model_core.evaluation import speed, speed_model
from model_core.evaluation.speed import Bench, format_duration, format_page, format_table, main, measure
from model_core.evaluation.speed_model import (
    COMPILED,
    DECODE,
    DIFFUSERS,
    EAGER,
    MUSIC,
    PICTURE,
    PROMPT,
    SAMPLINGS,
    Cell,
    list_cells,
    load_size,
)

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
TINY = load_size("tiny")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "CELL_S", 0.0)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """One length and one batch."""
    monkeypatch.setattr(speed, "load_size", lambda name: replace(load_size(name), seconds=(1.0,)))
    monkeypatch.setattr(speed_model, "BATCHES", (1,))


@pytest.mark.usefixtures("short")
def test_every_stage_is_measured_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "docs" / "page.md"
    assert main(["--size", "tiny", "--device", "cpu", "--write", str(page)]) == 0
    rows = [row for row in page.read_text().splitlines() if row.startswith("| ")]
    stages = [PICTURE, MUSIC, PROMPT, *SAMPLINGS, DECODE]
    assert sorted(row.split("|")[4].strip() for row in rows[1:]) == sorted(stages)
    assert "Measured on CPU, float32" in page.read_text()
    printed = capsys.readouterr().out
    assert all(row in printed for row in rows)
    cells = {row.split("|")[4].strip(): [cell.strip() for cell in row.split("|")[5:8]] for row in rows[1:]}
    for stage in ("distilled", "base, text guidance"):
        assert all(cells[stage]), "eager, compiled and diffusers"
    assert cells["distilled, curve"][2] == "", "diffusers takes no curve"


@pytest.mark.slow  # half a minute: every stage twice more; one run of them is in the test before
def test_windows_batches_and_the_precision_of_a_gpu() -> None:
    """On a CPU here, but whatever mixes precisions shows."""
    bench = Bench(TINY, CPU, torch.bfloat16)
    cells = [cell for cell in list_cells(TINY, encoders=False) if (cell.seconds, cell.batch) == (4.0, 4)]
    found = [bench.measure(cell) for cell in cells]
    assert {cell.reason for cell in found} == {""}
    assert {cell.way for cell in found} == {EAGER, COMPILED, DIFFUSERS}
    assert not [cell for cell in found if cell.way == DIFFUSERS and cell.stage in SAMPLINGS], "4 s are two windows"


def test_the_time_of_a_step_is_the_difference_of_two_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1.5, 3.5])  # 1 and 5 steps: 0.5 s each, and 1 s for all else
    monkeypatch.setattr(Bench, "_time", lambda self, work: next(times))
    cell = Cell("tiny", 1.0, 1, "base, text guidance", EAGER)
    assert Bench(replace(TINY, base_steps=100), CPU, torch.float32).measure(cell).time_s == pytest.approx(50.0)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (torch.cuda.OutOfMemoryError("much"), "out of memory"),
        (RuntimeError("no such kernel\nand much more"), "failed: RuntimeError: no such kernel"),
    ],
)
@pytest.mark.usefixtures("short")
def test_a_cell_that_fails_spares_the_others(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*given: object) -> float:
        raise error

    monkeypatch.setattr(Bench, "_prompt", fail)
    monkeypatch.setattr(Bench, "_sample", lambda *given: 1.0)
    assert main(["--size", "tiny", "--device", "cpu"]) == 1
    table = capsys.readouterr().out
    assert f"| {reason} |" in table
    assert "| distilled | 1 s | 1 s | 1 s | 1.00 | 1.00 |" in table


def test_latents_that_are_not_finite_fail() -> None:
    bench = Bench(TINY, CPU, torch.float32)
    bench.measure(Cell("tiny", 1.0, 1, PROMPT, EAGER))
    assert bench._model is not None
    bench._model.transformer.proj_out.weight.fill_(float("nan"))
    found = bench.measure(Cell("tiny", 1.0, 1, "distilled, curve", EAGER))
    assert found.reason == "failed: ArithmeticError: latents are not finite"


@pytest.mark.usefixtures("short")
def test_a_run_that_is_killed_leaves_the_page_of_the_cells_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*given: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(Bench, "_sample", interrupt)
    page = tmp_path / "page.md"
    with pytest.raises(KeyboardInterrupt):
        main(["--size", "tiny", "--device", "cpu", "--write", str(page)])
    assert "| prompt |" in page.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["page.md"]


def test_after_its_minutes_nothing_begins() -> None:
    assert {cell.reason for cell in measure([TINY], CPU, torch.float32, -1)} == {"not reached in -1 minutes"}


def test_the_table_has_ratios_and_three_digits() -> None:
    cells = [
        Cell("medium", 30.0, 4, "distilled", EAGER, 1.5, 3 * 2**30),
        Cell("medium", 30.0, 4, "distilled", COMPILED, 0.01234),
        Cell("medium", 30.0, 4, "distilled", DIFFUSERS, 2.0, 2**30),
        Cell("medium", 30.0, 4, DECODE, DIFFUSERS, reason="out of memory"),
    ]
    assert format_table(cells)[2:] == [
        "| medium | 30 s | 4 | distilled | 1.5 s | 12.3 ms | 2 s | 0.75 | 0.01 | 3.0 GiB |",
        "| medium | 30 s | 4 | decode |  |  | out of memory |  |  |  |",
    ]
    assert [format_duration(replace(cells[0], time_s=time)) for time in (1.234e-5, 12.34, 432.1)] == [
        "12.3 µs", "12.3 s", "432 s",
    ]  # fmt: skip


def test_the_sizes_are_the_published_ones_with_the_curve() -> None:
    with torch.device("meta"):
        configs = [StableAudio3DiTModel(**given).config for given in ({}, load_size("medium").transformer)]
        counts = [
            sum(parameter.numel() for parameter in network.parameters())
            for size in (load_size("small"), load_size("medium"))
            for network in (StableAudio3DiTModel(**size.transformer), AutoencoderSAME(**size.vae))
        ]
    published, medium = ({name: value for name, value in one.items() if name[0] != "_"} for one in configs)
    assert medium == {**published, "local_add_cond_dim": 259}
    assert [round(count / 1e6) for count in counts] == [459, 107, 1453, 852]


def test_the_page_of_the_repository_is_what_the_script_writes() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    assert "Measured on NVIDIA" in text or text == format_page([], "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "a GPU and a CUDA build of torch are needed"),
        (["--device", "cpu"], "a CPU runs the tiny size alone"),
        (["--device", "cpu", "--size", "medium"], "a CPU runs the tiny size alone"),
    ],
)
def test_refusals_are_one_line(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert (printed.out, len(printed.err.splitlines())) == ("", 1)
    assert message in printed.err


@pytest.mark.slow  # imports torch and diffusers anew; the refusal itself is in test_refusals_are_one_line
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
