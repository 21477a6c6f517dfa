"""Trained weights of an audio model's transformer, all of them or low-rank adapters, and the result files.

The local input is always trained in full: it has to learn a new meaning, which a matrix of low rank could not hold;
attention and feed-forward have only to make use of it (LoRA, arXiv 2106.09685). The result is a model folder like the
one that the training began with, and the trained weights by themselves.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import StableAudio3DiTModel
from peft import LoraConfig, LoraModel
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

ADAPTED: Final = (
    r"transformer_blocks\.\d+\."
    r"(self_attn\.(to_qkv|to_out)|cross_attn\.(to_q|to_kv|to_out)|ff\.(proj_in|proj_out))"
)
"""The linear layers that get an adapter, as a pattern of their names."""
LOCAL: Final = "to_local_embed"
"""Part of the names of the local input's weights, where the curve comes in."""
_ADAPTER: Final = "default"
_DECAY: Final = 0.999
_DIGITS: Final = 8


def check_rank(transformer: StableAudio3DiTModel, rank: int) -> None:
    """InputError where adapters of this rank would be wider than a layer that they adapt."""
    layers = (layer for name, layer in transformer.named_modules() if re.fullmatch(ADAPTED, name))
    widths = [min(layer.in_features, layer.out_features) for layer in layers if isinstance(layer, torch.nn.Linear)]
    if rank > min(widths):
        detail = f"{rank} is more than {min(widths)}, the width of the narrowest layer that is adapted"
        raise InputError("--lora", detail, "too_wide")


def choose_trained(transformer: StableAudio3DiTModel, rank: int, frozen: torch.dtype) -> dict[str, torch.nn.Parameter]:
    """Prepare a transformer in float32 for training, in place; return the trained parameters by name, in float32.

    Args:
        transformer: as loaded, all in float32.
        rank: of the adapters, whose first values come from torch's random numbers; 0 trains all weights.
        frozen: precision of the weights that are not trained. Buffers stay as they are: positions cannot be counted
            in bfloat16.
    """
    if not rank:
        return dict(transformer.requires_grad_().named_parameters())
    _adapt(transformer, rank)
    trained = {}
    for name, parameter in transformer.named_parameters():
        parameter.requires_grad_(LOCAL in name or "lora_" in name)
        if parameter.requires_grad:
            trained[name] = parameter
        else:
            parameter.data = parameter.data.to(frozen)
    return trained


@torch.no_grad()
def merge_trained(
    transformer: StableAudio3DiTModel, rank: int, trained: Mapping[str, torch.Tensor]
) -> StableAudio3DiTModel:
    """Return the base's transformer in float32 with the trained weights, adapters merged."""
    tuner = _adapt(transformer, rank) if rank else None
    places = dict(transformer.named_parameters())
    for name, weight in trained.items():
        places[name].copy_(weight)
    return transformer if tuner is None else tuner.merge_and_unload()


def _adapt(transformer: StableAudio3DiTModel, rank: int) -> Any:
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=ADAPTED, bias="none")
    return LoraModel(transformer, config, _ADAPTER)


class Average(torch.nn.ParameterList):
    """An exponential moving average of parameters, in their order and precision, on their device."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        self._of: list[torch.Tensor] = list(parameters)
        super().__init__([parameter.detach().clone() for parameter in self._of])
        self.requires_grad_(False)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Update with the weights after step number ``step``; the first steps are forgotten faster."""
        decay = min(_DECAY, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self), self._of, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the averages into the parameters within the block; needs memory for one more weight, not for all."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for parameter, average in zip(self._of, self, strict=True):
            kept = parameter.clone()
            parameter.copy_(average)
            average.copy_(kept)


def check_out(out: Path, model: Path) -> None:
    """Check before hours of training that the result can be written.

    Raises:
        InputError: ``out`` is the model itself, or has no parent.
        ModelError: it is something else than a model folder.
    """
    if out.resolve() == model.resolve():
        raise InputError("--out", f"{out} is the model itself; name another folder", "same_folder")
    if not out.resolve().parent.is_dir():
        raise InputError("--out", f"there is no folder {out.resolve().parent}", "no_folder")
    check_replaceable(out)


def compute_version(before: AudioManifest, steps: int, trained: Mapping[str, torch.Tensor]) -> str:
    """Return the model's version with the steps and a digest of the trained weights: ``0+2000.1f3a9c07``."""
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
        follows: True when the model follows the curve; if not, ``curve.trained`` stays as in ``before``.
    """
    transformer = load_part(model, "transformer", StableAudio3DiTModel, torch.float32)
    merged = _as_kept(merge_trained(transformer, rank, trained), model / "transformer")
    fields = before.model_dump(exclude={"format", "sha256"})
    fields["curve"]["trained"] = follows or before.curve.trained
    fields["version"] = version
    with replace_folder(out) as folder:
        copy_parts(model, folder, (*COPIED, PICTURE_WEIGHTS, MUSIC_WEIGHTS))
        write_transformer(merged, folder)
        return write_audio_manifest(folder, fields)


def save_trained(path: Path, rank: int, trained: Mapping[str, torch.Tensor], version: str) -> None:
    """Write the trained weights as one safetensors file, which is small where they are adapters."""
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
