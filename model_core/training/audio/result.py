"""Result files of a fine-tuning: a model folder like the one it began with, and the trained weights by themselves."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from diffusers import StableAudio3DiTModel
from safetensors import safe_open
from safetensors.torch import save_file

from model_core.errors import InputError
from model_core.media.writing import replace_when_complete
from model_core.models.folder.manifest import check_replaceable, replace_folder
from model_core.models.folder.parts import load_part
from model_core.models.stable_audio import AudioManifest
from model_core.models.stable_audio.folder import (
    COPIED,
    MUSIC_WEIGHTS,
    PICTURE_WEIGHTS,
    copy_parts,
    write_audio_manifest,
    write_transformer,
)
from model_core.training.audio.weights import with_trained

_DIGITS: Final = 8


def check_place(out: Path, model: Path) -> None:
    """See before hours of training that the result can be written.

    Raises:
        InputError: ``out`` is the model itself, or has no parent.
        ModelError: it is something else than a model folder.
    """
    if out.resolve() == model.resolve():
        raise InputError("--out", f"{out} is the model itself; name another folder", "same_folder")
    if not out.resolve().parent.is_dir():
        raise InputError("--out", f"there is no folder {out.resolve().parent}", "no_folder")
    check_replaceable(out)


def version_of(before: AudioManifest, steps: int, trained: Mapping[str, torch.Tensor]) -> str:
    """The model's version with the steps and a mark of the trained weights: ``0+2000.1f3a9c07``."""
    digest = hashlib.sha256()
    for name, weight in sorted(trained.items()):
        digest.update(name.encode())
        digest.update(weight.contiguous().numpy().tobytes())
    return f"{before.version.partition('+')[0]}+{steps}.{digest.hexdigest()[:_DIGITS]}"


def write_result(
    model: Path,
    before: AudioManifest,
    out: Path,
    rank: int,
    trained: Mapping[str, torch.Tensor],
    version: str,
    follows: bool,
) -> AudioManifest:
    """Write the model folder, whole or not at all, in the precision of the one it began with.

    Args:
        model, before: the folder that was fine-tuned, and its manifest.
        out: the folder to write, or to replace.
        rank: of the adapters, which are merged into the weights; 0 = there are none.
        trained: weights by name, float32, on the CPU.
        version: of the new model.
        follows: whether it is seen to follow the curve; if not, it is marked as the model that it began with.
    """
    transformer = load_part(model, "transformer", StableAudio3DiTModel, torch.float32)
    merged = _as_kept(with_trained(transformer, rank, trained), model / "transformer")
    fields = before.model_dump(exclude={"format", "sha256"})
    fields["curve"]["trained"] = follows or before.curve.trained
    fields["version"] = version
    with replace_folder(out) as folder:
        copy_parts(model, folder, (*COPIED, PICTURE_WEIGHTS, MUSIC_WEIGHTS))
        write_transformer(merged, folder)
        return write_audio_manifest(folder, fields)


def keep_trained(path: Path, rank: int, trained: Mapping[str, torch.Tensor], version: str) -> None:
    """The trained weights as one safetensors file, which is small where they are adapters."""
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {"version": version, "rank": str(rank)}
    with replace_when_complete(path) as beside:
        save_file({name: weight.contiguous() for name, weight in trained.items()}, beside, about)


def _as_kept(transformer: StableAudio3DiTModel, part: Path) -> StableAudio3DiTModel:
    """Each weight and buffer in the precision that it has in the files of ``part``."""
    tensors = {**dict(transformer.named_parameters()), **dict(transformer.named_buffers())}
    for path in sorted(part.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                tensors[name].data = tensors[name].data.to(file.get_tensor(name).dtype)
    return transformer
