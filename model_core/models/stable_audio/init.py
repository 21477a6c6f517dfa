"""Implementation of `v2m model init`: a published Stable Audio 3 checkpoint gets the curve as a new input.

The input has no effect until the model is trained.
"""

import re
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import StableAudio3DiTModel
from huggingface_hub import hf_hub_download, snapshot_download
from safetensors import SafetensorError, safe_open

from model_core.encoders.registry import MUSIC_ENCODERS, PICTURE_ENCODERS, keep_encoder
from model_core.encoders.weights import fetch_published
from model_core.errors import ModelError
from model_core.flow.conditioning import widen_for_curve
from model_core.models.folder.manifest import MANIFEST, read_json, replace_folder
from model_core.models.folder.parts import TOKENIZER, load_part, load_scheduler
from model_core.models.stable_audio import AudioCurve, AudioManifest, InitSettings, SamplingDefaults, Windows
from model_core.models.stable_audio.folder import (
    COPIED,
    CURVE_CHANNELS,
    MUSIC_WEIGHTS,
    PICTURE_WEIGHTS,
    TEXT_ENCODER,
    check_parts,
    copy_parts,
    load_stable_audio_parts,
    write_audio_manifest,
    write_transformer,
)

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_INDEX: Final = "model_index.json"
_CLASSES: Final = ("StableAudio3Pipeline", "StableAudio3InpaintPipeline", "StableAudio3Audio2AudioPipeline")
_CONVERTER: Final = "convert_stable_audio_3_to_diffusers.py of diffusers' scripts"
_PARTS: Final = ("transformer", *COPIED)


def open_base(base: str) -> Path:
    """Open a base, a published checkpoint in diffusers' layout, and return its folder.

    Args:
        base: a folder, or a repository on the hub such as ``owner/name``. A repository needs the network, and for gated
            weights the token (``HF_TOKEN``) of a user who has accepted their terms.

    Raises:
        ModelError: it does not exist or is of another kind; one line.
    """
    folder = Path(base).expanduser()
    if not folder.is_dir():
        if not _is_repository(base):
            raise ModelError(f"there is no folder {base[:200]} (a repository on the hub would be OWNER/NAME)")
        folder = _fetch(base)
    if (folder / MANIFEST).is_file():
        raise ModelError(f"{base} is a model folder of v2m already ({MANIFEST}); a base is Stable Audio 3 as published")
    if not (folder / _INDEX).is_file():
        if (folder / "model_config.json").is_file():
            raise ModelError(f"{base} is in Stability AI's own layout; convert it by {_CONVERTER} first")
        raise ModelError(f"{base} has no {_INDEX}, so it is not a diffusers pipeline")
    kind = read_json(folder, _INDEX).get("_class_name")
    if kind not in _CLASSES:
        raise ModelError(f"{base}: {_INDEX}: _class_name is {kind}; it must be {_CLASSES[0]}")
    for part in _PARTS:
        if not (folder / part).is_dir():
            raise ModelError(f"{base}: the part {part} is missing")
    for part in ("transformer", "vae", "text_encoder", "duration_embedder"):
        if not any((folder / part).glob("*.safetensors")):
            raise ModelError(f"{base}: {part} has no safetensors file; other formats are not supported")
    if not (folder / TOKENIZER).is_file():
        raise ModelError(f"{base}: {TOKENIZER} is missing; save the tokenizer as a fast tokenizer")
    check_parts(folder, curve=False)
    return folder


def _is_repository(base: str) -> bool:
    """Return True when ``base`` can only be a hub repository: ``owner/name``, without a folder ``owner`` here."""
    return _REPOSITORY.fullmatch(base) is not None and not Path(base).parent.exists()


def _fetch(base: str) -> Path:
    """Fetch the parts of a repository, after its index, which shows that the layout is right."""
    wanted = [f"{part}/{kind}" for part in _PARTS for kind in ("*.json", "*.safetensors")]

    def download() -> str:
        hf_hub_download(base, _INDEX)
        return snapshot_download(base, allow_patterns=[_INDEX, *wanted], ignore_patterns=["*.fp16*"])

    return fetch_published(f"there is no folder {base[:200]}", base[:200], "--base", download)


_SMALL_WIDTH: Final = 1024
_LONGEST_S: Final = {True: 120.0, False: 380.0}  # published lengths of the small models, and of medium
CONTEXT_SHARE: Final = 0.25
ENDING_SHARE: Final = 0.1
"""Shares of the longest window: earlier music that a further window is conditioned on, and discarded ending."""
# Guidance of the prompt is as published; that of the curve is a first value, to be tuned with trained weights.
_DISTILLED: Final = SamplingDefaults(steps=8, text_guidance=1.0, curve_guidance=1.0)
_BASE: Final = SamplingDefaults(steps=100, text_guidance=7.0, curve_guidance=2.0)


def init_model(base: str, out: Path, settings: InitSettings) -> AudioManifest:
    """Write a model folder. It appears when it is complete, and replaces an older one.

    Args:
        base: see open_base.
        out: folder to write.
        settings: contents of its manifest, and encoders.

    Raises:
        ModelError: base, encoders or settings cannot be used.
        pydantic.ValidationError: a setting is out of its range.
        OSError: a file cannot be read or written.
    """
    PICTURE_ENCODERS.get(settings.picture)
    MUSIC_ENCODERS.get(settings.music)
    source = open_base(base)
    if out.resolve() == source.resolve():
        raise ModelError(f"{out} is the base itself; name another folder for the model")
    fields = _fields(base, source, settings)
    with replace_folder(out) as folder:
        # The encoders first: they are most likely to be missing, and the transformer takes long.
        keep_encoder(settings.picture, settings.picture_from, folder / PICTURE_WEIGHTS)
        keep_encoder(settings.music, settings.music_from, folder / MUSIC_WEIGHTS)
        copy_parts(source, folder)
        dtype = _read_dtype(source / "transformer")
        transformer = load_part(source, "transformer", StableAudio3DiTModel, dtype)
        write_transformer(widen_for_curve(transformer, CURVE_CHANNELS), folder)
        del transformer
        manifest = write_audio_manifest(folder, fields)
        try:
            load_stable_audio_parts(folder, torch.device("cpu"), dtype)  # raise errors now, not in a worker
        except ModelError as error:
            raise ModelError(str(error).replace(f"model folder {folder}", base)) from error
        return manifest


def _fields(base: str, source: Path, settings: InitSettings) -> dict[str, Any]:
    longest_s, known_s = _longest(source), settings.longest_s
    if known_s is not None and known_s > _longest_duration(source):
        raise ModelError(
            f"music of {known_s:g} s at once is longer than the base supports: {_longest_duration(source):g} s"
        )
    longest_s = known_s or longest_s
    distilled = bool(load_scheduler(source).config["stochastic_sampling"])
    context_s, ending_s = (round(share * longest_s, 3) for share in (CONTEXT_SHARE, ENDING_SHARE))
    return {
        "name": settings.name,
        "version": settings.version,
        "licence": settings.licence,
        "base": source.resolve().name if Path(base).expanduser().is_dir() else base,
        "encoders": {"text": TEXT_ENCODER, "picture": settings.picture, "music": settings.music},
        "curve": AudioCurve(hann_window_s=settings.hann_window_s, trained=False),
        "windows": Windows(longest_s=longest_s, context_s=context_s, ending_s=ending_s),
        "defaults": _DISTILLED if distilled else _BASE,
    }


def _longest(source: Path) -> float:
    """Longest music as published for the base's size, within the range of its duration embedder."""
    width = read_json(source, "transformer/config.json").get("embed_dim")
    if not isinstance(width, int):
        raise ModelError(f"model folder {source}: transformer/config.json: embed_dim is {width}, which is not a size")
    return min(_LONGEST_S[width <= _SMALL_WIDTH], _longest_duration(source))


def _longest_duration(source: Path) -> float:
    """Longest duration that the base supports, in seconds."""
    known = read_json(source, "duration_embedder/config.json").get("max_val")
    if not isinstance(known, int | float) or known <= 0:
        raise ModelError(
            f"model folder {source}: duration_embedder/config.json: max_val is {known}, which is not a duration"
        )
    return float(known)


def _read_dtype(part: Path) -> torch.dtype:
    path = sorted(part.glob("*.safetensors"))[0]
    try:
        with safe_open(path, "pt") as file:
            dtype: torch.dtype = file.get_tensor(next(iter(file.keys()))).dtype
            return dtype
    except (SafetensorError, StopIteration) as error:
        raise ModelError(f"{path} has no weights that can be read") from error
