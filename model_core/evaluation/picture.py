"""One picture on one time axis: frames at the events, the video's curve, the notes if known, and what is heard."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from model_core.evaluation.envelopes import Envelope
from model_core.evaluation.report import Meeting, SyncReport
from model_core.media import frames

FRAME_RATE: Final = 12.5
FRAME_SIZE: Final = 160
WIDTH_INCHES: Final = 12.0
FILM_INCHES: Final = (10.8, 1.1)
"""Width and height of the row of frames, nearly: what keeps their shape."""
HIT, MISS, LINE = "#009e73", "#d55e00", "#333333"  # told apart by every kind of colour vision
ROLE_COLOURS: Final = {
    "bass": "#4c78a8", "chords": "#72b7b2", "lead": "#e45756", "arp": "#b279a2", "drums": "#9d8463",
    "impact": "#54463a",
}  # fmt: skip


class PlayedNote(Protocol):
    """What is drawn of a note: who plays it, its MIDI pitch, start and end in seconds."""

    @property
    def role(self) -> str: ...
    @property
    def pitch(self) -> int: ...
    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...


def draw(video: Path, report: SyncReport, out: Path, title: str, notes: Sequence[PlayedNote] = ()) -> None:
    """Write the picture as PNG to `out`; with `notes` it has a piano roll."""
    heights = [1.0, 1.1, *([2.2] if notes else []), 1.0, 1.0]
    # A Figure of its own instead of pyplot: no global state, no display.
    figure = Figure(figsize=(WIDTH_INCHES, 0.7 + 1.25 * sum(heights)), layout="constrained")
    rows = list(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights))
    figure.suptitle(f"{title}\n{_figures(report)}", fontsize=10)
    _film(rows[0], video, report)
    _curve(rows[1], report)
    if notes:
        _roll(rows[2], notes)
    _sound(rows[-2], report, report.heard.onset, report.onset, "onset\nstrength")
    _sound(rows[-1], report, report.heard.novelty, report.novelty, "novelty")
    rows[-1].set_xlabel(
        "seconds   (filled: event met within 100 ms; hollow: missed; dots: the strongest peaks of the sound)"
    )
    rows[-1].set_xlim(0, report.looked.info.duration)
    figure.savefig(out, dpi=110, metadata={"Software": f"matplotlib {mpl.__version__}"})


def _figures(report: SyncReport) -> str:
    parts = []
    for name, label in (("f1_onset", "F1 onset"), ("f1_novelty", "F1 novelty")):
        if name in report.figures:
            figure = report.figures[name]
            parts.append(f"{label} {figure.value:.2f} (chance {figure.mean:.2f}, p {figure.p:.3f})")
    correlation = report.correlation
    return ", ".join([*parts, f"r {correlation.r:.2f} (chance {correlation.null_mean:.2f})"])


def _film(axes: Axes, video: Path, report: SyncReport) -> None:
    """The first frame and that of each event, cut off where the next begins; where events crowd, some have no frame."""
    info = report.looked.info
    span = info.width / info.height * FILM_INCHES[1] / FILM_INCHES[0] * info.duration  # seconds that one picture spans
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
    """The first frame at or after each time, squeezed to FRAME_SIZE square; the last frame where there is none."""
    found: list[NDArray[np.uint8]] = []
    last: NDArray[np.uint8] | None = None
    for batch in frames(video, FRAME_RATE, FRAME_SIZE):
        for picture, time in zip(batch.rgb, batch.times, strict=True):
            last = picture
            while len(found) < len(times) and time >= times[len(found)] - 1e-6:
                found.append(picture)
    return found if last is None else found + [last] * (len(times) - len(found))


def _curve(axes: Axes, report: SyncReport) -> None:
    curve = report.looked.curve
    axes.plot(curve.times, curve.values, color=LINE, linewidth=1.0)
    heights = curve.at(report.events)
    met = (report.onset.partner >= 0) | (report.novelty.partner >= 0)
    for which, colour, face in ((met, HIT, HIT), (~met, MISS, "white")):
        axes.scatter(report.events[which], heights[which] + 0.25, 30, face, edgecolors=colour, marker="v", zorder=3)
    axes.set_ylabel("video's\nevent curve")


def _roll(axes: Axes, notes: Sequence[PlayedNote]) -> None:
    """The notes by pitch, a colour a role; drums by their General MIDI key."""
    for role, colour in ROLE_COLOURS.items():
        mine = [note for note in notes if note.role == role]
        axes.barh(
            [note.pitch for note in mine],
            [max(0.04, note.end - note.start) for note in mine],
            left=[note.start for note in mine],
            height=0.9,
            color=colour,
            label=role,
        )
    axes.set_ylabel("notes\n(MIDI pitch)")
    axes.legend(loc="upper right", ncols=len(ROLE_COLOURS), fontsize=8, framealpha=0.85)


def _sound(axes: Axes, report: SyncReport, envelope: Envelope, met: Meeting, label: str) -> None:
    """An envelope with its chosen peaks; a line at each event, solid and joined to its peak where it is hit."""
    times = np.arange(len(envelope.values)) / envelope.rate
    top = max(float(envelope.values.max(initial=0.0)), 1e-9)
    axes.fill_between(times, envelope.values / top, color="#b0b0b0", linewidth=0)
    axes.plot(met.peaks, np.interp(met.peaks, times, envelope.values / top), "o", color="#0072b2", markersize=3.5)
    for event, partner in zip(report.events, met.partner, strict=True):
        hit = partner >= 0
        axes.axvline(event, color=HIT if hit else MISS, linewidth=1.1, linestyle="-" if hit else ":")
        axes.plot(event, 1.08, "v", color=HIT if hit else MISS, markerfacecolor=HIT if hit else "white", markersize=5)
        if hit:
            axes.plot([event, met.peaks[partner]], [1.0, 1.0], color=HIT, linewidth=2.2)
    axes.set_ylim(0, 1.18)
    axes.set_yticks([])
    axes.set_ylabel(label)
