"""A model folder: v2m.json, the flow, the codec and the planner, as half-precision shards that any git host accepts."""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import StableAudio3DiTModel
from diffusers.utils import logging as diffusers_logging

from model_core.assets import asset
from model_core.codecs.score.vae import BeatVAE
from model_core.errors import ModelError
from model_core.planner.network import PromptPlanner

FORMAT: Final = 1
KIND: Final = "embedded-score"
DEFAULT_MODEL: Final = "models/v2m-embedded-0"
_MANIFEST: Final = "v2m.json"
_SHARD: Final = "12MB"


@dataclass(frozen=True)
class EmbeddedModel:
    """The parts of the embedded model, in float32 and evaluation mode, and the checkpoint's name for reports."""

    name: str
    flow: StableAudio3DiTModel
    vae: BeatVAE
    planner: PromptPlanner


def load_model(folder: Path | None = None) -> EmbeddedModel:
    """Load and check a model folder; the shipped one by default.

    Raises:
        ModelError: the folder is missing, damaged or made by another version.
    """
    folder = asset(DEFAULT_MODEL) if folder is None else folder
    manifest = _read_manifest(folder)
    for name, digest in manifest["sha256"].items():
        path = folder / name
        if not path.is_file() or _sha256(path) != digest:
            raise ModelError(f"model folder {folder}: {name} is missing or damaged")
    diffusers_logging.disable_progress_bar()
    return EmbeddedModel(
        name=manifest["name"],
        flow=StableAudio3DiTModel.from_pretrained(folder / "flow", torch_dtype=torch.float32).eval(),
        vae=BeatVAE.from_pretrained(folder / "codec", torch_dtype=torch.float32).eval(),
        planner=PromptPlanner.from_pretrained(folder / "planner", torch_dtype=torch.float32).eval(),
    )


def save_model(model: EmbeddedModel, folder: Path) -> None:
    """Write a model folder: float16 safetensors of at most 12 MB and a manifest with the sha256 of each file."""
    if folder.exists():
        shutil.rmtree(folder)  # a shard of an older model must not be taken for this one's
    for part, module in (("flow", model.flow), ("codec", model.vae), ("planner", model.planner)):
        half = type(module).from_config(module.config)
        half.load_state_dict(module.state_dict())
        half.half().save_pretrained(folder / part, max_shard_size=_SHARD)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _MANIFEST)
    manifest = {
        "format": FORMAT,
        "kind": KIND,
        "name": model.name,
        "sha256": {path.relative_to(folder).as_posix(): _sha256(path) for path in files},
    }
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: Any = json.loads((folder / _MANIFEST).read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"model folder {folder}: cannot read {_MANIFEST}: {error}") from error
    if not isinstance(manifest, dict):
        raise ModelError(f"model folder {folder}: {_MANIFEST} holds no object")
    if manifest.get("format") != FORMAT or manifest.get("kind") != KIND:
        raise ModelError(f"model folder {folder}: format {manifest.get('format')} of kind {manifest.get('kind')}; "
                         f"this version reads format {FORMAT} of kind {KIND}")  # fmt: skip
    if not isinstance(manifest.get("name"), str) or not isinstance(manifest.get("sha256"), dict):
        raise ModelError(f"model folder {folder}: {_MANIFEST} lacks name or sha256")
    return manifest


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
