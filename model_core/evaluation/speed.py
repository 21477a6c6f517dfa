"""Speed of the production model on a GPU, stage by stage, with random weights of the published sizes.

`python -m model_core.evaluation.speed --write` measures and writes docs/benchmarks.md; `--size tiny --device cpu` tries
the script without a GPU.
"""

import argparse
import copy
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from string import Template
from typing import Any, Final

import numpy as np
import torch
from diffusers import StableAudio3Pipeline
from torch.utils.benchmark import Timer

from model_core.evaluation.speed_model import (
    COMPILED,
    DECODE,
    DIFFUSERS,
    MUSIC,
    PICTURE,
    PROMPT,
    SAMPLINGS,
    WAYS,
    Cell,
    Sampling,
    Size,
    build_model,
    build_music_encoder,
    build_picture_encoder,
    build_scheduler,
    list_cells,
    load_size,
)
from model_core.media.writing import replace_when_complete
from model_core.models.stable_audio.codecs import open_codec
from model_core.models.stable_audio.conditions import PromptEncoder
from model_core.models.stable_audio.flow import AudioFlow, Take
from model_core.models.stable_audio.folder import StableAudioParts

PAGE: Final = Path("docs/benchmarks.md")
CELL_S: Final = 2.5
"""Seconds that a cell is repeated for, at least once after a warm-up."""
_PROMPT_TEXT: Final = "tense strings, a big brass hit"
_SAMPLE_RATE: Final = 44100
_STEPS: Final = (1, 5)
"""Steps of the two runs whose difference gives the time of a step, without the encoding of the prompt."""
_PICTURES, _PICTURE_SIDE, _PICTURE_RATE = 64, 224, 12.5
"""Pictures that the sandbox hands over at once, their side in pixels, and pictures a second of video."""


class Bench:
    """One size on one device."""

    def __init__(self, size: Size, device: torch.device, dtype: torch.dtype) -> None:
        self._size, self._device, self._dtype = size, device, dtype
        self._model: StableAudioParts | None = None

    def measure(self, cell: Cell) -> Cell:
        """The cell with its time, or with the reason why it failed: the other cells are still worth having."""
        cuda = self._device.type == "cuda"
        try:
            if cuda:
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats(self._device)
            seconds = self._stage(cell)
            memory = torch.cuda.max_memory_allocated(self._device) if cuda else None
            return replace(cell, time_s=seconds, memory_bytes=memory)
        except torch.cuda.OutOfMemoryError:
            return replace(cell, reason="out of memory")
        except Exception as error:  # whatever a kernel or a compiler says
            return replace(cell, reason=f"failed: {type(error).__name__}: {str(error).partition(chr(10))[0][:200]}")

    def _time(self, work: Callable[[], object]) -> float:
        """Median seconds after a warm-up; waits for the GPU."""
        work()
        timer = Timer("work()", globals={"work": work}, num_threads=torch.get_num_threads())
        return float(timer.blocked_autorange(min_run_time=CELL_S).median)

    def _stage(self, cell: Cell) -> float:
        if cell.stage == PICTURE:
            return self._picture(cell.seconds)
        if cell.stage == MUSIC:
            return self._music(cell.seconds)
        if self._model is None:
            self._model = build_model(self._size, self._device, self._dtype)
        if cell.stage == PROMPT:
            return self._prompt(self._model, cell.way, cell.batch)
        if cell.stage == DECODE:
            return self._decode(self._model, cell.way, cell.seconds, cell.batch)
        return self._sample(self._model, SAMPLINGS[cell.stage], cell.way, cell.seconds, cell.batch)

    def _picture(self, seconds: float) -> float:
        encoder, count = build_picture_encoder(self._size, self._device), round(seconds * _PICTURE_RATE)
        shape = (_PICTURES, _PICTURE_SIDE, _PICTURE_SIDE, 3)
        pictures = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        return self._time(lambda: [encoder.embed(pictures[: count - at]) for at in range(0, count, _PICTURES)])

    def _music(self, seconds: float) -> float:
        encoder, samples = build_music_encoder(self._size, self._device), round(seconds * _SAMPLE_RATE)
        sound = np.random.default_rng(0).normal(scale=0.1, size=(2, samples)).astype(np.float32)
        return self._time(lambda: encoder.curve(sound, _SAMPLE_RATE))

    def _prompt(self, model: StableAudioParts, way: str, batch: int) -> float:
        prompts = [_PROMPT_TEXT] * batch
        if way == DIFFUSERS:
            pipeline = _pipeline(model, distilled=True)
            return self._time(torch.no_grad()(lambda: pipeline.encode_prompt(prompts, self._device, 1)))
        encoder = PromptEncoder(model.tokenizer, model.text_encoder)
        return self._time(lambda: encoder.encode(prompts))

    def _sample(self, model: StableAudioParts, sampling: Sampling, way: str, seconds: float, batch: int) -> float:
        """Seconds of all steps of all windows."""
        if way == COMPILED:
            torch._dynamo.reset()  # torch keeps only a few compiled shapes
            backend = {} if self._device.type == "cuda" else {"backend": "eager"}
            model.transformer.compile_repeated_blocks(**backend)
        make = _diffusers_sampler if way == DIFFUSERS else _flow_sampler
        sample = make(model, sampling, seconds, batch)
        if not torch.isfinite(sample(1)).all():
            raise ArithmeticError("latents are not finite")
        few, more = (self._time(partial(sample, steps)) for steps in _STEPS)
        steps = self._size.distilled_steps if sampling.distilled else self._size.base_steps
        return steps * max(0.0, more - few) / (_STEPS[1] - _STEPS[0])

    def _decode(self, model: StableAudioParts, way: str, seconds: float, batch: int) -> float:
        """From latents on the device to samples in main memory."""
        codec, samples = open_codec(model.vae), int(seconds * _SAMPLE_RATE)
        shape = (batch, int(model.vae.config["latent_dim"]), codec.count_frames(seconds))
        latents = torch.randn(shape, device=self._device)

        @torch.no_grad()
        def decode_whole() -> object:
            sound = model.vae.decode(latents.to(self._dtype)).sample[:, :, :samples].clamp(-1.0, 1.0)
            return sound.cpu().float().numpy()

        return self._time(decode_whole if way == DIFFUSERS else lambda: codec.decode(latents, samples))


def _flow_sampler(
    model: StableAudioParts, sampling: Sampling, seconds: float, batch: int
) -> Callable[[int], torch.Tensor]:
    """AudioFlow as the product uses it; the scheduler alone makes a distilled checkpoint of a base one."""
    flow = AudioFlow(replace(model, scheduler=build_scheduler(distilled=sampling.distilled)))
    curve = np.random.default_rng(0).normal(size=flow.codec.count_frames(seconds)) if sampling.guidance.curve else None
    takes = [Take(_PROMPT_TEXT, seed, curve) for seed in range(batch)]
    return lambda steps: flow.generate(takes, seconds, sampling.guidance, steps)


def _diffusers_sampler(
    model: StableAudioParts, sampling: Sampling, seconds: float, batch: int
) -> Callable[[int], torch.Tensor]:
    """diffusers' own pipeline on the same weights."""
    pipeline, device = _pipeline(model, sampling.distilled), model.transformer.device
    common: dict[str, Any] = {"duration": seconds, "guidance_scale": sampling.guidance.text, "output_type": "latent"}
    generator = torch.Generator(device).manual_seed(0)

    def sample(steps: int) -> torch.Tensor:
        given = {**common, "num_inference_steps": steps, "generator": generator}
        latents: torch.Tensor = pipeline([_PROMPT_TEXT] * batch, **given).audios
        return latents

    return sample


def _pipeline(model: StableAudioParts, distilled: bool) -> StableAudio3Pipeline:
    pipeline = StableAudio3Pipeline(
        vae=model.vae,
        text_encoder=model.text_encoder,
        tokenizer=model.tokenizer,
        # In the transformer's precision, as the pipeline loads it itself.
        duration_embedder=copy.deepcopy(model.duration_embedder).to(dtype=model.transformer.dtype),
        transformer=model.transformer,
        scheduler=build_scheduler(distilled=distilled),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def format_table(cells: Sequence[Cell]) -> list[str]:
    """Markdown: a row for each stage, size, length and batch, a column for each way."""
    head = ["size", "music", "batch", "stage", *WAYS, "eager / diffusers", "compiled / diffusers", "memory"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    found = {(cell.size, cell.seconds, cell.batch, cell.stage, cell.way): cell for cell in cells}
    for size, seconds, batch, stage in dict.fromkeys(key[:4] for key in found):
        eager, compiled, diffusers = (found.get((size, seconds, batch, stage, way)) for way in WAYS)
        memory = f"{eager.memory_bytes / 2**30:.1f} GiB" if eager and eager.memory_bytes else ""
        row = [
            *(size, f"{seconds:g} s", str(batch), stage),
            *(format_duration(cell) for cell in (eager, compiled, diffusers)),
            *(_ratio(cell, diffusers) for cell in (eager, compiled)),
            memory,
        ]
        lines.append(f"| {' | '.join(row)} |")
    return lines


def format_duration(cell: Cell | None) -> str:
    """Three digits in a fitting unit, or the reason why there is no time."""
    if cell is None or cell.time_s is None:
        return cell.reason if cell else ""
    seconds = cell.time_s
    factor, unit = (1.0, "s") if seconds >= 1 else (1e3, "ms") if seconds >= 1e-3 else (1e6, "µs")
    return f"{float(f'{seconds * factor:.3g}'):.10g} {unit}"


def _ratio(one: Cell | None, other: Cell | None) -> str:
    return f"{one.time_s / other.time_s:.2f}" if one and other and one.time_s and other.time_s else ""


def format_page(cells: Sequence[Cell], conditions: str) -> str:
    """The page docs/benchmarks.md; without cells it says that nothing was measured yet."""
    measured = "\n".join([f"Measured on {conditions}.", "", *format_table(cells)])
    nothing = (
        "**No GPU has measured this yet.** `make bench-gpu` on a machine with a GPU and a CUDA build of torch\n"
        "(`pip install 'v2m-zero[gpu]'`) does it in less than ten minutes and writes the table here."
    )
    template = Template(Path(__file__).with_suffix(".md").read_text("utf-8"))
    return template.substitute(measured=measured if cells else nothing)


def measure(sizes: Sequence[Size], device: torch.device, dtype: torch.dtype, minutes: float) -> Iterator[Cell]:
    """All cells, as they are measured; after ``minutes`` no further one begins."""
    end = time.monotonic() + 60 * minutes
    for number, size in enumerate(sizes):
        bench = Bench(size, device, dtype)
        for cell in list_cells(size, encoders=number == 0):
            late = time.monotonic() > end
            yield replace(cell, reason=f"not reached in {minutes:g} minutes") if late else bench.measure(cell)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script; the exit status is 1 if a cell failed, 2 if nothing can be measured here."""
    parser = argparse.ArgumentParser(prog="python -m model_core.evaluation.speed", description=__doc__)
    parser.add_argument("--size", choices=("medium", "small", "tiny"), help="one size (default: medium and small)")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu is for --size tiny")
    parser.add_argument("--minutes", type=float, default=8.0, help="no cell begins after so many minutes (default: 8)")
    parser.add_argument("--write", type=Path, nargs="?", const=PAGE, help=f"write the page (default: {PAGE})")
    given = parser.parse_args(arguments)
    if given.device == "cpu" and given.size != "tiny":
        print("a CPU runs the tiny size alone: give --size tiny with --device cpu", file=sys.stderr)
        return 2
    if given.device == "cuda" and not torch.cuda.is_available():
        print(f"a GPU and a CUDA build of torch are needed: torch {torch.__version__} finds none here", file=sys.stderr)
        return 2
    device = torch.device(given.device)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    today = datetime.now(UTC).date().isoformat()
    conditions = f"{card}, {dtype} (MusicFM: float32), torch {torch.__version__}, {today}".replace("torch.", "", 1)
    cells: list[Cell] = []
    sizes = [load_size(name) for name in ([given.size] if given.size else ("medium", "small"))]
    for cell in measure(sizes, device, dtype, given.minutes):
        cells.append(cell)
        print(f"{cell.size:7}{cell.seconds:5g} s x{cell.batch} {cell.stage:30} {cell.way:10}", format_duration(cell))
        if given.write:  # after each cell: a run that is killed leaves what it measured
            given.write.parent.mkdir(parents=True, exist_ok=True)
            with replace_when_complete(given.write) as beside:
                beside.write_text(format_page(cells, conditions), "utf-8")
    print("\n".join(format_table(cells)))
    return int(any(cell.reason.startswith(("failed", "out of memory")) for cell in cells))


if __name__ == "__main__":
    raise SystemExit(main())
