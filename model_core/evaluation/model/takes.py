"""Takes: music that the model makes for a prompt, a planted curve and a seed, their sound, and their piano rolls."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Final, Self, TypeVar

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from model_core.curves.event_curve import EventCurve, FloatArray
from model_core.loudness import normalize
from model_core.models.score.codec.codec import SAMPLE_RATE, build_rendered_notes
from model_core.models.score.codec.notes import Note
from model_core.models.score.codec.score import Score
from model_core.models.score.model import ScoreModel
from model_core.options import ScoreOptions
from model_core.plan.plan import ScorePlan

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_parallel(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The results in the order of the items. A small network gains little from threads of its own."""
    workers = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(work, items))
    finally:
        torch.set_num_threads(workers)


FRAME_RATE: Final = 25.0
SHORTEST_S, LONGEST_S = 30.0, 40.0
_FEWEST, _MOST = 3, 12
_APART_S: Final = 1.2
_CLEAR_S: Final = 1.0
"""No event nearer to either end."""
_PULSE_S: Final = 0.08
_NOISE: Final = 0.02


def plant_curve(seed: int) -> EventCurve:
    """Create a standardized curve of 30 to 40 s with 3 to 12 narrow peaks, on no grid, and a little noise."""
    rng = np.random.default_rng([seed, 41])
    duration = float(rng.uniform(SHORTEST_S, LONGEST_S))
    events = draw_times(int(rng.integers(_FEWEST, _MOST + 1)), duration, rng)
    strengths = rng.uniform(0.6, 1.0, len(events))
    times = np.arange(round(duration * FRAME_RATE)) / FRAME_RATE
    pulses = strengths * np.exp(-0.5 * ((times[:, None] - events) / _PULSE_S) ** 2)
    raw = pulses.max(axis=1) + rng.uniform(0, _NOISE, len(times))
    return EventCurve(times, (raw - raw.mean()) / raw.std(), "planted")


def draw_times(count: int, duration: float, rng: np.random.Generator) -> FloatArray:
    """Draw random seconds at least _APART_S apart and _CLEAR_S away from the ends, shape (count,), ascending."""
    slack = duration - 2 * _CLEAR_S - (count - 1) * _APART_S
    return np.asarray(_CLEAR_S + np.sort(rng.uniform(0, slack, count)) + _APART_S * np.arange(count))


def compute_duration(curve: EventCurve) -> float:
    """Seconds that a planted curve covers."""
    return len(curve.times) / FRAME_RATE


@dataclass(frozen=True)
class Take:
    """One piece of generated music, not rendered yet."""

    prompt: str
    seed: int
    curve: EventCurve
    plan: ScorePlan
    score: Score

    @property
    def notes(self) -> list[Note]:
        """Rendered notes, in seconds; nothing begins after the plan's duration."""
        return build_rendered_notes(self.score, self.plan)

    @property
    def programs(self) -> frozenset[int]:
        """General MIDI programs that sound, those of drums apart."""
        return frozenset(note.program for note in self.notes if note.role not in ("drums", "impact"))

    @property
    def roles(self) -> frozenset[str]:
        """Roles that sound; an impact is the drums'."""
        return frozenset("drums" if note.role == "impact" else note.role for note in self.notes)

    @property
    def felt_bpm(self) -> float:
        """Mean tempo as a listener counts it, from the times of the beats."""
        tempo, header = self.plan.tempo, self.plan.header
        bpm = 60 * tempo.last_beat / float(tempo.beat_times[tempo.last_beat] - tempo.beat_times[0])
        return bpm * header.felt_bpm / header.bpm


class Studio:
    """Score model that stops at the score: takes are made as soundtracks are, with the same options."""

    def __init__(self, model: ScoreModel) -> None:
        self._score_model = model
        self.model = model.model
        self.codec = model.codec

    @classmethod
    def load(cls, model: Path | None = None) -> Self:
        """The studio of a model folder, the shipped one by default."""
        return cls(ScoreModel.load(model))

    @property
    def styles(self) -> tuple[str, ...]:
        """Styles that the model knows."""
        return self.model.planner.vocabulary.styles

    def take(self, prompt: str, seed: int, curve: EventCurve, redraws: int | None = None) -> Take:
        """Plan, generate and decode with the default options; ``redraws`` as in ScoreOptions, its default if None."""
        options = ScoreOptions(seed=seed) if redraws is None else ScoreOptions(seed=seed, redraws=redraws)
        made = self._score_model.compose(curve, compute_duration(curve), prompt, options, lambda stage, fraction: None)
        return Take(prompt, seed, curve, *made)

    def takes(self, prompts: Sequence[str], first_seed: int, redraws: int | None = None) -> list[Take]:
        """One take for each prompt, each with a seed and a planted curve of its own."""

        def take(asked: tuple[int, str]) -> Take:
            seed, prompt = asked
            return self.take(prompt, seed, plant_curve(seed), redraws)

        return run_parallel(take, enumerate(prompts, first_seed))

    def play(self, take: Take) -> NDArray[np.float32]:
        """The finished sound of a take, shape (2, duration * SAMPLE_RATE)."""
        return normalize(self.codec.render(take.score, take.plan).audio, SAMPLE_RATE)


COLOURS: Final = {
    "lead": "#d00000", "arp": "#e69f00", "chords": "#0072b2", "bass": "#009e73", "drums": "#444444",
    "impact": "#cc79a7",
}  # fmt: skip
_LOWEST, _HIGHEST = 24, 98
_DRUM_TOP: Final = 22
"""Drums are drawn below the keys, low ones at the bottom."""
_DRUM_KEYS: Final = (35, 82)
_SIZE: Final = (12.0, 10.5)
_DPI: Final = 68
_PROMPT_CHARS: Final = 140


def draw_rolls(takes: Sequence[Take], out: Path) -> None:
    """One picture of a few takes; without smoothed edges, which would double its bytes."""
    figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
    grid = figure.subplots(2 * len(takes), 1, height_ratios=[4, 1] * len(takes), squeeze=False)[:, 0]
    for take, roll, curve in zip(takes, grid[::2], grid[1::2], strict=True):
        _draw_notes(take, roll)
        _draw_curve(take, curve)
    handles = [Line2D([], [], color=colour, linewidth=4, label=part) for part, colour in COLOURS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8, frameon=False)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, pil_kwargs={"optimize": True})


def _draw_notes(take: Take, axes: Axes) -> None:
    notes = take.notes
    for part, colour in COLOURS.items():
        mine = [note for note in notes if note.role == part]
        lines = [_line(note) for note in mine]
        width = 2.0 if part == "drums" else 2.6
        axes.add_collection(LineCollection(lines, colors=colour, linewidths=width, antialiaseds=False))
    axes.axhline(_DRUM_TOP + 1, color="#bbbbbb", linewidth=0.6)
    _mark_events(take, axes)
    axes.set_ylim(-1, _HIGHEST)
    axes.set_yticks(range(_LOWEST, _HIGHEST, 12), [f"C{octave}" for octave in range(1, 8)], fontsize=7)
    header = take.plan.header
    parts = ", ".join(f"{part} {header.programs[part]}" for part in COLOURS if part in header.parts)
    mode = "minor" if header.minor else "major"
    told = f"{header.style}, {take.felt_bpm:.0f} bpm, {header.meter}, {mode}; {parts}"
    axes.set_title(f'"{shorten(take.prompt, _PROMPT_CHARS)}"\n{told}', fontsize=8, loc="left")


def _line(note: Note) -> list[tuple[float, float]]:
    if note.role == "drums":
        low, high = _DRUM_KEYS
        height = _DRUM_TOP * (np.clip(note.pitch, low, high) - low) / (high - low)
        return [(note.start, height - 0.6), (note.start, height + 0.6)]
    height = float(max(note.pitch, _LOWEST))
    return [(note.start, height), (max(note.start + 0.05, note.end - 0.03), height)]


def _draw_curve(take: Take, axes: Axes) -> None:
    axes.fill_between(
        take.curve.times, 0, np.maximum(take.curve.values, 0), color="#888888", linewidth=0, antialiased=False
    )
    _mark_events(take, axes)
    axes.set_yticks([])
    axes.set_ylim(0, None)


def _mark_events(take: Take, axes: Axes) -> None:
    for event in take.curve.peaks().times:
        axes.axvline(float(event), color="#000000", linewidth=0.6, linestyle=(0, (2, 3)), zorder=0)
    axes.set_xlim(0, take.plan.duration)
    axes.tick_params(axis="x", labelsize=7)
