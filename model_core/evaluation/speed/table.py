"""The tables: what was measured by stage, whole scores as the sum of their stages, and the floors alone."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from model_core.evaluation.speed.cells import Cell, Result
from model_core.evaluation.speed.floors import Floor
from model_core.evaluation.speed.sizes import Size
from model_core.evaluation.speed.stages import (
    CURVE,
    DECODE,
    ENCODERS,
    PLAIN,
    PROMPT,
    SAMPLINGS,
    STAGES,
    TEXT,
    TEXT_AND_CURVE,
)
from model_core.evaluation.speed.ways import COMPILED, DIFFUSERS, EAGER

Floors = Callable[[Size, str, float, int], Floor]
"""The floor of a stage for seconds of music and a batch."""
_KINDS: Final = (("distilled", CURVE.name, PLAIN.name, 1), ("base", TEXT_AND_CURVE.name, TEXT.name, 2))
"""Of a whole score: our sampling, diffusers', and how many prompts diffusers encodes a take (we encode two always)."""


class Found:
    """The results by what they are of."""

    def __init__(self, results: Sequence[Result]) -> None:
        self._results = {result.cell: result for result in results}

    def places(self) -> list[tuple[Size, str, float, int]]:
        """What was measured or tried in any way: size, stage, seconds and batch, in the order of the tables."""
        order = [*ENCODERS, *STAGES]
        found = {(cell.size.name, cell.seconds, cell.batch, order.index(cell.stage)): cell for cell in self._results}
        keys = sorted(found, key=lambda key: (key[3] >= len(ENCODERS), *key))
        return [(cell.size, cell.stage, cell.seconds, cell.batch) for cell in (found[key] for key in keys)]

    def get(self, size: Size, stage: str, way: str, seconds: float, batch: int) -> Result | None:
        """One result, if it was come to."""
        return self._results.get(Cell(size, stage, way, seconds, batch))

    def seconds(self, size: Size, stage: str, ways: Sequence[str], seconds: float, batch: int) -> float | None:
        """The fastest of some ways that were measured."""
        found = [self.get(size, stage, way, seconds, batch) for way in ways]
        return min((one.taken.seconds for one in found if one and one.taken), default=None)


def stages_table(results: Sequence[Result], floors: Floors) -> list[str]:
    """One row a stage."""
    heads = [
        "size", "music", "takes", "stage", EAGER, COMPILED, DIFFUSERS, "eager / diffusers", "compiled / diffusers",
        "a step", "floor", "above it", "memory", "diffusers' memory",
    ]  # fmt: skip
    lines = _head(heads)
    found = Found(results)
    for size, stage, seconds, batch in found.places():
        got = {way: found.get(size, stage, way, seconds, batch) for way in (EAGER, COMPILED, DIFFUSERS)}
        times = {way: one.taken.seconds if one and one.taken else None for way, one in got.items()}
        ours = found.seconds(size, stage, (EAGER, COMPILED), seconds, batch)
        steps = [one.step_s for one in (got[EAGER], got[COMPILED]) if one and one.step_s]
        floor = floors(size, stage, seconds, batch)
        cells = [
            "" if stage in ENCODERS else size.name, f"{seconds:g} s", str(batch), _title(size, stage),
            *(_measured(one) for one in got.values()),
            *(_ratio(times[way], times[DIFFUSERS]) for way in (EAGER, COMPILED)),
            duration(min(steps)) if steps else "", duration(floor.seconds),
            f"{ours / floor.seconds:.1f}" if ours else "", _memory(got[EAGER]), _memory(got[DIFFUSERS]),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def scores_table(results: Sequence[Result]) -> list[str]:
    """One row a whole score from prompt to sound: ours with the curve, diffusers' without, where both were measured."""
    lines = _head(["size", "music", "takes", "model", "ours", "times real time", DIFFUSERS, "ours / diffusers"])
    found = Found(results)
    for size, seconds, batch in dict.fromkeys(
        (size, seconds, batch) for size, stage, seconds, batch in found.places() if stage == DECODE
    ):
        for kind, our_sampling, their_sampling, prompts in _KINDS:
            ours = _sum(found, size, our_sampling, (EAGER, COMPILED), seconds, batch, 2)
            theirs = _sum(found, size, their_sampling, (DIFFUSERS,), seconds, batch, prompts)
            real = f"{seconds * batch / ours:.0f}" if ours else ""
            cells = [size.name, f"{seconds:g} s", str(batch), kind, duration(ours), real, duration(theirs)]
            lines.append(f"| {' | '.join(cells)} | {_ratio(ours, theirs)} |")
    return lines


def floors_table(sizes: Sequence[Size], floors: Floors) -> list[str]:
    """Operations, bytes and seconds of each stage at least."""
    lines = _head(["size", "music", "takes", "stage", "operations", "bytes", "floor", "set by"])
    for size, stage, seconds, batch in _floor_places(sizes):
        floor = floors(size, stage, seconds, batch)
        cells = [
            "" if stage in ENCODERS else size.name, "any" if stage == PROMPT else f"{seconds:g} s", str(batch),
            _title(size, stage), f"{_digits(floor.operations / 1e12)} T", f"{_digits(floor.bytes / 1e9)} GB",
            duration(floor.seconds), floor.bound,
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def line(result: Result, floor: Floor) -> str:
    """One result, for the screen."""
    cell = result.cell
    start = f"{cell.size.name:7} {cell.seconds:4g} s x{cell.batch}  {cell.stage:30} {cell.way:10}"
    if result.taken is None:
        return f"{start} {result.reason} {result.detail}".rstrip()
    above = f"floor {duration(floor.seconds):>8} x{result.taken.seconds / floor.seconds:.1f}"
    told = f"{start} {_measured(result):>10}  {above}"
    step = "" if result.step_s is None else f"  a step {duration(result.step_s)}"
    return f"{told}  {_memory(result)}{step}  first {result.taken.first_s:.1f} s"


def failures(results: Sequence[Result]) -> list[str]:
    """What the errors of the cells that failed said, each once, after an empty line."""
    said = dict.fromkeys(result.detail for result in results if result.detail)
    return ["", *(f"- failed: {detail}" for detail in said)] if said else []


def duration(seconds: float | None) -> str:
    """Three digits of it in a fitting unit; nothing for None."""
    if seconds is None:
        return ""
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{_digits(seconds * factor)} {unit}"
    return f"{_digits(seconds * 1e6)} µs"


def _sum(
    found: Found, size: Size, sampling: str, ways: Sequence[str], seconds: float, batch: int, prompts: int
) -> float | None:
    kept = (DIFFUSERS,) if DIFFUSERS in ways else (EAGER,)
    encode = found.seconds(size, PROMPT, kept, size.seconds[0], batch)
    sample = found.seconds(size, sampling, ways, seconds, batch)
    decode = found.seconds(size, DECODE, kept, seconds, batch)
    if encode is None or sample is None or decode is None:
        return None
    return prompts * encode + sample + decode


def _floor_places(sizes: Sequence[Size]) -> Iterator[tuple[Size, str, float, int]]:
    for stage in ENCODERS:
        for seconds in sizes[0].seconds:
            yield sizes[0], stage, seconds, 1
    for size in sizes:
        for batch in size.batches:
            yield size, PROMPT, size.seconds[0], batch
        for seconds in size.seconds:
            for batch in size.batches:
                for stage in (CURVE.name, TEXT_AND_CURVE.name, DECODE):
                    yield size, stage, seconds, batch


def _title(size: Size, stage: str) -> str:
    return f"{stage}, {SAMPLINGS[stage].steps(size)} steps" if stage in SAMPLINGS else stage


def _measured(result: Result | None) -> str:
    if result is None:
        return ""
    if result.taken is None:
        return result.reason
    star = "*" if result.measured_steps < result.cell.whole_steps else ""
    return f"{duration(result.taken.seconds)}{star}"


def _memory(result: Result | None) -> str:
    if result is None or result.taken is None or result.taken.memory_bytes is None:
        return ""
    return f"{result.taken.memory_bytes / 2**30:.1f} GiB"


def _digits(value: float) -> str:
    """Three digits of it, all of those before the point, never an exponent."""
    return f"{value:.0f}" if value >= 1000 else f"{float(f'{value:.3g}'):.10g}"


def _ratio(one: float | None, other: float | None) -> str:
    return f"{one / other:.2f}" if one is not None and other is not None else ""


def _head(titles: Sequence[str]) -> list[str]:
    return [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
