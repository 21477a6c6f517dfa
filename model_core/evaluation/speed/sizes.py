"""The sizes of Stable Audio 3 and of the encoders beside it, as published, and a tiny one to try the command with."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from model_core.flow.windows import Window, continuing_windows
from model_core.models.stable_audio.init import CONTEXT_SHARE, ENDING_SHARE
from model_core.models.stable_audio.manifest import Windows

_LATENTS: Final = 256
_INPUTS: Final = 1 + _LATENTS + 2
"""Mask and kept latents as published, and the curve with its flag that this project adds."""


@dataclass(frozen=True, eq=False)
class Size:
    """One size of the production model: constructor arguments of its parts, and what is measured of it.

    Attributes:
        name: for the tables.
        transformer, vae, duration, text, picture, music: of StableAudio3DiTModel, AutoencoderSAME,
            StableAudio3DurationEmbedder, T5GemmaModuleConfig, Dinov2Config and MusicFmConfig. Every size that the work
            depends on is written out, so that the floors can be counted from them.
        tokens: length that prompts are filled up to.
        windows: how longer music is continued, as `v2m model init` sets it.
        seconds: lengths of music.
        batches: takes made at once.
        distilled_steps, base_steps: of the sampler, as published.
    """

    name: str
    transformer: Mapping[str, Any]
    vae: Mapping[str, Any]
    duration: Mapping[str, Any]
    text: Mapping[str, Any]
    picture: Mapping[str, Any]
    music: Mapping[str, Any]
    tokens: int
    windows: Windows
    seconds: tuple[float, ...]
    batches: tuple[int, ...]
    distilled_steps: int = 8
    base_steps: int = 100

    @property
    def stride(self) -> int:
        """Tokens of a latent frame inside the decoder, less the frame's own."""
        return math.prod(self.vae["encoder_strides"])

    @property
    def frame_rate(self) -> float:
        """Latent frames a second."""
        return float(self.vae["sampling_rate"] / (self.vae["patch_size"] * self.stride))

    def frames_of(self, seconds: float) -> int:
        """Latent frames of so much music."""
        return math.ceil(seconds * self.frame_rate)

    def windows_of(self, seconds: float) -> list[Window]:
        """The passes in which so much music is made."""
        rate, windows = self.frame_rate, self.windows
        context, ending = max(1, round(windows.context_s * rate)), round(windows.ending_s * rate)
        return continuing_windows(self.frames_of(seconds), self.frames_of(windows.longest_s), context, ending)


def _transformer(**sizes: Any) -> dict[str, Any]:
    plain = {
        "io_channels": _LATENTS, "patch_size": 1, "cond_token_dim": 768, "global_cond_dim": 768,
        "local_add_cond_dim": _INPUTS, "timestep_features_dim": 256, "ff_mult": 4.0, "num_memory_tokens": 64,
    }  # fmt: skip
    return {**plain, **sizes}


def _vae(**sizes: Any) -> dict[str, Any]:
    plain = {
        "audio_channels": 2, "patch_size": 256, "encoder_channels": 128, "encoder_c_mults": (6,),
        "encoder_strides": (16,), "encoder_transformer_depths": (6,), "latent_dim": _LATENTS,
        "use_differential_attention": True, "dim_heads": 64, "ff_mult": 3, "sliding_window": 1, "sampling_rate": 44100,
    }  # fmt: skip
    return {**plain, **sizes}


def _windows(longest_s: float) -> Windows:
    context_s, ending_s = (round(share * longest_s, 3) for share in (CONTEXT_SHARE, ENDING_SHARE))
    return Windows(longest_s=longest_s, context_s=context_s, ending_s=ending_s)


def _layer_types(layers: int) -> list[str]:
    return [("sliding_attention", "full_attention")[layer % 2] for layer in range(layers)]


_T5GEMMA: Final = {
    "vocab_size": 256000, "hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 12,
    "num_attention_heads": 12, "num_key_value_heads": 12, "head_dim": 64, "max_position_embeddings": 8192,
    "sliding_window": 4096, "layer_types": _layer_types(12),
}  # fmt: skip
_DINOV2_LARGE: Final = {
    "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "mlp_ratio": 4, "patch_size": 14,
    "image_size": 518,
}  # fmt: skip
_MUSICFM: Final = {
    "mean": 0.0, "std": 20.0, "layers": 7, "mels": 128, "channels": 512, "width": 1024, "heads": 16, "inner": 4096,
    "kernel": 31,
}  # fmt: skip
_DURATION: Final = {"output_dim": 768, "fourier_dim": 256}
_SECONDS: Final = (30.0, 120.0, 380.0)

SMALL: Final = Size(
    name="small",
    transformer=_transformer(embed_dim=1024, depth=20, num_heads=16, use_differential_attention=False),
    vae=_vae(),
    duration=_DURATION, text=_T5GEMMA, picture=_DINOV2_LARGE, music=_MUSICFM, tokens=256,
    windows=_windows(120.0),
    seconds=_SECONDS, batches=(1, 4),
)  # fmt: skip
MEDIUM: Final = Size(
    name="medium",
    transformer=_transformer(embed_dim=1536, depth=24, num_heads=24, use_differential_attention=True),
    vae=_vae(encoder_channels=256, encoder_transformer_depths=(12,), decoder_sinusoidal_blocks=(8,)),
    duration=_DURATION, text=_T5GEMMA, picture=_DINOV2_LARGE, music=_MUSICFM, tokens=256,
    windows=_windows(380.0),
    seconds=_SECONDS, batches=(1, 4),
)  # fmt: skip
TINY: Final = Size(
    name="tiny",
    transformer=_transformer(
        io_channels=8, embed_dim=32, depth=2, num_heads=2, cond_token_dim=32, global_cond_dim=32,
        local_add_cond_dim=1 + 8 + 2, timestep_features_dim=16, ff_mult=2.0, num_memory_tokens=4,
        use_differential_attention=True,
    ),
    vae=_vae(encoder_channels=8, encoder_c_mults=(4,), encoder_transformer_depths=(2,), latent_dim=8, dim_heads=16,
             ff_mult=2),
    duration={"output_dim": 32, "fourier_dim": 16},
    text={
        "vocab_size": 320, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 64,
        "sliding_window": 64, "layer_types": _layer_types(2),
    },
    picture={"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "mlp_ratio": 4, "patch_size": 14,
             "image_size": 42},
    music={"mean": 0.0, "std": 20.0, "layers": 2, "mels": 16, "channels": 4, "width": 32, "heads": 2, "inner": 48,
           "kernel": 7},
    tokens=32,
    windows=_windows(2.0),
    seconds=(1.0, 4.0), batches=(1, 2), distilled_steps=2, base_steps=4,
)  # fmt: skip
SIZES: Final = {size.name: size for size in (SMALL, MEDIUM, TINY)}
