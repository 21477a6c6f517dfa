"""Encoders of a music cache that cost nothing and keep count."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.curves.event_curve import EventCurve
from model_core.models.stable_audio.conditions import TextStates
from model_core.training.audio.track_maker import TrackEncoders
from model_core.training.audio.tracks import MakerIds

HOP = 2000
WORDS, WIDTH = 6, 4


@dataclass
class FakeCodec:
    sample_rate: int = 48_000
    lengths: list[int] = field(default_factory=list)

    def encode(self, audio: NDArray[np.float32]) -> torch.Tensor:
        """Mean size of each side over HOP samples: (2, F)."""
        self.lengths.append(audio.shape[1])
        whole = audio[:, : audio.shape[1] // HOP * HOP]
        return torch.from_numpy(np.abs(whole).reshape(2, -1, HOP).mean(axis=2))


@dataclass
class FakeCurves:
    name: str = "sizes"

    def curve(self, audio: NDArray[np.float32], sample_rate: int) -> EventCurve:
        sizes = np.abs(audio[0, : audio.shape[1] // 1000 * 1000]).reshape(-1, 1000).mean(axis=1)
        times = np.arange(len(sizes)) * 1000 / sample_rate
        return EventCurve(times, sizes.astype(np.float64), self.name, window=0.25)


@dataclass
class FakeText:
    asked: list[str] = field(default_factory=list)

    def encode(self, prompts: list[str]) -> TextStates:
        """A state for each word: its length; padding in front holds what must not be kept."""
        self.asked += prompts
        states = torch.full((len(prompts), WORDS, WIDTH), 99.0)
        mask = torch.zeros(len(prompts), WORDS, dtype=torch.bool)
        for row, prompt in enumerate(prompts):
            for place, word in enumerate(reversed(prompt.split()[:WORDS])):
                states[row, -1 - place] = len(word)
                mask[row, -1 - place] = True
        return TextStates(states, mask)


@dataclass
class Fakes:
    """The three, and the marks that they are given."""

    codec: FakeCodec = field(default_factory=FakeCodec)
    curves: FakeCurves = field(default_factory=FakeCurves)
    text: FakeText = field(default_factory=FakeText)

    def makers(self, sound: str = "codec 1", text: str = "text 1") -> TrackEncoders:
        return TrackEncoders(self.codec, self.curves, self.text, MakerIds(sound, text))

    def work(self) -> tuple[int, int]:
        """How many tracks were encoded, and how many captions."""
        return len(self.codec.lengths), len(self.text.asked)
