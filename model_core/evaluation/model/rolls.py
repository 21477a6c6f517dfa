"""Piano rolls: takes of one prompt one below the other, a colour a part, each with its given curve and events."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from model_core.evaluation.model.takes import Take
from model_core.models.score.codec.notes import Note

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
