"""Folders of format 1 (flow/, codec/, planner/ and a short manifest): version 0, which training can go on from."""

from pathlib import Path

from diffusers import StableAudio3DiTModel

from model_core.errors import ModelError
from model_core.flow.sampler import plain_scheduler
from model_core.models.folder.manifest import KIND, MANIFEST, check_files, read_json
from model_core.models.folder.parts import load_part
from model_core.models.score.codec.vae import BeatVAE
from model_core.models.score.planner.network import PromptPlanner


def is_format_1(folder: Path) -> bool:
    """Whether there is a readable manifest that says so."""
    return (folder / MANIFEST).is_file() and read_json(folder, MANIFEST).get("format") == 1


def load_format_1(folder: Path) -> tuple[str, tuple[object, ...]]:
    """Name, and flow, codec, planner and scheduler; ModelError when the folder is damaged."""
    manifest = read_json(folder, MANIFEST)
    name, digests = manifest.get("name"), manifest.get("sha256")
    if manifest.get("kind") != KIND or not isinstance(name, str) or not isinstance(digests, dict):
        raise ModelError(f"model folder {folder}: {MANIFEST} lacks kind, name or sha256")
    check_files(folder, digests)
    kinds = {"flow": StableAudio3DiTModel, "codec": BeatVAE, "planner": PromptPlanner}
    return name, (*(load_part(folder, part, kind) for part, kind in kinds.items()), plain_scheduler())
