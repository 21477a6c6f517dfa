"""A published Stable Audio 3 checkpoint in diffusers' layout, from a folder or from the model hub."""

import re
from pathlib import Path
from typing import Final

from huggingface_hub import hf_hub_download, snapshot_download

from model_core.encoders.weights import fetch_published
from model_core.errors import ModelError
from model_core.models.folder.manifest import MANIFEST, read_json
from model_core.models.folder.parts import TOKENIZER
from model_core.models.stable_audio.folder import COPIED, check_parts

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_INDEX: Final = "model_index.json"
_CLASSES: Final = ("StableAudio3Pipeline", "StableAudio3InpaintPipeline", "StableAudio3Audio2AudioPipeline")
_CONVERTER: Final = "convert_stable_audio_3_to_diffusers.py of diffusers' scripts"
_PARTS: Final = ("transformer", *COPIED)


def open_base(base: str) -> Path:
    """The folder of a base that can be made into a model folder.

    Args:
        base: a folder, or a repository on the hub such as ``owner/name``; that needs the network, and for gated
            weights a token (``HF_TOKEN``) of somebody who has accepted their terms.

    Raises:
        ModelError: there is none, or it is of another kind; one line that says what is wrong.
    """
    folder = Path(base).expanduser()
    if not folder.is_dir():
        if not _is_repository(base):
            raise ModelError(f"there is no folder {base[:200]} (a repository on the hub would be OWNER/NAME)")
        folder = _fetched(base)
    if (folder / MANIFEST).is_file():
        raise ModelError(f"{base} is a model folder of v2m already ({MANIFEST}); a base is Stable Audio 3 as published")
    if not (folder / _INDEX).is_file():
        if (folder / "model_config.json").is_file():
            raise ModelError(f"{base} is in Stability AI's own layout; convert it by {_CONVERTER} first")
        raise ModelError(f"{base} holds no {_INDEX}, so it is no diffusers pipeline")
    kind = read_json(folder, _INDEX).get("_class_name")
    if kind not in _CLASSES:
        raise ModelError(f"{base}: {_INDEX}: _class_name is {kind}; it must be {_CLASSES[0]}")
    for part in _PARTS:
        if not (folder / part).is_dir():
            raise ModelError(f"{base}: the part {part} is missing")
    for part in ("transformer", "vae", "text_encoder", "duration_embedder"):
        if not any((folder / part).glob("*.safetensors")):
            raise ModelError(f"{base}: {part} holds no safetensors file; other formats are not read")
    if not (folder / TOKENIZER).is_file():
        raise ModelError(f"{base}: {TOKENIZER} is missing; save the tokenizer in its fast form")
    check_parts(folder, curve=False)
    return folder


def _is_repository(base: str) -> bool:
    """Whether ``base`` can only be a hub repository: ``owner/name``, and no folder here is called ``owner``."""
    return _REPOSITORY.fullmatch(base) is not None and not Path(base).parent.exists()


def _fetched(base: str) -> Path:
    """The parts of a repository, where its first file says that it is of the right layout."""
    wanted = [f"{part}/{kind}" for part in _PARTS for kind in ("*.json", "*.safetensors")]

    def download() -> str:
        hf_hub_download(base, _INDEX)
        return snapshot_download(base, allow_patterns=[_INDEX, *wanted], ignore_patterns=["*.fp16*"])

    return fetch_published(f"there is no folder {base[:200]}", base[:200], "--base", download)
