"""How much GPU memory an audio model needs, told from its configurations before anything is loaded.

An estimate. Weights are counted exactly. Activations come from what the layers hold at their largest moments; for the
published widths that is some 10 % (transformer) and 2 % (decoder) above what torch was seen to allocate, on a CPU.
MARGIN and RESERVE stand for what is not counted: the allocator's gaps, the kernels' workspaces, torch.compile, and the
smaller moments of prompt and pictures.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import AutoencoderSAME, StableAudio3DiTModel
from transformers import T5GemmaConfig, T5GemmaEncoderModel

from model_core.errors import ModelError
from model_core.models.folder.manifest import read_json
from model_core.models.stable_audio.codec import chunk_length, find_margin
from model_core.models.stable_audio.conditions import MAX_TOKENS

MARGIN: Final = 1.1
"""Factor on all that is counted."""
RESERVE: Final = 500_000_000
"""Bytes for what is not."""
VARIANTS: Final = 3
"""How often a take is in the transformer's batch, at most: plain, with the prompt, with prompt and curve."""
SHORTEST_S: Final = 10.0
"""Shorter windows are not advised: nothing that can be called music comes out of them."""


@dataclass(frozen=True)
class Footprint:
    """Bytes of a model on its device.

    Attributes:
        weights: of all networks.
        fixed, per_frame: the transformer's largest moment, by the latent frames of its window.
        decode: the codec's largest moment; it works in chunks, whatever the length.
        frame_rate: latent frames a second.
    """

    weights: int
    fixed: int
    per_frame: int
    decode: int
    frame_rate: float

    def bytes_needed(self, frames: int) -> int:
        """Free memory that a window of so many latent frames should find, margin included."""
        return round(MARGIN * (self.weights + max(self.fixed + self.per_frame * frames, self.decode))) + RESERVE

    def longest_s(self, free: int) -> int:
        """The longest window, in whole seconds, for which so many free bytes are enough; 0 when there is none."""
        if self.bytes_needed(0) > free:
            return 0
        left = (free - RESERVE) / MARGIN - self.weights - self.fixed
        # a window is counted in whole frames, the last of them perhaps only in part
        return max(0, math.floor(left // self.per_frame / self.frame_rate))


def footprint(folder: Path, dtype: torch.dtype, batch: int = 1, variants: int = VARIANTS) -> Footprint:
    """What the model in a folder needs in a dtype, for ``batch`` takes at once in ``variants`` guided variants each.

    The encoders of picture and music are counted by their files, whether they come onto the same device or not.

    Raises:
        ModelError: a configuration cannot be read, or describes no such network.
    """
    flow, vae, text = (read_json(folder, f"{part}/config.json") for part in ("transformer", "vae", "text_encoder"))
    try:
        counted = count_flow(flow) + count_vae(vae) + count_text(text)
        fixed, per_frame = flow_activations(flow, batch * variants, dtype)
        decode = decode_activations(vae, batch, dtype)
        frame_rate = vae["sampling_rate"] / (vae["patch_size"] * math.prod(vae["encoder_strides"]))
    except (KeyError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        fault = str(error).partition("\n")[0]
        raise ModelError(f"model folder {folder}: its config.json files describe no model: {fault}") from error
    encoders = sum(path.stat().st_size for path in sorted((folder / "encoders").rglob("*.safetensors")))
    return Footprint(counted * dtype.itemsize + encoders, fixed, per_frame, decode, frame_rate)


def check_memory(needs: Footprint, free: int, window_s: float, device: str = "the device") -> None:
    """ModelError when ``free`` bytes are not enough for windows of ``window_s`` seconds; says which would fit."""
    needed = needs.bytes_needed(math.ceil(window_s * needs.frame_rate))
    if needed <= free:
        return
    fits, least = needs.longest_s(free), min(SHORTEST_S, window_s)
    told = f"{device}: music of {window_s:g} s at once needs about {_gb(needed)} of memory, {_gb(free)} are free; "
    if fits >= least:
        raise ModelError(f"{told}set V2M_WINDOW_S to {fits} or less")
    smallest = needs.bytes_needed(math.ceil(least * needs.frame_rate))
    raise ModelError(f"{told}not even {least:g} s fit, which need {_gb(smallest)}")


def check_device(
    folder: Path, device: torch.device, dtype: torch.dtype, window_s: float, batch: int = 1, variants: int = VARIANTS
) -> None:
    """check_memory for a model that is about to be loaded onto a GPU; a CPU's memory is left to the system."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        check_memory(footprint(folder, dtype, batch, variants), free, window_s, str(device))


def count_flow(config: Mapping[str, Any]) -> int:
    """Numbers in a StableAudio3DiTModel of this configuration."""
    with torch.device("meta"):
        return _numbers(StableAudio3DiTModel.from_config(dict(config)))


def count_vae(config: Mapping[str, Any]) -> int:
    """Numbers in an AutoencoderSAME of this configuration."""
    with torch.device("meta"):
        return _numbers(AutoencoderSAME.from_config(dict(config)))


def count_text(config: Mapping[str, Any]) -> int:
    """Numbers in the encoder of a T5Gemma of this configuration."""
    with torch.device("meta"):
        return _numbers(T5GemmaEncoderModel(T5GemmaConfig.from_dict({**config, "is_encoder_decoder": False})))


def flow_activations(config: Mapping[str, Any], rows: int, dtype: torch.dtype) -> tuple[int, int]:
    """Bytes that a transformer of ``rows`` items holds at its largest moment: fixed, and for each latent frame."""
    width, channels = config["embed_dim"], config["io_channels"]
    # Feed-forward: two halves of the inner width, the gate's and their product; beside it seven copies of the tokens.
    # Self-attention, where it is differential: five projections, four of them once more, and float32 for the rotation.
    token = width * max(7 + 4 * config["ff_mult"], 18.5 if config["use_differential_attention"] else 12.5)
    # The latents before and after the first convolution; the local conditions apart, joined, stacked and turned over.
    frame = token + 2 * channels + 4 * config["local_add_cond_dim"]
    words = (MAX_TOKENS + 1) * 2 * (config["cond_token_dim"] + width)
    scale = rows * dtype.itemsize
    return round(scale * (config["num_memory_tokens"] * token + words)), round(scale * frame)


def decode_activations(config: Mapping[str, Any], batch: int, dtype: torch.dtype) -> int:
    """Bytes that the codec holds at the largest moment of decoding a chunk."""
    strides, depths = config["encoder_strides"], config["encoder_transformer_depths"]
    window = chunk_length(find_margin(strides, depths, config["sliding_window"]))
    copies = max(4 + 4 * config["ff_mult"], 16.5 if config["use_differential_attention"] else 12.5)
    largest = 0
    for level, (stride, mult) in enumerate(zip(strides, config["encoder_c_mults"], strict=True)):
        tokens = window * math.prod(strides[level + 1 :]) * (stride + 1)
        held = batch * tokens * config["encoder_channels"] * mult * dtype.itemsize
        # The mask is made from distances in int64 and two masks in bool, while of the tokens there is one copy.
        making = tokens**2 * (10 + 2 * dtype.itemsize) + 2 * held
        largest = max(largest, making, round(tokens**2 * dtype.itemsize + copies * held))
    return largest


def _numbers(network: torch.nn.Module) -> int:
    return sum(tensor.numel() for tensor in [*network.parameters(), *network.buffers()])


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
