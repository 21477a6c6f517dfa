"""Pictures of docs/evaluation.md: systems by metrics beside their nulls, and the video curve's offsets."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model_core.evaluation.curve_accuracy import OURS, Detections, offsets
from model_core.evaluation.page import columns
from model_core.evaluation.study import Row

BLUE, GREY, ORANGE = "#0072b2", "#8c8c8c", "#d55e00"  # told apart by every kind of colour vision
KINDS: Final = ("cut", "footage", "flash", "mixed", "dance", "dissolve", "fade", "move")
REACH_MS: Final = 250


def draw_systems(table: Sequence[Row], out: Path) -> None:
    """A panel a metric: each system's value with its interval, and in grey the null's mean and 95th percentile."""
    heads = list(columns(table[0]))
    across = 4
    down = -(-len(heads) // across)
    figure = Figure(figsize=(13, 2.6 * down + 0.4), layout="constrained")
    grid = figure.subplots(down, across, sharey=True, squeeze=False).ravel()
    for axes, head in zip(grid, heads, strict=False):
        _panel(axes, head, table)
    for axes in grid[len(heads) :]:
        axes.set_visible(False)
    figure.suptitle(
        "Dot: value and 95 % interval over clips. Grey: mean and 95th percentile of the same music shifted in time.",
        fontsize=10,
    )
    _save(figure, out)


def _panel(axes: Axes, head: str, table: Sequence[Row]) -> None:
    for place, row in enumerate(table):
        if (one := columns(row).get(head)) is None:
            continue
        colour = BLUE if place == 0 else ORANGE
        axes.plot([one.null_mean, one.null_high], [place + 0.22] * 2, color=GREY, linewidth=4, solid_capstyle="butt")
        axes.plot([one.low, one.high], [place] * 2, color=colour, linewidth=1.6)
        axes.plot(one.value, place, "o", color=colour, markersize=5)
    axes.set_title(head, fontsize=10)
    axes.set_yticks(range(len(table)), [row.system for row in table], fontsize=8)
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.grid(axis="x", linewidth=0.4, alpha=0.6)
    axes.tick_params(axis="x", labelsize=8)


def draw_offsets(found: Sequence[Detections], out: Path) -> None:
    """How early or late each detector finds the events, by kind of clip."""
    detectors = list(dict.fromkeys(one.detector for one in found))
    kinds = [kind for kind in KINDS if any(one.clip.kind == kind for one in found)]
    figure = Figure(figsize=(13, 1.3 * len(kinds) + 0.8), layout="constrained")
    grid = figure.subplots(len(kinds), len(detectors), sharex=True, squeeze=False)
    for line, kind in zip(grid, kinds, strict=True):
        for axes, detector in zip(line, detectors, strict=True):
            mine = [one for one in found if one.clip.kind == kind and one.detector == detector]
            late = 1000 * offsets(mine)
            axes.hist(late, bins=np.arange(-REACH_MS - 5, REACH_MS + 6, 10), color=BLUE if detector == OURS else ORANGE)
            missed = sum(len(one.clip.events) for one in mine) - len(late)
            axes.text(0.98, 0.9, f"{missed} not found", transform=axes.transAxes, ha="right", va="top", fontsize=8)
            axes.tick_params(labelsize=8)
        line[0].set_ylabel(kind)
    for axes, detector in zip(grid[0], detectors, strict=True):
        axes.set_title(detector, fontsize=10)
    for axes in grid[-1]:
        axes.set_xlabel("ms late (nearest within 250 ms)", fontsize=9)
    _save(figure, out)


def _save(figure: Figure, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=100, metadata={"Software": f"matplotlib {mpl.__version__}"})
