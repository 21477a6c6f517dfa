"""`v2m model init`: Stable Audio 3 gets the curve as one more input, which changes nothing until it is trained."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import StableAudio3DiTModel
from safetensors import SafetensorError, safe_open

from model_core.conditioning import widen_for_curve
from model_core.encoders.catalogue import keep_encoder
from model_core.errors import ModelError
from model_core.model_folder.audio import (
    CURVE_CHANNELS,
    MUSIC_WEIGHTS,
    PICTURE_WEIGHTS,
    copy_parts,
    new_folder,
    write_audio_manifest,
    write_transformer,
)
from model_core.model_folder.manifest import AudioManifest, read_json
from model_core.model_folder.parts import load_part, load_scheduler
from model_core.stable_audio.base import open_base

TEXT_ENCODER: Final = "t5gemma"
HANN_WINDOW_S: Final = 2.44
"""As in arXiv 2603.11042, section 3. So wide a window tells of swells and sections, not of single frames."""
_SMALL_WIDTH: Final = 1024
_LONGEST_S: Final = {True: 120.0, False: 380.0}  # published lengths of the small models, and of medium
_CONTEXT_SHARE, _ENDING_SHARE = 0.25, 0.1
# Guidance of the prompt is published; that of the curve is a starting point, to be tuned on trained weights.
_DISTILLED: Final = {"steps": 8, "text_guidance": 1.0, "curve_guidance": 1.0}
_BASE: Final = {"steps": 100, "text_guidance": 7.0, "curve_guidance": 2.0}


@dataclass(frozen=True)
class InitSettings:
    """What a new model folder says beside its weights.

    Attributes:
        name, version, licence: for reports; the licence as an SPDX identifier.
        picture, music: names of the curve's encoders, see encoders.catalogue.
        picture_from, music_from: local copies of their weights; None = the published ones.
        hann_window_s: width of the window that curves are smoothed with.
        longest_s: longest music made at once; None = as published for the base's size.
    """

    name: str
    version: str = "0"
    licence: str = "LicenseRef-Stability-AI-Community"
    picture: str = "dinov2-large"
    music: str = "musicfm"
    picture_from: str | None = None
    music_from: str | None = None
    hann_window_s: float = HANN_WINDOW_S
    longest_s: float | None = None


def init_model(base: str, out: Path, settings: InitSettings) -> AudioManifest:
    """Write a model folder; it is there whole or not at all, and replaces an older one.

    Args:
        base: see open_base.
        out: the folder to write.
        settings: what it says.

    Raises:
        ModelError: base, encoders or settings cannot be used.
    """
    source = open_base(base)
    if out.resolve() == source.resolve():
        raise ModelError(f"{out} is the base itself; name another folder for the model")
    distilled = bool(load_scheduler(source).config["stochastic_sampling"])
    longest_s = settings.longest_s or _longest(source)
    fields: dict[str, Any] = {
        "name": settings.name,
        "version": settings.version,
        "licence": settings.licence,
        "base": base if not Path(base).is_dir() else Path(base).resolve().name,
        "encoders": {"text": TEXT_ENCODER, "picture": settings.picture, "music": settings.music},
        "curve": {"hann_window_s": settings.hann_window_s, "trained": False},
        "windows": {
            "longest_s": longest_s,
            "context_s": round(_CONTEXT_SHARE * longest_s, 3),
            "ending_s": round(_ENDING_SHARE * longest_s, 3),
        },
        "defaults": _DISTILLED if distilled else _BASE,
    }
    with new_folder(out) as folder:
        # The encoders first: they are what is most often missing, and the transformer takes long.
        keep_encoder(settings.picture, settings.picture_from, folder / PICTURE_WEIGHTS)
        keep_encoder(settings.music, settings.music_from, folder / MUSIC_WEIGHTS)
        copy_parts(source, folder)
        dtype = _dtype_of(source / "transformer")
        transformer = load_part(source, "transformer", StableAudio3DiTModel, dtype)
        write_transformer(widen_for_curve(transformer, CURVE_CHANNELS), folder)
        return write_audio_manifest(folder, fields)


def _longest(source: Path) -> float:
    """As published for the base's size, and never beyond what its duration embedder can say."""
    width = read_json(source, "transformer/config.json").get("embed_dim", 0)
    known = float(read_json(source, "duration_embedder/config.json").get("max_val", 0))
    return min(_LONGEST_S[width <= _SMALL_WIDTH], known)


def _dtype_of(part: Path) -> torch.dtype:
    path = sorted(part.glob("*.safetensors"))[0]
    try:
        with safe_open(path, "pt") as file:
            dtype: torch.dtype = file.get_tensor(next(iter(file.keys()))).dtype
            return dtype
    except (SafetensorError, StopIteration) as error:
        raise ModelError(f"{path} holds no weights that can be read") from error
