"""Shots put together by cuts, dissolves, fades and flashes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from model_core.evaluation.truth.events import Event
from model_core.evaluation.truth.textures import Picture


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
