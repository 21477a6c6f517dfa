"""Cached tracks that no sound file is behind, for tests of what is made of them."""

from pathlib import Path
from typing import Final

import numpy as np
import torch

from model_core.curves.event_curve import EventCurve
from model_core.models.stable_audio.conditions import TextStates
from model_core.training.audio.examples import Reader
from model_core.training.audio.tracks import Entry, MakerIds, Source, Track, write_track
from tests.stable_audio.tiny_base import HOP, LATENTS, WIDTH

RATE: Final = 44100
WORDS: Final = 6


def made_track(cache: Path, number: int, frames: int, captions: int = 2) -> Track:
    """A track of random latents whose curve is random at 16 Hz."""
    rng = np.random.default_rng(number)
    seconds = frames * HOP / RATE
    times = np.arange(0.03, seconds, 1 / 16)
    curve = EventCurve(times, rng.normal(size=len(times)), "musicnn")
    told = tuple(f"caption {number}.{place}" for place in range(captions))
    entry = Entry(Source(f"{number:02d}.wav", 100, 0), MakerIds("s", "t"), seconds, told, "sidecar", "musicnn", 0.0)
    (cache / "tracks").mkdir(parents=True, exist_ok=True)
    latents = torch.from_numpy(rng.normal(size=(LATENTS, frames)).astype(np.float32))
    write_track(cache, entry, latents, curve, [states(10 * number + place + 1) for place in range(captions)])
    return Track(cache, entry)


def states(seed: int) -> TextStates:
    """Random states of a caption, (1, L, D), whose last two words are none."""
    mask = torch.arange(WORDS)[None] < WORDS - 2
    drawn = torch.randn(1, WORDS, WIDTH, generator=torch.Generator().manual_seed(seed))
    return TextStates(drawn.half().float() * mask[..., None], mask)


def to_frames(reader: Reader, track: Track) -> int:
    """How many latent frames a track has."""
    return int(reader.pool([track]).frames[0])
