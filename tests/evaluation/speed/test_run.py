"""Cells in their boxes: steps, extrapolation, what fails, and what is not come to."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from model_core.errors import DeviceMemoryError
from model_core.evaluation.speed import run
from model_core.evaluation.speed.build import audio_model
from model_core.evaluation.speed.cells import DEVICE_LOST, FAILED, OUT_OF_MEMORY, Cell, Result, cells_of
from model_core.evaluation.speed.clock import Clock
from model_core.evaluation.speed.run import Limits, measure
from model_core.evaluation.speed.sizes import MEDIUM, SMALL, TINY, Size
from model_core.evaluation.speed.stages import (
    CURVE,
    DECODE,
    ENCODERS,
    PLAIN,
    PROMPT,
    SAMPLINGS,
    TEXT,
    TEXT_AND_CURVE,
    Sampling,
)
from model_core.evaluation.speed.ways import COMPILED, DIFFUSERS, EAGER, Ours, Plain, Way
from model_core.models.stable_audio.flow import AudioFlow
from model_core.models.stable_audio.folder import AudioModel

CPU = torch.device("cpu")
QUICK = Limits(run_s=60, cell_s=0.0)


@pytest.fixture(scope="module")
def model() -> AudioModel:
    return audio_model(TINY, CPU, torch.float32)


def measured(*cells: Cell, limits: Limits = QUICK) -> list[Result]:
    return list(measure(cells, CPU, torch.float32, limits))


def given(size: Size = TINY, stage: str = PROMPT, way: str = EAGER, seconds: float = 1.0) -> Cell:
    return Cell(size, stage, way, seconds, 1)


@pytest.mark.parametrize("sampling", SAMPLINGS.values(), ids=SAMPLINGS)
def test_ours_has_a_time_for_every_step_of_every_window(model: AudioModel, sampling: Sampling) -> None:
    windows, flow = len(TINY.windows_of(4.0)), AudioFlow(model)
    assert windows > 1
    passes: list[int] = []
    hook = model.transformer.register_forward_hook(lambda module, inputs, output: passes.append(len(inputs[0])))
    steps = Ours(model).sample(sampling, 4.0, 2, 3)
    hook.remove()
    assert len(steps) == 3 * windows
    assert flow.windows(flow.codec.frames_of(4.0)) == TINY.windows_of(4.0), "the floors know them, too"
    assert min(steps) > 0
    assert set(passes) == {2 * sampling.passes}


@pytest.mark.parametrize("sampling", [PLAIN, TEXT], ids=["plain", "text"])
def test_diffusers_makes_the_same_passes(model: AudioModel, sampling: Sampling) -> None:
    passes: list[int] = []
    hook = model.transformer.register_forward_hook(lambda module, inputs, output: passes.append(len(inputs[0])))
    steps = Plain(model).sample(sampling, 1.0, 2, 3)
    hook.remove()
    assert len(steps) == 3
    assert passes == [2 * sampling.passes] * 3


def test_the_precision_of_a_gpu() -> None:
    """On a CPU here, but all that mixes precisions shows."""
    size = replace(TINY, seconds=(1.0,), batches=(2,))
    found = list(measure(cells_of([size]), CPU, torch.bfloat16, QUICK))
    assert {one.reason for one in found} == {"", "takes no curve"}
    assert {one.detail for one in found} == {""}


@pytest.mark.parametrize("kind", [Ours, Plain])
def test_a_run_that_broke_off_does_not_count(
    model: AudioModel, kind: type[Ours | Plain], monkeypatch: pytest.MonkeyPatch
) -> None:
    way = kind(model)
    with monkeypatch.context() as broken:

        def decode(*given: object, **named: object) -> None:
            raise torch.cuda.OutOfMemoryError("much")

        broken.setattr(model.vae, "decode", decode)
        with pytest.raises(torch.cuda.OutOfMemoryError):
            way.decode(1.0, 1)
    time.sleep(0.5)
    assert way.decode(1.0, 1) < 0.5
    assert len(way.sample(PLAIN, 1.0, 1, 2)) == 2


def test_latents_that_are_not_finite_fail(model: AudioModel) -> None:
    broken = audio_model(TINY, CPU, torch.float32)
    broken.transformer.proj_out.weight.fill_(float("nan"))
    with pytest.raises(ArithmeticError, match="not finite"):
        Ours(broken).sample(CURVE, 1.0, 1, 2)


def test_the_steps_that_are_not_run_are_extrapolated(monkeypatch: pytest.MonkeyPatch) -> None:
    size = replace(TINY, base_steps=50)
    windows = len(size.windows_of(4.0))

    def sample(self: Way, sampling: object, seconds: float, batch: int, steps: int) -> list[float]:
        return [0.5] * steps * windows

    monkeypatch.setattr(Ours, "sample", sample)
    base, distilled = measured(given(size, TEXT_AND_CURVE.name, seconds=4.0), given(size, CURVE.name, seconds=4.0))
    assert base.taken is not None
    assert base.taken.seconds == pytest.approx(0.5 * 50 * windows)
    assert (base.measured_steps, base.cell.whole_steps, base.step_s) == (4 * windows, 50 * windows, 0.5)
    assert distilled.measured_steps == distilled.cell.whole_steps == 2 * windows


@pytest.mark.parametrize("error", [torch.cuda.OutOfMemoryError("much"), DeviceMemoryError("much")])
def test_a_cell_that_takes_too_much_memory_spares_the_next(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def decode(self: Way, seconds: float, batch: int) -> float:
        raise error

    monkeypatch.setattr(Plain, "decode", decode)
    full, after = measured(given(stage=DECODE, way=DIFFUSERS), given(stage=DECODE))
    assert (full.taken, full.reason, full.detail) == (None, OUT_OF_MEMORY, "")
    assert after.taken is not None


def test_a_cell_that_fails_says_why_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def prompt(self: Way, batch: int) -> float:
        raise RuntimeError("no such kernel\nand much more")

    monkeypatch.setattr(Ours, "prompt", prompt)
    failed, after = measured(given(), given(stage=DECODE))
    assert (failed.reason, failed.detail) == (FAILED, "RuntimeError: no such kernel")
    assert after.taken is not None


def lose_device(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """As a dead CUDA context does: an error in a cell, and from then on one from whatever asks the device anything."""

    def decode(self: Way, seconds: float, batch: int) -> float:
        def free_memory(device: torch.device) -> None:
            raise RuntimeError("CUDA error: an illegal memory access was encountered\nand much more")

        monkeypatch.setattr(run, "free_memory", free_memory)
        raise error

    monkeypatch.setattr(Plain, "decode", decode)


@pytest.mark.parametrize(
    ("error", "reason", "detail"),
    [
        (RuntimeError("illegal"), FAILED, "RuntimeError: illegal"),
        (
            torch.cuda.OutOfMemoryError("much"),
            OUT_OF_MEMORY,
            "RuntimeError: CUDA error: an illegal memory access was encountered",
        ),
    ],
    ids=["failed", "out of memory"],
)
def test_a_lost_device_is_said_of_all_that_follows(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str, detail: str
) -> None:
    lose_device(monkeypatch, error)
    before, last, cannot, after = measured(
        given(), given(stage=DECODE, way=DIFFUSERS), given(stage=CURVE.name, way=DIFFUSERS), given(stage=DECODE)
    )
    assert before.taken is not None
    assert (last.taken, last.reason, last.detail) == (None, reason, detail)
    assert cannot.reason == "takes no curve"
    assert (after.taken, after.reason, after.detail) == (None, DEVICE_LOST, "")


def test_a_device_that_gives_memory_back_and_runs_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(self: Way, seconds: float, batch: int) -> float:
        def wait(self: Clock) -> None:
            raise RuntimeError("CUDA error")

        monkeypatch.setattr(Clock, "wait", wait)
        raise RuntimeError("illegal")

    monkeypatch.setattr(Plain, "decode", decode)
    last, after = measured(given(stage=DECODE, way=DIFFUSERS), given(stage=DECODE))
    assert (last.reason, after.reason) == (FAILED, DEVICE_LOST)


def test_what_is_not_come_to_is_said() -> None:
    found = measured(*cells_of([TINY]), limits=Limits(run_s=-1.0))
    assert all(one.taken is None for one in found)
    assert {one.reason for one in found if not one.cell.why_not} == {"not reached within -0.0166667 minutes"}


def order(cells: Iterator[Cell]) -> list[tuple[str, str, str, float]]:
    return [(cell.size.name, cell.stage, cell.way, cell.seconds) for cell in cells]


def test_what_may_end_badly_comes_late_and_nothing_is_missing() -> None:
    cells = order(cells_of([MEDIUM, SMALL]))
    late = ("medium", DECODE, DIFFUSERS, 380.0)
    assert cells.index(late) > cells.index(("small", DECODE, DIFFUSERS, 120.0))
    assert cells.index(late) > cells.index(("small", TEXT_AND_CURVE.name, COMPILED, 380.0))
    assert cells.index(late) < cells.index(("medium", TEXT.name, COMPILED, 30.0))
    assert len(set(cells)) == 6 + 2 * (2 + 3 * (4 * 3 + 2)), "each once a batch, and the encoders"


def test_each_way_of_each_size_is_compared_early() -> None:
    cells = order(cells_of([MEDIUM, SMALL]))
    longer = next(place for place, cell in enumerate(cells) if cell[1] not in ENCODERS and cell[3] > 30)
    for size in ("medium", "small"):
        early = {cell[1:3] for cell in cells[:longer] if cell[0] == size and cell[1] not in ENCODERS}
        beside = {(stage, way) for stage in (PROMPT, *SAMPLINGS, DECODE) for way in (EAGER, DIFFUSERS)}
        assert early == {*beside, (CURVE.name, COMPILED)}


def test_what_diffusers_cannot_do_is_not_tried() -> None:
    assert given(SMALL, PLAIN.name, DIFFUSERS, 380.0).why_not == "makes at most 120 s"
    assert given(MEDIUM, PLAIN.name, DIFFUSERS, 380.0).why_not == ""
    assert given(MEDIUM, CURVE.name, DIFFUSERS).why_not == "takes no curve"
    assert given(SMALL, CURVE.name, EAGER, 380.0).why_not == ""
