"""Measuring cell by cell, each in its own box of time and memory: what goes wrong in one spares the others."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch

from model_core.encoders.weights import one_line
from model_core.errors import DeviceMemoryError
from model_core.evaluation.speed.build import audio_model, music_encoder, picture_encoder
from model_core.evaluation.speed.cells import DEVICE_LOST, FAILED, OUT_OF_MEMORY, Cell, Result
from model_core.evaluation.speed.clock import Clock, Taken, free_memory, take_time
from model_core.evaluation.speed.stages import MUSIC, PICTURE, PICTURE_SIDE, PROMPT, SAMPLINGS, pictures_of
from model_core.evaluation.speed.ways import COMPILED, DIFFUSERS, EAGER, Ours, Plain, Way, compile_blocks

_BASE_STEPS: Final = 4
"""Steps that are run of the many of a base model; the time of all is extrapolated from them."""
_PICTURES: Final = 64
"""Pictures that the sandbox hands over at once."""
_SAMPLE_RATE: Final = 44100


@dataclass(frozen=True)
class Limits:
    """Seconds: of the whole run, after which no cell is begun, and of the measured runs of one cell."""

    run_s: float
    cell_s: float = 2.5


def measure(
    cells: Iterable[Cell], device: torch.device, dtype: torch.dtype, limits: Limits, began: float | None = None
) -> Iterator[Result]:
    """Results in the order of the cells, as they come.

    Args:
        cells: those of one model in a row, as far as may be: each change makes another model.
        device, dtype: of the generating networks; the encoders choose their own precision.
        limits: of time.
        began: time.monotonic() from which the run's limit counts; now by default.
    """
    start = time.monotonic() if began is None else began
    bench = _Bench(device, dtype, limits.cell_s)
    for cell in cells:
        if cell.why_not:
            yield Result(cell, reason=cell.why_not)
        elif bench.lost:
            yield Result(cell, reason=DEVICE_LOST)
        elif time.monotonic() - start > limits.run_s:
            yield Result(cell, reason=f"not reached within {limits.run_s / 60:g} minutes")
        else:
            yield bench.result(cell)


class _Bench:
    """Holds one model at a time."""

    def __init__(self, device: torch.device, dtype: torch.dtype, limit_s: float) -> None:
        self.lost = False
        """Whether an error took the device with it: after that nothing runs there in this process."""
        self._device, self._dtype, self._limit_s = device, dtype, limit_s
        self._key: tuple[str, str] | None = None
        self._ways: dict[str, Way] = {}
        self._encoder: Callable[[float], float] | None = None

    def result(self, cell: Cell) -> Result:
        try:
            return self._measured(cell)
        except (torch.cuda.OutOfMemoryError, DeviceMemoryError):
            reason, detail = OUT_OF_MEMORY, ""
        except Exception as error:  # whatever a kernel or a compiler says: the other cells are still worth having
            reason, detail = FAILED, _told(error)
        try:
            free_memory(self._device)
            Clock(self._device).wait()  # memory can be given back to a device on which nothing runs any more
        except Exception as error:
            self.lost = True
            detail = detail or _told(error)
        return Result(cell, reason=reason, detail=detail)

    def _measured(self, cell: Cell) -> Result:
        self._prepare(cell)
        if self._encoder is not None:
            encoder = self._encoder
            first = min(cell.seconds, 10.0)
            return Result(cell, self._timed(lambda: encoder(cell.seconds), lambda: encoder(first)))
        way = self._ways[cell.way]
        if cell.stage in SAMPLINGS:
            return self._sampled(cell, way)
        if cell.stage == PROMPT:
            return Result(cell, self._timed(lambda: way.prompt(cell.batch)))
        return Result(cell, self._timed(lambda: way.decode(cell.seconds, cell.batch)))

    def _sampled(self, cell: Cell, way: Way) -> Result:
        sampling = SAMPLINGS[cell.stage]
        steps = sampling.steps(cell.size) if sampling.distilled else min(_BASE_STEPS, sampling.steps(cell.size))
        count = 0

        def run() -> float:
            nonlocal count
            taken = way.sample(sampling, cell.seconds, cell.batch, steps)
            count = len(taken)
            return sum(taken)

        taken = self._timed(run, lambda: way.sample(sampling, cell.seconds, cell.batch, 1))
        return Result(cell, replace(taken, seconds=taken.seconds * cell.whole_steps / count), count)

    def _timed(self, run: Callable[[], float], warm: Callable[[], object] | None = None) -> Taken:
        return take_time(self._device, run, self._limit_s, warm)

    def _prepare(self, cell: Cell) -> None:
        alone = cell.stage in (PICTURE, MUSIC)
        # What was compiled for one way of sampling is forgotten before the next: torch keeps only a few.
        key = ("", cell.stage) if alone else (cell.size.name, cell.stage if cell.way == COMPILED else "")
        if key == self._key:
            return
        self._key, self._ways, self._encoder = None, {}, None
        free_memory(self._device)
        if alone:
            self._encoder = self._pictures(cell) if cell.stage == PICTURE else self._music(cell)
        else:
            model = audio_model(cell.size, self._device, self._dtype)
            if cell.way == COMPILED:
                compile_blocks(model)
                self._ways = {COMPILED: Ours(model)}
            else:
                self._ways = {EAGER: Ours(model), DIFFUSERS: Plain(model)}
        self._key = key

    def _pictures(self, cell: Cell) -> Callable[[float], float]:
        encoder, clock = picture_encoder(cell.size, self._device), Clock(self._device)
        shape = (_PICTURES, PICTURE_SIDE, PICTURE_SIDE, 3)
        pictures = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

        def run(seconds: float) -> float:
            clock.start()
            for first in range(0, pictures_of(seconds), _PICTURES):
                encoder.embed(pictures[: pictures_of(seconds) - first])
            clock.mark()
            return sum(clock.seconds())

        return run

    def _music(self, cell: Cell) -> Callable[[float], float]:
        encoder, clock = music_encoder(cell.size, self._device), Clock(self._device)
        noise = np.random.default_rng(0).normal(scale=0.1, size=(2, round(cell.size.seconds[-1] * _SAMPLE_RATE)))
        sound = noise.astype(np.float32)

        def run(seconds: float) -> float:
            clock.start()
            encoder.curve(sound[:, : round(seconds * _SAMPLE_RATE)], _SAMPLE_RATE)
            clock.mark()
            return sum(clock.seconds())

        return run


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {one_line(error)[:200]}"
