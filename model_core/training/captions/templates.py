"""Templates of captions: tags, keywords, sentences, directions, uses, moods or instruments alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class CaptionPhrases:
    """True phrases about one piece, chosen at random; the lists may be empty or short.

    Attributes:
        style, scene, tempo, bpm, mode: always there.
        moods: 0 to 2.
        instruments: 1 to 3 that play.
        drums: that there are some or none; for a piano alone, that it is alone.
        happens: what its hits, changes or form are like, or that a part is missing; may be empty.
        tags: all sorts, shuffled.
        absent: that there are no voices, drums or other part.
        meter: empty in 4/4.
    """

    style: str
    scene: str
    tempo: str
    bpm: str
    mode: str
    moods: list[str]
    instruments: list[str]
    drums: str
    happens: str
    tags: list[str]
    absent: str
    meter: str

    @property
    def mood(self) -> str:
        return ", ".join(self.moods)


def _and(things: list[str]) -> str:
    return things[0] if len(things) == 1 else f"{', '.join(things[:-1])} and {things[-1]}"


TEMPLATES: Final[tuple[Callable[[CaptionPhrases], str], ...]] = (
    lambda s: ", ".join(s.tags),
    lambda s: ", ".join(s.tags[:3]),
    lambda s: ", ".join([*s.moods, s.style]),
    lambda s: f"{s.mood} {s.style} for {s.scene}",
    lambda s: f"music for {s.scene}, {s.mood or s.tempo}",
    lambda s: f"background music for {s.scene}",
    lambda s: f"soundtrack for {s.scene}: {s.mood or s.mode}, {_and(s.instruments)}",
    lambda s: f"{s.tempo} {s.style} with {_and(s.instruments)}, {s.drums}",
    lambda s: f"A {s.mood} {s.style} track featuring {_and(s.instruments)}. {s.bpm}.",
    lambda s: f"{s.mood} {_and(s.instruments)} for {s.scene}",
    lambda s: f"{s.style}, {s.drums}, {s.mood or s.tempo}",
    lambda s: f"{s.mood} {s.style}, {s.happens}",
    lambda s: f"{_and(s.instruments)}, {s.happens or s.mood}, {s.style}",
    lambda s: f"{s.style}, {s.mode}, {s.bpm}, {s.drums}",
    lambda s: f"I need something {s.mood or s.tempo} for {s.scene}, {s.style}",
    lambda s: f"{s.scene}, {s.mood}, {s.happens}",
    lambda s: f"{s.mood} {s.style} in a {s.mode}, {s.drums}",
    lambda s: f"{s.style} at {s.bpm}, {s.happens}",
    lambda s: s.mood or s.style,
    lambda s: _and(s.instruments),
    lambda s: s.scene,
    lambda s: f"{s.style} {s.scene.removeprefix('a ').removeprefix('an ')}",
    lambda s: f"We are cutting {s.scene}: {s.happens or s.mood or s.tempo}.",
    lambda s: f"{s.happens or s.tempo}. {s.style}, {s.drums}",
    lambda s: f"The music should be {s.mood or s.tempo}. Think {s.style}, {s.drums}.",
    lambda s: f"{s.style}, {s.absent}",
    lambda s: f"{s.tempo} {s.mood} {s.style}, {s.meter}",
    lambda s: f"can you make {s.style} for {s.scene} with {_and(s.instruments)}",
)
HELD_OUT_TEMPLATES: Final[tuple[Callable[[CaptionPhrases], str], ...]] = (
    lambda s: f"Looking to score {s.scene}. Ideally {s.style}.",
    lambda s: f"my client wants {s.style} under {s.scene}",
    lambda s: f"imagine {s.scene} accompanied by {s.style}",
    lambda s: f"we hear {s.style} while watching {s.scene}",
    lambda s: f"Please compose {s.style} suited to {s.scene}",
)
"""For tests of the model with words that it never saw."""
