"""Music whose events can be heard even by networks that never learnt to hear: quiet chords, and loud hits in them."""

import wave
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.models.stable_audio import InitSettings
from model_core.models.stable_audio.codecs.same import SameCodec
from model_core.models.stable_audio.init import init_model
from tests.stable_audio.tiny_base import tiny_pipeline

RATE: Final = 44100
PIECES: Final = 16
SECONDS: Final = 9.0
CAPTIONS: Final = ("calm piano, slow and warm", "drums and bass, 120 bpm")
WINDOW_S: Final = 0.5


def piece(seed: int, seconds: float = SECONDS) -> NDArray[np.float32]:
    """Stereo sound (2, N): two quiet tones, and a loud burst of noise over a low tone every one to three seconds."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * RATE)) / RATE
    pitch = rng.choice([110.0, 130.8, 146.8, 164.8, 196.0])
    sound = 0.05 * np.sin(2 * np.pi * pitch * times) + 0.03 * np.sin(3 * np.pi * pitch * times)
    at = rng.uniform(0.5, 2.0)
    while at < seconds - 0.5:
        hit = times[times >= at] - at
        noise = 0.4 * rng.normal(size=len(hit)) + 0.4 * np.sin(120 * np.pi * hit)
        sound[-len(hit) :] += np.exp(-hit / 0.25) * noise
        at += rng.uniform(1.2, 3.0)
    return np.asarray(np.clip(np.stack([sound, sound]), -1, 1), np.float32)


def write_music(folder: Path, pieces: int = PIECES) -> Path:
    """WAV files with captions beside them; returns the folder."""
    folder.mkdir(parents=True)
    for seed in range(pieces):
        with wave.open(str(folder / f"{seed:02d}.wav"), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes((piece(seed).T * 32767).astype("<i2").tobytes())
        (folder / f"{seed:02d}.txt").write_text("\n".join(CAPTIONS))
    return folder


def listening_model(at: Path) -> Path:
    """The folder of a tiny model whose latents of such music have mean 0 and standard deviation 1.

    That is what the soft-norm bottleneck of a trained codec sees to. Those of a random one are nearly constant, with
    changes of some thousandths, beside which the noise of a flow is everything.
    """
    pipeline = tiny_pipeline()
    codec = SameCodec(pipeline.vae)
    latents = torch.cat([codec.encode(piece(seed)) for seed in range(PIECES)], dim=1)
    mean, std = (value[None, :, None] for value in (latents.mean(dim=1), latents.std(dim=1)))
    norm = pipeline.vae.bottleneck
    norm.scale.data, norm.bias.data = norm.scale.data / std, (norm.bias.data - mean) / std
    pipeline.save_pretrained(at / "base")
    encoders = {"picture": "efficientnet-lite0", "music": "musicnn"}
    settings = InitSettings("tiny", "1", "CC0-1.0", **encoders, hann_window_s=WINDOW_S, longest_s=20.0)
    init_model(str(at / "base"), at / "tiny", settings)
    return at / "tiny"
