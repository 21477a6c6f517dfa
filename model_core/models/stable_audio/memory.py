"""GPU memory of an audio model, estimated from its configurations before anything is loaded.

Weights are counted exactly. Activations are those of the layers at their peak. For the published sizes that is about
10 % (transformer) and 2 % (decoder) more than torch allocated in measurements on a CPU. MARGIN and RESERVE cover the
rest: gaps of the allocator, workspaces of kernels, torch.compile, and the smaller peaks of prompt and pictures.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import StableAudio3DiTModel
from transformers import T5GemmaConfig, T5GemmaEncoderModel

from model_core.errors import ModelError
from model_core.models.folder.manifest import read_json
from model_core.models.stable_audio.codecs import codec_entry
from model_core.models.stable_audio.conditions import MAX_TOKENS

MARGIN: Final = 1.1
"""Factor on all counted bytes."""
RESERVE: Final = 500_000_000
"""Bytes for everything that is not counted."""
VARIANTS: Final = 3
"""Largest number of items of one take in the transformer's batch: plain, with prompt, with prompt and curve."""
SHORTEST_S: Final = 10.0
"""Shortest window that is recommended, in seconds; shorter ones give no coherent music."""


@dataclass(frozen=True)
class Footprint:
    """Memory of a model on its device, in bytes.

    Attributes:
        weights: weights of all networks.
        fixed, per_frame: peak of the transformer, and its increase with each latent frame of the window.
        decode: peak of the codec, which works in chunks and does not depend on the length.
        frame_rate: latent frames per second.
    """

    weights: int
    fixed: int
    per_frame: int
    decode: int
    frame_rate: float

    def bytes_needed(self, frames: int) -> int:
        """Free memory needed for a window of ``frames`` latent frames, margin included."""
        return round(MARGIN * (self.weights + max(self.fixed + self.per_frame * frames, self.decode))) + RESERVE

    def longest_s(self, free: int) -> int:
        """Longest window in whole seconds for ``free`` bytes; 0 when there is none."""
        if self.bytes_needed(0) > free:
            return 0
        left = (free - RESERVE) / MARGIN - self.weights - self.fixed
        # Windows are counted in whole frames; the last one may be incomplete.
        return max(0, math.floor(left // self.per_frame / self.frame_rate))


def compute_footprint(folder: Path, dtype: torch.dtype, batch: int = 1, variants: int = VARIANTS) -> Footprint:
    """Estimate the memory of the model in a folder, for ``batch`` takes with ``variants`` guided variants each.

    Encoders of pictures and music count with the size of their files, even if they run on another device.

    Raises:
        ModelError: a configuration cannot be read or is invalid.
    """
    flow, vae, text = (read_json(folder, f"{part}/config.json") for part in ("transformer", "vae", "text_encoder"))
    codec = codec_entry(folder)
    try:
        counted = count_flow(flow) + codec.count(vae) + count_text(text)
        fixed, per_frame = flow_activations(flow, batch * variants, dtype)
        decode = codec.decode_bytes(vae, batch, dtype)
        frame_rate = codec.frame_rate(vae)
    except (KeyError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        fault = str(error).partition("\n")[0]
        raise ModelError(f"model folder {folder}: its config.json files are not those of a model: {fault}") from error
    encoders = sum(path.stat().st_size for path in sorted((folder / "encoders").rglob("*.safetensors")))
    return Footprint(counted * dtype.itemsize + encoders, fixed, per_frame, decode, frame_rate)


def check_memory(needs: Footprint, free: int, window_s: float, device: str = "the device") -> None:
    """Raise ModelError when ``free`` bytes are too few for windows of ``window_s`` seconds; names a fitting length."""
    needed = needs.bytes_needed(math.ceil(window_s * needs.frame_rate))
    if needed <= free:
        return
    fits, least = needs.longest_s(free), min(SHORTEST_S, window_s)
    cause = f"{device}: music of {window_s:g} s at once needs about {_gb(needed)} of memory, {_gb(free)} are free; "
    if fits >= least:
        raise ModelError(f"{cause}set V2M_WINDOW_S to {fits} or less")
    smallest = needs.bytes_needed(math.ceil(least * needs.frame_rate))
    raise ModelError(f"{cause}not even {least:g} s fit, which need {_gb(smallest)}")


def check_device(
    folder: Path, device: torch.device, dtype: torch.dtype, window_s: float, batch: int = 1, variants: int = VARIANTS
) -> None:
    """Check the memory of a GPU before a model is loaded, see check_memory; a CPU's memory is not checked."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        check_memory(compute_footprint(folder, dtype, batch, variants), free, window_s, str(device))


def count_flow(config: Mapping[str, Any]) -> int:
    """Number of values in a StableAudio3DiTModel of this configuration."""
    with torch.device("meta"):
        return _numbers(StableAudio3DiTModel.from_config(dict(config)))


def count_text(config: Mapping[str, Any]) -> int:
    """Number of values in the encoder of a T5Gemma of this configuration."""
    with torch.device("meta"):
        return _numbers(T5GemmaEncoderModel(T5GemmaConfig.from_dict({**config, "is_encoder_decoder": False})))


def flow_activations(config: Mapping[str, Any], rows: int, dtype: torch.dtype) -> tuple[int, int]:
    """Peak of a transformer with ``rows`` items in bytes: fixed, and per latent frame."""
    width, channels = config["embed_dim"], config["io_channels"]
    # Feed-forward: two halves of the inner width, the gate and their product, beside seven copies of the tokens.
    # Differential self-attention: five projections, four of them twice, and float32 for the rotation.
    token = width * max(7 + 4 * config["ff_mult"], 18.5 if config["use_differential_attention"] else 12.5)
    # Latents before and after the first convolution; local conditions separate, joined, stacked and transposed.
    frame = token + 2 * channels + 4 * config["local_add_cond_dim"]
    words = (MAX_TOKENS + 1) * 2 * (config["cond_token_dim"] + width)
    scale = rows * dtype.itemsize
    return round(scale * (config["num_memory_tokens"] * token + words)), round(scale * frame)


def _numbers(network: torch.nn.Module) -> int:
    return sum(tensor.numel() for tensor in [*network.parameters(), *network.buffers()])


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
