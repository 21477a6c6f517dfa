"""A model folder made of a tiny base, with encoders whose weights the package ships."""

from pathlib import Path

import torch

from model_core.models.stable_audio import InitSettings
from model_core.models.stable_audio.folder import StableAudioParts, load_stable_audio_parts
from model_core.models.stable_audio.init import init_model
from tests.stable_audio.tiny_base import tiny_base


def tiny_folder(at: Path, *, longest_s: float = 20.0, hann_window_s: float = 1.0, **base: bool | int) -> Path:
    """The folder ``at``/tiny, made by `v2m model init`'s own function; ``base`` as in tiny_pipeline."""
    tiny_base(at / "base", **base)
    settings = InitSettings(
        name="tiny",
        picture="efficientnet-lite0",
        music="musicnn",
        licence="CC0-1.0",
        longest_s=longest_s,
        hann_window_s=hann_window_s,
    )
    init_model(str(at / "base"), at / "tiny", settings)
    return at / "tiny"


def loaded(folder: Path) -> StableAudioParts:
    """On the CPU in float32."""
    return load_stable_audio_parts(folder, torch.device("cpu"), torch.float32)
