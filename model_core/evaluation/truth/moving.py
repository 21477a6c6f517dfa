"""Moving pictures: shots joined by cuts, dissolves, fades and flashes; camera whips, rhythmic motion, and no event."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import shift as shifted

from model_core.evaluation.truth.pictures import Pan, Picture
from model_core.evaluation.truth.recipe import Event


class Shot(Protocol):
    """Moving pictures without an event."""

    def at(self, time: float, /) -> Picture:
        """The frame at `time` seconds after the clip's beginning, (rows, columns, 3)."""
        ...


@dataclass(frozen=True)
class Montage:
    """The frames of a clip.

    Attributes:
        shots: one more than there are changes.
        changes: cuts and dissolves, or the middle of the black between a fade's two halves, in the order of time.
        events: all events, with the flashes and both halves of each fade.
        flash: the colour of flashes, 0 or 255.
    """

    shots: Sequence[Shot]
    changes: Sequence[Event]
    events: Sequence[Event]
    flash: int = 255

    def at(self, time: float) -> Picture:
        """The frame at `time` seconds."""
        number, share = 0, 0.0
        for place, change in enumerate(self.changes):
            half = change.length / 2 if change.kind == "dissolve" else 0.0
            if time < change.time - half - 1e-6:
                break
            number, share = place, 1.0 if half == 0 else min(1.0, (time - change.time + half) / (2 * half))
            number, share = (place + 1, 0.0) if share >= 1 else (place, share)
        picture = self.shots[number].at(time)
        if share > 0:
            picture = blend(picture, self.shots[number + 1].at(time), share)
        for event in self.events:
            if event.kind == "flash" and event.time - 1e-6 <= time < event.time + event.length - 1e-6:
                picture = blend(picture, np.full_like(picture, self.flash), event.size)
        light = self._light(time)
        return picture if light >= 1 else np.asarray(picture * light, np.uint8)

    def _light(self, time: float) -> float:
        """Brightness left by the fades: pairs of down and up."""
        fades = [event for event in self.events if event.kind == "fade"]
        light = 1.0
        for down, up in zip(fades[::2], fades[1::2], strict=True):
            darker = np.clip((time - down.time) / down.length + 0.5, 0, 1)
            lighter = np.clip((time - up.time) / up.length + 0.5, 0, 1)
            light = min(light, float(1 - darker + lighter))
        return light


def blend(old: Picture, new: Picture, share: float) -> Picture:
    """(1 - share) of the old picture and `share` of the new one."""
    return np.asarray(old * (1 - share) + new * share + 0.5, np.uint8)


Quiet = Literal["still", "pan", "noise", "shake", "drift"]
QUIET: Final[tuple[Quiet, ...]] = ("still", "pan", "noise", "shake", "drift")


@dataclass(frozen=True)
class Whip:
    """A camera that stands nearly still and suddenly whips to another place of a wide canvas.

    Attributes:
        canvas: (rows, columns, 3), wider than the frame.
        size: of the frame, rows and columns.
        events: the whips; `size` is the way in widths of the frame.
    """

    canvas: Picture
    size: tuple[int, int]
    events: Sequence[Event]

    def at(self, time: float) -> Picture:
        """The frame at `time` seconds."""
        column, way = 10.0 + 8 * time % 20, 1
        room = self.canvas.shape[1] - self.size[1]
        for event in self.events:
            done = float(np.clip((time - event.time) / event.length + 0.5, 0, 1))
            # Smoothstep: quick in the middle, at rest at both ends.
            column += way * event.size * self.size[1] * done * done * (3 - 2 * done)
            way = -way  # to and fro, so that the canvas is wide enough
        left = round(float(np.clip(column, 0, room)))
        return self.canvas[20 : 20 + self.size[0], left : left + self.size[1]]


@dataclass(frozen=True)
class Dance:
    """Something that moves in a steady rhythm before a backdrop and turns about on each beat.

    Attributes:
        backdrop: (rows, columns, 3).
        colour: of the dancer, RGB.
        events: the beats; `size` is how far the dancer moves towards it.
        figure: a body with limbs, else a ball that bounces.
    """

    backdrop: Picture
    colour: NDArray[np.float64]
    events: Sequence[Event]
    figure: bool

    def at(self, time: float) -> Picture:
        """The frame at `time` seconds."""
        times = np.array([event.time for event in self.events])
        beat = int(np.clip(np.searchsorted(times, time + 1e-6) - 1, 0, len(times) - 2))
        phase = (time - times[beat]) / (times[beat + 1] - times[beat])
        size = self.events[beat + 1].size
        side = 1 if beat % 2 else -1
        picture = self.backdrop.copy()
        (self._figure if self.figure else self._ball)(picture, phase, side, size)
        return picture

    def _ball(self, picture: Picture, phase: float, side: int, size: float) -> None:
        """A ball in free flight between two landings, to the left and to the right in turn."""
        rows, columns = picture.shape[:2]
        height = 0.55 * rows * size * 4 * phase * (1 - phase)
        across = columns * (0.5 + side * 0.25 * size * (2 * phase - 1))
        self._disc(picture, rows * 0.82 - height, across, 0.11 * min(rows, columns))

    def _figure(self, picture: Picture, phase: float, side: int, size: float) -> None:
        """A body that sways, with arms and legs that swing from side to side, all turning about on the beat."""
        rows, columns = picture.shape[:2]
        swing = side * size * (2 * phase - 1)
        unit = 0.1 * min(rows, columns)
        waist = np.array([rows * 0.6 - abs(swing) * unit, columns * 0.5 + swing * 2.5 * unit])
        self._disc(picture, waist[0] - 2.6 * unit, waist[1] + swing * unit, 0.9 * unit)
        for reach, turn in ((-1.4, 2.4), (-1.4, -2.4), (1.6, 1.0), (1.6, -1.0)):
            for part in np.linspace(0.2, 1, 6):
                lean = swing * (3.0 if reach < 0 else 1.0)
                self._disc(
                    picture,
                    waist[0] + part * unit * (reach - lean * np.sign(turn)),
                    waist[1] + part * unit * (turn + swing),
                    0.45 * unit,
                )
        self._disc(picture, waist[0] - unit, waist[1], 1.1 * unit)

    def _disc(self, picture: Picture, row: float, column: float, radius: float) -> None:
        top, bottom = max(0, int(row - radius)), min(picture.shape[0], int(row + radius) + 2)
        left, right = max(0, int(column - radius)), min(picture.shape[1], int(column + radius) + 2)
        y, x = np.mgrid[top:bottom, left:right]
        picture[top:bottom, left:right][(y - row) ** 2 + (x - column) ** 2 < radius**2] = self.colour


@dataclass(frozen=True)
class Nothing:
    """A clip without an event: what must not be taken for one."""

    pan: Pan
    quiet: Quiet
    seed: int

    def at(self, time: float) -> Picture:
        """The frame at `time` seconds."""
        if self.quiet == "pan":
            return self.pan.at(time)
        still = self.pan.at(0.0)
        if self.quiet == "noise":
            rng = np.random.default_rng([self.seed, round(time * 1000)])
            return np.asarray(np.clip(still + rng.normal(0, 6, still.shape), 0, 255), np.uint8)
        if self.quiet == "shake":
            # A hand: slow sways of a few pixels with a faster tremble on them.
            way = [2.5 * np.sin(2.1 * time + n) + 0.8 * np.sin(9.3 * time + 2 * n) for n in (0, 1)]
            return np.asarray(shifted(still, (*way, 0), order=1, mode="nearest"), np.uint8)
        if self.quiet == "drift":
            return np.asarray(still * (0.85 + 0.15 * np.cos(2 * np.pi * time / 12)), np.uint8)
        return still
