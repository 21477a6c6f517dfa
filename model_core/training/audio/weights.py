"""Trained weights of an audio model's transformer, all of them or low-rank adapters, and their moving average.

The local input is always trained in full: it has to learn a new meaning, which a matrix of low rank could not hold;
attention and feed-forward have only to make use of it (LoRA, arXiv 2106.09685).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch
from diffusers import StableAudio3DiTModel
from peft import LoraConfig, LoraModel

from model_core.errors import InputError

ADAPTED: Final = (
    r"transformer_blocks\.\d+\."
    r"(self_attn\.(to_qkv|to_out)|cross_attn\.(to_q|to_kv|to_out)|ff\.(proj_in|proj_out))"
)
"""The linear layers that get an adapter, as a pattern of their names."""
LOCAL: Final = "to_local_embed"
"""Part of the names of the local input's weights, where the curve comes in."""
_ADAPTER: Final = "default"


def check_rank(transformer: StableAudio3DiTModel, rank: int) -> None:
    """InputError where adapters of this rank would be wider than a layer that they adapt."""
    layers = (layer for name, layer in transformer.named_modules() if re.fullmatch(ADAPTED, name))
    widths = [min(layer.in_features, layer.out_features) for layer in layers if isinstance(layer, torch.nn.Linear)]
    if rank > min(widths):
        detail = f"{rank} is more than {min(widths)}, the width of the narrowest layer that is adapted"
        raise InputError("--lora", detail, "too_wide")


def choose_trained(transformer: StableAudio3DiTModel, rank: int, frozen: torch.dtype) -> dict[str, torch.nn.Parameter]:
    """Make a transformer in float32 ready for training, in place; returns what is trained by name, in float32.

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
def with_trained(
    transformer: StableAudio3DiTModel, rank: int, trained: Mapping[str, torch.Tensor]
) -> StableAudio3DiTModel:
    """The base's transformer in float32 with what was trained put in and adapters merged into the weights."""
    tuner = _adapt(transformer, rank) if rank else None
    places = dict(transformer.named_parameters())
    for name, weight in trained.items():
        places[name].copy_(weight)
    return transformer if tuner is None else tuner.merge_and_unload()


def _adapt(transformer: StableAudio3DiTModel, rank: int) -> Any:
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=ADAPTED, bias="none")
    return LoraModel(transformer, config, _ADAPTER)


_DECAY: Final = 0.999


class Average(torch.nn.ParameterList):
    """An exponential moving average of parameters, in their order and precision, on their device."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        self._of: list[torch.Tensor] = list(parameters)
        super().__init__([parameter.detach().clone() for parameter in self._of])
        self.requires_grad_(False)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after step number ``step``; the first steps are forgotten faster."""
        decay = min(_DECAY, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self), self._of, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the parameters hold their averages; needs room for one weight more, not for all."""
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
