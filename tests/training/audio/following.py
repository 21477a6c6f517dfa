"""Whether a taught model's latents change where the curve that it is given says so."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_core.curves.event_curve import frame_curve, smooth
from model_core.encoders.registry import music_encoder
from model_core.flow.sampler import Guidance
from model_core.models.stable_audio.flow import AudioFlow, Take
from tests.stable_audio.tiny_model import loaded
from tests.training.audio.loud_music import CAPTIONS, SECONDS, WINDOW_S, piece

_FIRST_SEED = 100  # of pieces that are in nobody's music folder


def followed(folder: Path, curve_guidance: float, takes: int) -> tuple[float, float]:
    """Mean Pearson correlation of what the latents of takes do with the curve given, and with the other takes' curves.

    The latents themselves are looked at, as the distance of neighbours: a random codec's sound would tell nothing.
    """
    flow, encoder = AudioFlow(loaded(folder)), music_encoder("musicnn")
    frames = flow.codec.count_frames(SECONDS)
    times = flow.codec.frame_times(frames)
    heard = [encoder.curve(piece(_FIRST_SEED + take), flow.codec.sample_rate) for take in range(takes)]
    curves = [frame_curve(curve, times, WINDOW_S) for curve in heard]
    made = flow.generate(
        [Take(CAPTIONS[take % 2], take, curve) for take, curve in enumerate(curves)],
        SECONDS,
        Guidance(1.0, curve_guidance),
        24,
    )
    changes = [_changes(latents.numpy(), WINDOW_S * flow.codec.frame_rate) for latents in made]
    table = np.corrcoef(changes, curves)[:takes, takes:]
    own = float(np.diag(table).mean())
    return own, float((table.sum() - np.trace(table)) / (takes * (takes - 1)))


def _changes(latents: NDArray[np.float32], points: float) -> NDArray[np.float64]:
    return smooth(np.linalg.norm(np.diff(latents, axis=1, prepend=latents[:, :1]), axis=0), points)
