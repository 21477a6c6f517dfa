"""Plot of a sync report on one time axis: frames at the events, event curve, notes if known, and sound."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, Protocol

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import offset_copy
from numpy.typing import NDArray

from model_core.media import frames
from model_core.sync.figures import EventMatches
from model_core.sync.measures import HIT_TOLERANCE_S
from model_core.sync.report import SyncReport, summarize
from model_core.sync.sound import Envelope

FRAME_RATE: Final = 12.5
FRAME_SIZE: Final = 160
WIDTH_INCHES: Final = 12.0
FILM_INCHES: Final = (10.8, 1.1)
"""Approximate width and height of the row of frames; keeps their aspect ratio."""
HIT, MISS, PEAK, LINE, SOUND = "#009e73", "#d55e00", "#0072b2", "#333333", "#a8a8a8"
"""Colors of Okabe and Ito, safe for all kinds of color vision; hits are also filled and misses hollow."""
COLUMNS: Final = 1200
"""Largest number of points of an envelope, about one per pixel."""
CROWD: Final = 30
"""Number of events from which on lines are thinner."""
ROLE_COLORS: Final = {
    "bass": "#4c78a8", "chords": "#72b7b2", "lead": "#e45756", "arp": "#b279a2", "drums": "#9d8463",
    "impact": "#54463a",
}  # fmt: skip


class PlayedNote(Protocol):
    """Note in a piano roll: role, MIDI pitch, start and end in seconds."""

    @property
    def role(self) -> str: ...
    @property
    def pitch(self) -> int: ...
    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...


def draw_report(video: Path, report: SyncReport, out: Path, title: str, notes: Sequence[PlayedNote] = ()) -> None:
    """Write the plot as PNG to `out`; with `notes` it has a piano roll."""
    heights = [1.0, 1.1, *([2.2] if notes else []), 1.0, 1.0]
    # A Figure instead of pyplot: no global state, no display.
    figure = Figure(figsize=(WIDTH_INCHES, 0.7 + 1.25 * sum(heights)), layout="constrained")
    rows = list(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights))
    figure.suptitle(f"{title}\n{_figures(report)}", fontsize=10)
    _film(rows[0], video, report)
    _curve(rows[1], report)
    if notes:
        _roll(rows[2], notes)
    _sound(rows[-2], report, report.sound.onset, report.onset, "onset\nstrength")
    _sound(rows[-1], report, report.sound.novelty, report.novelty, "novelty")
    rows[-1].set_xlabel("seconds")
    rows[-1].set_xlim(0, report.video.info.duration)
    figure.legend(handles=_legend(), loc="outside lower right", ncols=3, fontsize=8.5, frameon=False)
    figure.savefig(out, dpi=110, metadata={"Software": f"matplotlib {mpl.__version__}"})


def _legend() -> list[Line2D]:
    within = f"{1000 * HIT_TOLERANCE_S:.0f} ms"
    return [
        Line2D(
            [], [], color=HIT, marker="v", label=f"event with a strong peak within {within} (in the curve: of either)"
        ),
        Line2D([], [], color=MISS, marker="v", markerfacecolor="white", linestyle=":", label="event missed"),
        Line2D([], [], color=PEAK, marker="o", markersize=4, linestyle="", label="strong peaks, as many as events"),
    ]


def _figures(report: SyncReport) -> str:
    if not len(report.events):
        return summarize(report)
    parts = []
    for name, label in (("f1_onset", "F1 onset"), ("f1_novelty", "F1 novelty")):
        if name in report.figures:
            figure = report.figures[name]
            parts.append(f"{label} {figure.value:.2f} (chance {figure.mean:.2f}, p {figure.p:.3f})")
    correlation = report.correlation
    return ", ".join([*parts, f"r {correlation.r:.2f} (chance {correlation.null_mean:.2f})"])


def _film(axes: Axes, video: Path, report: SyncReport) -> None:
    """Draw the first frame and that of each event, each cut off at the next; some dense events have no frame."""
    info = report.video.info
    span = info.width / info.height * FILM_INCHES[1] / FILM_INCHES[0] * info.duration  # width of a frame in seconds
    starts = [0.0]
    for event in report.events:
        if event - starts[-1] >= span / 3:
            starts.append(float(event))
    for number, picture in enumerate(pictures_after(video, starts)):
        end = min([*starts, info.duration][number + 1], starts[number] + span)
        columns = max(1, round(FRAME_SIZE * (end - starts[number]) / span))
        axes.imshow(picture[:, :columns], extent=(starts[number], end, 0, 1), aspect="auto")
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.set_ylabel("frames at\nthe events")


def pictures_after(video: Path, times: Sequence[float]) -> list[NDArray[np.uint8]]:
    """First frame at or after each time, FRAME_SIZE square; the last frame where there is none."""
    found: list[NDArray[np.uint8]] = []
    last: NDArray[np.uint8] | None = None
    with closing(frames(video, FRAME_RATE, FRAME_SIZE)) as batches:
        for batch in batches:
            for picture, time in zip(batch.rgb, batch.times, strict=True):
                last = picture
                while len(found) < len(times) and time >= times[len(found)] - 1e-6:
                    found.append(picture)
            if len(found) == len(times):
                break  # do not decode the rest of a long video
    return found if last is None else found + [last] * (len(times) - len(found))


def _curve(axes: Axes, report: SyncReport) -> None:
    curve = report.video.curve
    axes.plot(curve.times, curve.values, color=LINE, linewidth=1.0)
    heights = curve.at(report.events)
    met = (report.onset.partner >= 0) | (report.novelty.partner >= 0)
    above = offset_copy(axes.transData, axes.get_figure(root=True), y=5, units="points")  # above the peak at any scale
    for which, color, face in ((met, HIT, HIT), (~met, MISS, "white")):
        axes.scatter(
            report.events[which], heights[which], 30, face, edgecolors=color, marker="v", zorder=3, transform=above
        )
    low, high = float(curve.values.min()), float(curve.values.max())
    room = max(high - low, 1.0)  # draw the curve of a still picture as a flat line
    axes.set_ylim(low - 0.1 * room, high + 0.3 * room)
    axes.set_ylabel("video's\nevent curve")


def _roll(axes: Axes, notes: Sequence[PlayedNote]) -> None:
    """Draw the notes by pitch, with a color per role; drums by their General MIDI key."""
    for role, color in ROLE_COLORS.items():
        mine = [note for note in notes if note.role == role]
        axes.barh(
            [note.pitch for note in mine],
            [max(0.04, note.end - note.start) for note in mine],
            left=[note.start for note in mine],
            height=0.9,
            color=color,
            label=role,
        )
    axes.set_ylabel("notes\n(MIDI pitch)")
    axes.legend(loc="upper right", ncols=len(ROLE_COLORS), fontsize=8, framealpha=0.85)


def _sound(axes: Axes, report: SyncReport, envelope: Envelope, met: EventMatches, label: str) -> None:
    """Draw an envelope, its strongest peaks and a line at each event, solid and joined to its peak for a hit."""
    step = -(-len(envelope.values) // COLUMNS)
    values = np.pad(envelope.values, (0, -len(envelope.values) % step)).reshape(-1, step).max(axis=1)  # keeps peaks
    heights = values / max(float(values.max()), 1e-9)
    axes.fill_between(np.arange(len(heights)) * step / envelope.rate, heights, color=SOUND, linewidth=0)
    bins = np.minimum(np.round(met.peaks * envelope.rate).astype(int) // step, len(heights) - 1)
    axes.plot(met.peaks, heights[bins], "o", color=PEAK, markersize=3.5, zorder=4)
    width, size = (1.1, 5.0) if len(report.events) < CROWD else (0.7, 4.0)
    for event, partner in zip(report.events, met.partner, strict=True):
        hit = partner >= 0
        axes.axvline(event, color=HIT if hit else MISS, linewidth=width, linestyle="-" if hit else ":")
        axes.plot(
            event, 1.08, "v", color=HIT if hit else MISS, markerfacecolor=HIT if hit else "white", markersize=size
        )
        if hit:
            axes.plot([event, met.peaks[partner]], [1.0, 1.0], color=HIT, linewidth=2.2)
    axes.set_ylim(0, 1.18)
    axes.set_yticks([])
    axes.set_ylabel(label)
