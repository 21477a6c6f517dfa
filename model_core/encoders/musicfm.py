"""MusicFM music encoder, features at 25 Hz: the features of the paper's music event curve."""

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor

from model_core.curves.event_curve import EventCurve, event_curve
from model_core.encoders.musicfm_network import FFT, HOP, SAMPLE_RATE, MusicFmConfig, MusicFmNetwork, log_mel
from model_core.encoders.registry import MUSIC_ENCODERS, EncoderEntry, resample_mono
from model_core.encoders.weights import CONFIG, WEIGHTS, fetch_files, one_line, read_object, read_weights
from model_core.errors import ModelError

REPOSITORY: Final = "minzwon/MusicFM"
PUBLISHED_FILES: Final = ("msd_stats.json", "pretrained_msd.pt")
"""The second of the two published checkpoints, which its authors call the better one and use in their example."""
FRAME_RATE: Final = 25
_SAMPLES_PER_FEATURE: Final = SAMPLE_RATE // FRAME_RATE  # samples per feature, which are four frames of the spectrogram
WINDOW: Final = 30 * FRAME_RATE
"""Features per run, as in training. Needs about 600 MB beside the weights."""
OVERLAP: Final = 5 * FRAME_RATE
"""Least number of features that two windows share. Each window provides half of them, 2.5 s or more from its edge."""
_WINDOW_S: Final = 0.2
_STD_FLOOR: Final = 0.01
_PREFIX: Final = "model."  # of the names of weights in the authors' checkpoints


class MusicFm:
    """MusicFM at its 7th layer, deterministic, in float32 as its authors advise."""

    name: Final = "musicfm"

    def __init__(self, network: MusicFmNetwork, device: str = "cpu") -> None:
        """Move ``network`` to ``device``."""
        self._device = torch.device(device)
        self._network = network.to(self._device).eval().requires_grad_(False)
        self._log_mel = log_mel(network.config.mels, self._device)

    @classmethod
    def load(cls, source: Path, device: str = "cpu") -> Self:
        """Load a source as for read_musicfm; errors as there."""
        return cls(read_musicfm(source), device)

    def embed(self, audio: NDArray[np.float32], sample_rate: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Features of mono (N,) or multi-channel (C, N) audio.

        Returns:
            Features, shape (T, 1024), and the time of each one's center in seconds, shape (T,), 25 a second.
        """
        mono = resample_mono(audio, sample_rate, SAMPLE_RATE)
        mono = np.pad(mono, (0, max(0, FFT - len(mono))))
        count = -(-(len(mono) // HOP) * HOP // _SAMPLES_PER_FEATURE)
        starts = [*range(0, count - WINDOW, WINDOW - OVERLAP), max(0, count - WINDOW)]
        ends = [(before + WINDOW + after) // 2 for before, after in pairwise(starts)]
        features = np.empty((count, self._network.config.width), np.float32)
        for start, first, last in zip(starts, [0, *ends], [*ends, count], strict=True):
            encoded = self._encode(mono[start * _SAMPLES_PER_FEATURE : (start + WINDOW) * _SAMPLES_PER_FEATURE])
            features[first:last] = encoded[first - start : last - start]
        return features, np.arange(count) / FRAME_RATE

    def curve(self, audio: NDArray[np.float32], sample_rate: int) -> EventCurve:
        """Event curve of music, mono (N,) or (C, N): 25 values a second, smoothed over 0.2 s.

        Neighbors are compared, as in the paper: each feature depends on its context already, so no mean is needed.
        """
        features, times = self.embed(audio, sample_rate)
        return event_curve(features, times, self.name, pool=1, window=_WINDOW_S, std_floor=_STD_FLOOR)

    @torch.no_grad()
    def _encode(self, mono: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features of mono audio of at most one window, shape (T, width)."""
        config = self._network.config
        mel = self._log_mel(torch.tensor(mono, dtype=torch.float32).to(self._device))
        return np.asarray(self._network((mel[None] - config.mean) / config.std)[0].cpu().numpy())


def read_musicfm(source: Path, sizes: Mapping[str, int] | None = None) -> MusicFmNetwork:
    """Load the network onto the CPU.

    Args:
        source: a folder written by save_musicfm; or a published checkpoint, pretrained_msd.pt or pretrained_fma.pt,
            with msd_stats.json or fma_stats.json beside it; or a folder that contains one of the two.
        sizes: sizes of a checkpoint's network, see MusicFmConfig; the published ones by default.

    Raises:
        ModelError: a file is missing or damaged, or weights do not fit; names the file or the weight.
    """
    if (source / CONFIG).is_file():
        config = _config(source / CONFIG, read_object("musicfm", source / CONFIG))
        return _network(config, read_weights("musicfm", source / WEIGHTS), source / WEIGHTS)
    checkpoint = _checkpoint_at(source)
    stats_path = checkpoint.with_name(f"{checkpoint.stem.removeprefix('pretrained_')}_stats.json")
    stats = read_object("musicfm", stats_path)
    try:
        statistics = {"mean": stats["melspec_2048_mean"], "std": stats["melspec_2048_std"]}
    except KeyError as error:
        raise ModelError(f"musicfm: {stats_path}: {error.args[0]} is missing") from error
    config = _config(stats_path, {**statistics, **(sizes or {})})
    return _network(config, _read_checkpoint(checkpoint), checkpoint)


def save_musicfm(network: MusicFmNetwork, folder: Path) -> None:
    """Write config.json and model.safetensors with the layers that run, in float32; replaces existing files."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(network.weights(), folder / WEIGHTS, metadata={"format": "pt"})
    (folder / WEIGHTS).chmod(0o644)  # safetensors lets only the owner read it; a service may run as another user
    config = {"model_type": "musicfm", **network.config.model_dump()}
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n")


def _config(path: Path, fields: dict[str, Any]) -> MusicFmConfig:
    fields = dict(fields)
    if (kind := fields.pop("model_type", "musicfm")) != "musicfm":
        raise ModelError(f"musicfm: {path}: model_type is {kind}, not musicfm")
    try:
        return MusicFmConfig(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise ModelError(f"musicfm: {path}: {'.'.join(map(str, first['loc']))} {first['msg']}".strip()) from error


def _network(config: MusicFmConfig, weights: Mapping[str, Tensor], path: Path) -> MusicFmNetwork:
    network = MusicFmNetwork(config)
    network.load_weights(weights, str(path))
    return network.eval()


def _checkpoint_at(source: Path) -> Path:
    if source.is_file():
        return source
    found = sorted(source.glob("pretrained_*.pt"))
    if len(found) != 1:
        held = ", ".join(path.name for path in found) or "no config.json and no pretrained_*.pt"
        raise ModelError(f"musicfm: {source} holds {held}; give one checkpoint")
    return found[0]


def _read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Read the weights of a published checkpoint by their names in MusicFmNetwork; no code in the file is run."""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, UnpicklingError, EOFError, ValueError, KeyError) as error:
        raise ModelError(f"musicfm: {path} cannot be read as weights: {one_line(error)}") from error
    weights = found.get("state_dict") if isinstance(found, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ModelError(f"musicfm: {path} holds no state_dict of tensors")
    for name in weights:
        if not name.startswith(_PREFIX):
            raise ModelError(f"musicfm: {path}: unknown weight {name}")
    return {name.removeprefix(_PREFIX): value for name, value in weights.items()}


def _weights_path(local: Path | None) -> Path:
    if local is None:
        return fetch_files("musicfm", REPOSITORY, "--music-from", PUBLISHED_FILES)
    if not local.exists():
        raise ModelError(f"musicfm: {local} does not exist. --music-from takes a checkpoint or a folder with one.")
    return local


MUSIC_ENCODERS.register(
    MusicFm.name,
    EncoderEntry(
        load=lambda weights, device: MusicFm.load(_weights_path(weights), device),
        keep_weights=lambda source, out: save_musicfm(read_musicfm(_weights_path(source)), out),
    ),
)
