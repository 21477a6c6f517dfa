"""Page docs/evaluation.md: page.md with tables of systems by metrics and of the video curve against the truth."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from string import Template
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model_core.evaluation.curve_accuracy import OURS, TOLERANCES_S, Detections, offsets, score, size_order
from model_core.evaluation.study import TEMPO, WINDOWS_S, Row, Run, by_system, figures, rows
from model_core.sync.chance import Pooled

TITLES: Final = {
    "f1_onset": "F1 onset",
    "f1_novelty": "F1 novelty",
    "auc_onset": "AUC onset",
    "auc_novelty": "AUC novelty",
    "bas": "BAS",
    "bas_reverse": "BAS reversed",
    "av_align": "AV-Align",
    "downbeats": "downbeats",
    TEMPO: "tempo",
}
HARD: Final = ("cut", "footage")
BLUE, GREY, ORANGE = "#0072b2", "#8c8c8c", "#d55e00"  # told apart by every kind of colour vision
KINDS: Final = ("cut", "footage", "flash", "mixed", "dance", "dissolve", "fade", "move")
REACH_MS: Final = 250


def columns(row: Row) -> dict[str, Pooled]:
    """All figures of a system by the heading of their column."""
    found: dict[str, Pooled] = {title: row.figures[key] for key, title in TITLES.items() if key in row.figures}
    return {**found, **{f"r, {window} s": row.r[window] for window in WINDOWS_S}}


def systems_table(table: Sequence[Row]) -> list[str]:
    """One row for each system, one column for each metric: value and 95 % interval over clips."""
    return _table(table, lambda one: f"**{one.value:.2f}** [{one.low:.2f}, {one.high:.2f}]")


def nulls_table(table: Sequence[Row]) -> list[str]:
    """The same cells with the mean of the null, and the system's distance from it in standard deviations."""
    return _table(table, lambda one: f"{one.null_mean:.2f}, z {one.z:.1f}, p {_p(one.p)}")


def trust_table(table: Sequence[Row], blind: Sequence[str]) -> list[str]:
    """For each metric: ours, and the best of the systems that do not see the video's events."""
    ours = columns(table[0])
    lines = _head(["metric", table[0].system, "best blind system", "its p", "told apart"])
    for head, mine in ours.items():
        others = [(columns(row)[head], row.system) for row in table if row.system in blind and head in columns(row)]
        best, name = max(others, key=lambda other: other[0].value)
        apart = "yes" if mine.low > best.high else "no, and blind is higher" if best.value >= mine.value else "no"
        cells = (
            f"{mine.value:.2f} [{mine.low:.2f}, {mine.high:.2f}] | {best.value:.2f} [{best.low:.2f}, {best.high:.2f}]"
        )
        lines.append(f"| {head} | {cells} ({name}) | {_p(best.p)} | {apart} |")
    return lines


def kinds_table(runs: Sequence[Run], metrics: Sequence[str] = ("f1_onset", "f1_novelty", "auc_onset")) -> list[str]:
    """One system's runs by kind of clip."""
    lines = _head(
        ["kind of clip", "clips", *(f"{TITLES[metric]} | its null" for metric in metrics)], 2 + 2 * len(metrics)
    )
    for kind in _unique(run.kind for run in runs):
        mine = [run for run in runs if run.kind == kind]
        found = figures(mine)
        cells = [
            f"**{found[m].value:.2f}** [{found[m].low:.2f}, {found[m].high:.2f}] | {found[m].null_mean:.2f}"
            for m in metrics
        ]
        lines.append(f"| {kind} | {len({run.clip for run in mine})} | {' | '.join(cells)} |")
    return lines


def curve_table(found: Sequence[Detections]) -> list[str]:
    """Detectors by kind of clip: precision, recall and F1 at each tolerance, and the median offset."""
    heads = [f"F1 at {1000 * tolerance:.0f} ms" for tolerance in TOLERANCES_S]
    lines = _head(["clips", "events", "detector", "precision", "recall", *heads, "median offset"])
    for kind in _unique(one.clip.kind for one in found):
        for detector in _unique(one.detector for one in found):
            mine = [one for one in found if one.clip.kind == kind and one.detector == detector]
            events = sum(len(one.clip.events) for one in mine)
            if not events:
                continue
            by_tolerance = [score(mine, tolerance) for tolerance in TOLERANCES_S]
            late = offsets(mine)
            # Precision and recall at 100 ms; a dissolve has no frame, so only the wide tolerance means something there.
            middle = by_tolerance[1]
            f1s = [f"{one.f1:.3f} [{one.low:.2f}, {one.high:.2f}]" for one in by_tolerance]
            offset = f"{1000 * sorted(late)[len(late) // 2]:+.0f} ms" if len(late) else ""
            start = f"{kind} ({len(mine)}) | {events}" if detector == OURS else " | "
            shares = f"{middle.precision:.2f} | {middle.recall:.2f}"
            lines.append(f"| {start} | {detector} | {shares} | {' | '.join(f1s)} | {offset} |")
    return lines


def false_alarms(found: Sequence[Detections]) -> list[str]:
    """Detections in the clips without events."""
    empty = [one for one in found if not one.clip.events]
    lines = []
    for detector in _unique(one.detector for one in empty):
        mine = [one for one in empty if one.detector == detector]
        minutes = sum(one.clip.duration for one in mine) / 60
        names = ", ".join(f"{one.clip.name}: {len(one.times)}" for one in mine if len(one.times))
        total = sum(len(one.times) for one in mine)
        lines.append(f"- {detector}: {total} in {minutes:.1f} minutes{f' ({names})' if names else ''}")
    return lines


def sizes(found: Sequence[Detections]) -> str:
    """Rank correlation of the curve's peak heights with the true sizes of the events."""
    rho = size_order([one for one in found if one.detector == OURS])
    return "" if rho is None else f"{rho:.2f}"


def _table(table: Sequence[Row], cell: Callable[[Pooled], str]) -> list[str]:
    heads = _unique(head for row in table for head in columns(row))
    lines = _head(["system", *heads])
    for row in table:
        mine = columns(row)
        lines.append(f"| {row.system} | {' | '.join(cell(mine[head]) if head in mine else '' for head in heads)} |")
    return lines


def _head(titles: Sequence[str], width: int | None = None) -> list[str]:
    return [f"| {' | '.join(titles)} |", "|" + "---|" * (width or len(titles))]


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _p(p: float) -> str:
    return f"{p:.4f}" if p < 0.001 else f"{p:.3f}"


def page(runs: Sequence[Run], found: Sequence[Detections], blind: Sequence[str], command: str) -> str:
    """Markdown. `blind` names the systems that do not see the events; ours comes first among the runs."""
    table = rows(runs)
    clips = {run.clip for run in runs}
    seeds = len({run.seed for run in runs})
    filled: dict[str, list[str]] = {
        "systems": systems_table(table),
        "hard_systems": systems_table(rows([run for run in runs if run.kind in HARD])),
        "nulls": nulls_table(table),
        "trust": trust_table(table, blind),
        "kinds": kinds_table(by_system(runs)[table[0].system]),
        "hard_cuts": hard_cuts(found),
        "curve": curve_table(found),
        "false_alarms": false_alarms(found),
    }
    template = Template(Path(__file__).with_suffix(".md").read_text())
    return template.substitute(
        {name: "\n".join(lines) for name, lines in filled.items()},
        clips=len(clips),
        events=sum(len(one.clip.events) for one in found if one.detector == OURS and one.clip.name in clips),
        pieces=f"{seeds} piece{'s' if seeds > 1 else ''}",
        command=command,
        sizes=sizes(found),
    )


def hard_cuts(found: Sequence[Detections]) -> list[str]:
    """All clips of hard cuts together, at 40 ms."""
    lines = []
    for detector in dict.fromkeys(one.detector for one in found):
        mine = [one for one in found if one.detector == detector and one.clip.kind in HARD]
        if mine:
            cuts = score(mine, 0.04)
            counts = f"{cuts.hits} of {cuts.events} cuts, {cuts.found} found"
            interval = f"[{cuts.low:.3f}, {cuts.high:.3f}]"
            lines.append(f"- Hard cuts within 40 ms, {detector}: F1 **{cuts.f1:.3f}** {interval} ({counts})")
    return lines


def draw_systems(table: Sequence[Row], out: Path) -> None:
    """Draw a panel for each metric: the systems' values with intervals, and the null's mean and 95th percentile."""
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
    """Draw histograms of the detectors' offsets from the true events, by kind of clip."""
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
