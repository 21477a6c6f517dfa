"""Systems that are compared: this project's model with parts of the method off, and music that knows no video."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from model_core.curves.event_curve import EventCurve, FloatArray
from model_core.media import read_audio
from model_core.options import ScoreOptions
from model_core.sync.video import VideoFeatures

if TYPE_CHECKING:
    from model_core.pipeline import Pipeline


CLEAR_S: Final = 0.3
"""A curve is never split closer than this to one of its events, so that each event keeps its shape."""
CANDIDATES: Final = 50
"""Orders that are tried; the one that leaves fewest events in their places is taken."""


def shuffle_events(curve: EventCurve, duration: float, rng: np.random.Generator) -> EventCurve:
    """Split the curve between its events and once more at random, and join the parts in an order that moves the events.

    It keeps the number, the sizes and the shapes of the events, and the mean and deviation of the whole. A curve in
    which no place is CLEAR_S away from the events comes back as it is.
    """
    events = curve.peaks().times
    between = (events[1:] + events[:-1]) / 2
    places = np.arange(CLEAR_S, duration - CLEAR_S, 0.01)
    for event in events:
        places = places[np.abs(places - event) >= CLEAR_S]
    if not len(places):
        return curve
    gaps = events[1:] - events[:-1]
    splits = np.unique([0.0, *between[gaps >= 2 * CLEAR_S], rng.choice(places), duration])
    candidates = [_join_segments(curve, splits, rng.permutation(len(splits) - 1)) for _ in range(CANDIDATES)]
    return min(candidates, key=lambda other: _count_unmoved(events, other.peaks().times))


def _join_segments(curve: EventCurve, splits: FloatArray, order: NDArray[np.int64]) -> EventCurve:
    """The segments between the splits, one after the other in the given order."""
    times, taken, at = list[FloatArray](), list[NDArray[np.intp]](), 0.0
    for number in order:
        start, end = splits[number], splits[number + 1]
        inside = np.flatnonzero((curve.times >= start) & (curve.times < end))
        times.append(curve.times[inside] - start + at)
        taken.append(inside)
        at += end - start
    places = np.concatenate(taken)
    sizes = None if curve.sizes is None else curve.sizes[places]
    return replace(curve, times=np.concatenate(times), values=curve.values[places], sizes=sizes)


def _count_unmoved(events: FloatArray, others: FloatArray) -> int:
    """Count the events that still have another event at their place."""
    if not len(events) or not len(others):
        return 0
    return int((np.abs(events[:, None] - others[None]).min(axis=1) < CLEAR_S).sum())


SAMPLE_RATE: Final = 44_100
CLICKS_PER_SECOND: Final = 8.0
PROMPTS: Final = (
    "epic cinematic orchestra with drums, building",
    "upbeat electronic dance music, driving beat",
    "calm acoustic piano and strings, reflective",
    "funky pop with bass and drums, bright",
    "dark ambient tension, slow pulse",
    "energetic rock, fast drums",
)
"""Clip number i is scored with prompt i modulo their number, so that the study is not about one style."""
BLIND: Final = ("ours, shuffled curve", "ours, neither", "library track", "metronome, 8 clicks a second")
"""The systems that know nothing of when the video's events are."""


class System(Protocol):
    """Something that puts music under a video."""

    @property
    def name(self) -> str: ...

    def music(self, features: VideoFeatures, number: int, seed: int) -> NDArray[np.float32]:
        """Sound of shape (channels, N) at SAMPLE_RATE, as long as the video, for clip number `number`."""
        ...


@dataclass(frozen=True)
class Ours:
    """The embedded model.

    Attributes:
        plan: the tempo map bends to the events.
        guided: the flow follows the curve.
        redraws: how often missed events are drawn again; None as the model does by default.
        shuffle: the curve is another one than the video's.
    """

    name: str
    pipeline: "Pipeline"
    plan: bool = True
    guided: bool = True
    redraws: int | None = None
    shuffle: bool = False

    def music(self, features: VideoFeatures, number: int, seed: int) -> NDArray[np.float32]:
        """One score by Pipeline.score_curve."""
        options = ScoreOptions(seed=seed, sync=float(self.plan), redraws=self.redraws)
        if not self.guided:
            options = options.model_copy(update={"curve_guidance": 0.0})
        curve = features.curve
        if self.shuffle:
            curve = shuffle_events(curve, features.info.duration, np.random.default_rng([seed, number]))
        prompt = PROMPTS[number % len(PROMPTS)]
        scored = self.pipeline.score_curve(curve, features.info, prompt, options, lambda stage, fraction: None)
        if scored.sample_rate != SAMPLE_RATE:
            raise ValueError(f"the model's sample rate is {scored.sample_rate}, the study's {SAMPLE_RATE}")
        return scored.audio


@dataclass(frozen=True)
class LibraryTrack:
    """Finished track from a library, cut to the video's length: the usual choice where no music follows the picture."""

    name: str
    tracks: Sequence[Path]

    def music(self, features: VideoFeatures, number: int, seed: int) -> NDArray[np.float32]:
        """A track from its beginning, repeated where the video is longer."""
        chosen = int(np.random.default_rng([seed, number]).integers(len(self.tracks)))
        track = read_audio(self.tracks[chosen], SAMPLE_RATE)
        samples = round(features.info.duration * SAMPLE_RATE)
        return np.tile(track, -(-samples // track.shape[1]))[:, :samples]


@dataclass(frozen=True)
class Metronome:
    """CLICKS_PER_SECOND equal clicks: one is near every event, none at an event. It shows how metrics are fooled."""

    name: str

    def music(self, features: VideoFeatures, number: int, seed: int) -> NDArray[np.float32]:
        """Bursts of noise that die away within 20 ms; the seed and the clip decide when the first one falls."""
        rng = np.random.default_rng([seed, number])
        samples = round(features.info.duration * SAMPLE_RATE)
        length = round(0.02 * SAMPLE_RATE)
        click = rng.normal(size=length) * np.exp(-np.arange(length) / (0.2 * length)) * 0.3
        sound = np.zeros((2, samples + length), np.float32)
        for second in np.arange(rng.uniform(0, 1 / CLICKS_PER_SECOND), features.info.duration, 1 / CLICKS_PER_SECOND):
            start = round(second * SAMPLE_RATE)
            sound[:, start : start + length] += click.astype(np.float32)
        return sound[:, :samples]


def all_systems(pipeline: "Pipeline", tracks: Sequence[Path]) -> list[System]:
    """Every system of the study, ours first; the library only where there are tracks."""
    shuffle, neither, library, metronome = BLIND
    return [
        Ours("ours", pipeline),
        Ours("ours, first draw", pipeline, redraws=0),
        Ours("ours, tempo map without curve", pipeline, guided=False),
        Ours("ours, curve without tempo map", pipeline, plan=False),
        Ours(shuffle, pipeline, shuffle=True),
        Ours(neither, pipeline, plan=False, guided=False),
        *([LibraryTrack(library, tracks)] if tracks else []),
        Metronome(metronome),
    ]
