"""What is measured, one cell of the table at a time, in the order in which a run that is cut off tells most."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from model_core.evaluation.speed.clock import Taken
from model_core.evaluation.speed.sizes import Size
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
from model_core.evaluation.speed.ways import COMPILED, DIFFUSERS, EAGER

OUT_OF_MEMORY: Final = "out of memory"
FAILED: Final = "failed"
DEVICE_LOST: Final = "device lost"
_LARGE_MASK: Final = 2**31
"""Entries of diffusers' mask beyond which its decoding comes late: it may fail in ways that end the run."""


@dataclass(frozen=True)
class Cell:
    """One way of one stage.

    Attributes:
        size: of the model; of the encoders, all sizes have the same.
        stage: one of STAGES or ENCODERS.
        way: one of WAYS.
        seconds: of music or video.
        batch: takes at once.
    """

    size: Size
    stage: str
    way: str
    seconds: float
    batch: int

    @property
    def why_not(self) -> str:
        """Why this cannot be, or nothing."""
        if self.way != DIFFUSERS or self.stage not in SAMPLINGS:
            return ""
        if SAMPLINGS[self.stage].curve:
            return "takes no curve"
        longest = self.size.windows.longest_s
        return f"makes at most {longest:g} s" if self.seconds > longest else ""

    @property
    def whole_steps(self) -> int:
        """Steps of the whole stage, over all windows; 0 for stages without steps."""
        if self.stage not in SAMPLINGS:
            return 0
        return SAMPLINGS[self.stage].steps(self.size) * len(self.size.windows_of(self.seconds))


@dataclass(frozen=True)
class Result:
    """What became of a cell.

    Attributes:
        cell: that was measured.
        taken: seconds of the whole stage and the rest; None when it could not be measured.
        measured_steps: steps that were run of the whole's; fewer than those where the whole is extrapolated.
        reason: why it could not be measured, in a word or two.
        detail: what the error said, where it FAILED or took the device with it.
    """

    cell: Cell
    taken: Taken | None = None
    measured_steps: int = 0
    reason: str = ""
    detail: str = ""

    @property
    def step_s(self) -> float | None:
        """Seconds of a step; None for stages without steps."""
        return self.taken.seconds / self.cell.whole_steps if self.taken and self.cell.whole_steps else None


def cells_of(sizes: Sequence[Size]) -> Iterator[Cell]:
    """All cells: the encoders; per size the shortest music, with one cell that is compiled; then the longer music.

    There eager is beside diffusers. After that compiled what this project does, with the curve; what may end badly; and
    compiled what diffusers does too. So even of a run that is cut off early there is a ratio of each way.
    """
    for stage in ENCODERS:
        for seconds in sizes[0].seconds:
            yield Cell(sizes[0], stage, EAGER, seconds, 1)
    early = [Cell(size, CURVE.name, COMPILED, size.seconds[0], size.batches[0]) for size in sizes]
    for size, compiled in zip(sizes, early, strict=True):
        yield from _prompts(size)
        yield from (cell for cell in _beside(size, size.seconds[:1]) if not _may_end_badly(cell))
        yield compiled
    for size in sizes:
        yield from (cell for cell in _beside(size, size.seconds[1:]) if not _may_end_badly(cell))
    yield from (cell for cell in _compiled(sizes, (CURVE, TEXT_AND_CURVE)) if cell not in early)
    yield from (cell for size in sizes for cell in _beside(size, size.seconds) if _may_end_badly(cell))
    yield from _compiled(sizes, (PLAIN, TEXT))


def _may_end_badly(cell: Cell) -> bool:
    mask = (cell.size.frames_of(cell.seconds) * (cell.size.stride + 1)) ** 2
    return cell.stage == DECODE and cell.way == DIFFUSERS and mask >= _LARGE_MASK


def _compiled(sizes: Sequence[Size], samplings: Sequence[Sampling]) -> Iterator[Cell]:
    for sampling in samplings:
        for size in sizes:
            for batch in size.batches:
                for seconds in size.seconds:
                    yield Cell(size, sampling.name, COMPILED, seconds, batch)


def _prompts(size: Size) -> Iterator[Cell]:
    for batch in size.batches:
        for way in (EAGER, DIFFUSERS):
            yield Cell(size, PROMPT, way, size.seconds[0], batch)


def _beside(size: Size, lengths: Sequence[float]) -> Iterator[Cell]:
    for seconds in lengths:
        for batch in size.batches:
            for stage in (*SAMPLINGS, DECODE):
                for way in (EAGER, DIFFUSERS):
                    yield Cell(size, stage, way, seconds, batch)
