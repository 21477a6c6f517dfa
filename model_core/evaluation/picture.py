"""One picture on one time axis: frames at the cuts, the video's curve, the notes that came out, and what is heard."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from model_core.evaluation.clips import Clip
from model_core.evaluation.metrics import onset_envelope
from model_core.evaluation.sync_table import Scored
from model_core.media import frames, probe

FRAME_RATE: Final = 12.5
FRAME_SIZE: Final = 160
FIGURE_INCHES: Final = (12.0, 8.0)
FILM_INCHES: Final = (10.8, 1.15)
"""Width and height of the row of frames, nearly: what keeps their shape."""
ROLE_COLOURS: Final = {
    "bass": "#4c78a8", "chords": "#72b7b2", "lead": "#e45756", "arp": "#b279a2", "drums": "#9d8463",
    "impact": "#54463a",
}  # fmt: skip


class PlayedNote(Protocol):
    """What is drawn of a note: who plays it, its MIDI pitch, velocity 0..1 or 0..127, start and end in seconds."""

    @property
    def role(self) -> str: ...
    @property
    def pitch(self) -> int: ...
    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...


class ScoredNotes(Scored, Protocol):
    """A Soundtrack whose notes are known."""

    @property
    def notes(self) -> Sequence[PlayedNote]: ...


def draw(clip: Clip, soundtrack: ScoredNotes, out: Path, title: str) -> None:
    """Write the picture as PNG to `out`."""
    seconds = soundtrack.audio.shape[1] / soundtrack.sample_rate
    # A Figure of its own instead of pyplot: no global state, no display.
    figure = Figure(figsize=FIGURE_INCHES, layout="constrained")
    film, asked, roll, heard = figure.subplots(4, 1, sharex=True, height_ratios=[1.0, 1.0, 2.2, 1.3])
    figure.suptitle(title, fontsize=11)
    _film(film, clip, seconds)
    asked.plot(soundtrack.given_curve.times, soundtrack.given_curve.values, color="#333333", linewidth=1.2)
    asked.set_ylabel("video curve\n(given)")
    _roll(roll, soundtrack.notes)
    _heard(heard, soundtrack)
    for axes in (asked, roll, heard):
        for cut in clip.cuts:
            axes.axvline(cut, color="#d62728", linewidth=0.9, linestyle="--", alpha=0.8)
    heard.set_xlabel("seconds; dashed red: the cuts")
    heard.set_xlim(0, seconds)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110, metadata={"Software": f"matplotlib {mpl.__version__}"})


def pictures_after(path: Path, times: Sequence[float]) -> list[NDArray[np.uint8]]:
    """The first frame at or after each time, squeezed to FRAME_SIZE square; the last frame where there is none."""
    wanted = list(times)
    found: list[NDArray[np.uint8]] = []
    last: NDArray[np.uint8] | None = None
    for batch in frames(path, FRAME_RATE, FRAME_SIZE):
        for picture, time in zip(batch.rgb, batch.times, strict=True):
            last = picture
            while len(found) < len(wanted) and time >= wanted[len(found)] - 1e-6:
                found.append(picture)
    if last is not None:
        found += [last] * (len(wanted) - len(found))
    return found


def _film(axes: Axes, clip: Clip, seconds: float) -> None:
    """Each shot's first frame, at its place on the time axis, cut off where the next shot begins."""
    info = probe(clip.path)
    starts = [0.0, *clip.cuts]
    span = info.width / info.height * FILM_INCHES[1] / FILM_INCHES[0] * seconds  # seconds that one picture spans
    for number, picture in enumerate(pictures_after(clip.path, starts)):
        end = min(starts[number + 1] if number + 1 < len(starts) else seconds, starts[number] + span)
        columns = max(1, round(FRAME_SIZE * (end - starts[number]) / span))
        axes.imshow(picture[:, :columns], extent=(starts[number], end, 0, 1), aspect="auto")
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.set_ylabel("first frame\nof each shot")


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


def _heard(axes: Axes, soundtrack: Scored) -> None:
    """Onset strength scaled to the heard curve's height, and that curve."""
    onset = onset_envelope(soundtrack.audio, soundtrack.sample_rate)
    curve = soundtrack.heard_curve
    peak = max(float(onset.values.max()), 1e-9)
    scaled = onset.values / peak * max(float(curve.values.max()), 1.0)
    axes.fill_between(np.arange(len(scaled)) / onset.rate, scaled, color="#bbbbbb", label="onset strength (scaled)")
    axes.plot(curve.times, curve.values, color="#1f77b4", linewidth=1.2, label="music curve")
    axes.set_ylabel("heard")
    axes.legend(loc="upper right", ncols=2, fontsize=8, framealpha=0.85)
