"""SAME codec (arXiv 2605.17991) by diffusers, in chunks, so that its memory does not grow with the music.

Chunks overlap by the receptive field of the network, so that the result is the same as without chunks. In a layer of
SAME a token depends on ``sliding_window`` segments on either side. A segment is one input frame of a level of the
decoder, or one output frame of a level of the encoder: a latent at the last level, a part of one at the others.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np
import torch
from diffusers import AutoencoderSAME
from diffusers.models.autoencoders.autoencoder_same import RotaryEmbedding, SAMEAttention
from numpy.typing import NDArray

from model_core.flow.sampler import Window, continuing_windows
from model_core.models.stable_audio.codecs import AUDIO_CODECS, AudioCodecEntry
from model_core.plan.plan import Plan

_MARGINS: Final = 10
_MULTIPLE: Final = 8  # attention kernels are fastest with a multiple of eight tokens


def find_margin(strides: Sequence[int], depths: Sequence[int], sliding_window: int) -> int:
    """Receptive field of a latent frame on either side in frames, through all layers; the same in encoder and decoder.

    ``strides`` and ``depths`` (numbers of layers) are those of the encoder's levels. Positions are relative and have no
    effect.
    """
    reach = Fraction(0)
    for level, depth in enumerate(depths):
        reach += Fraction(depth * sliding_window, math.prod(strides[level + 1 :]))
    return math.ceil(reach)


def chunk_length(margin: int) -> int:
    """Length of a chunk in latent frames, margins included."""
    # With 17 tokens per latent SAME-L (margin 12, width 1536) is fastest at 117 frames, SAME-S (6, 768) at 59, each at
    # 1.7 times the minimum of the linear layers. Shorter chunks lose more to margins, longer ones to the square mask.
    return max(1, -(-_MARGINS * margin // _MULTIPLE)) * _MULTIPLE


class SameCodec:
    """Conversion between latents (C, F), at ``frame_rate`` frames per second, and stereo sound.

    diffusers' encode and decode need a mask of all tokens by all tokens: 9.7 GB for 380 s in bfloat16, and several
    times as much while it is computed. This class runs them on chunks, with the same result.

    Attributes:
        sample_rate: Hz.
        hop: samples per latent frame.
        channels: number of latent channels C.
        frame_rate: latent frames per second.
    """

    def __init__(self, vae: AutoencoderSAME) -> None:
        """Run on the device and in the dtype of ``vae``, with positions in float32."""
        config = vae.config
        self.sample_rate = int(config["sampling_rate"])
        self.hop = int(config["patch_size"] * math.prod(config["encoder_strides"]))
        self.channels = int(config["latent_dim"])
        self.frame_rate = self.sample_rate / self.hop
        self._sides = int(config["audio_channels"])
        self._vae = vae
        self._margin = find_margin(
            config["encoder_strides"], config["encoder_transformer_depths"], config["sliding_window"]
        )
        _restore_exact_frequencies(vae)

    def count_frames(self, duration_s: float) -> int:
        """Number of latent frames of ``duration_s`` seconds, rounded up; ValueError unless they are more than 0."""
        if not 0 < duration_s < math.inf:
            raise ValueError(f"duration_s is {duration_s}; it must be more than 0 s")
        return math.ceil(duration_s * self.sample_rate / self.hop)

    def frame_edges(self, plan: Plan) -> NDArray[np.float64]:
        """See Codec.frame_edges; the last frame may end after the music."""
        edges: NDArray[np.float64] = np.arange(self.count_frames(plan.duration) + 1) * self.hop / self.sample_rate
        return edges

    def frame_times(self, frames: int, first: int = 0) -> NDArray[np.float64]:
        """Centers of ``frames`` latent frames from ``first`` on, in seconds, shape (F,)."""
        times: NDArray[np.float64] = (np.arange(first, first + frames) + 0.5) * self.hop / self.sample_rate
        return times

    @torch.no_grad()
    def encode(self, audio: NDArray[np.float32]) -> torch.Tensor:
        """Encode stereo sound (2, N) to latents (C, ceil(N / hop)), float32 on the CPU; padded with silence.

        Raises:
            ValueError: the sound has another shape or no samples.
        """
        if audio.ndim != 2 or audio.shape[0] != self._sides or not audio.shape[1]:
            raise ValueError(f"audio must be of shape ({self._sides}, N), not {audio.shape}")
        frames = -(-audio.shape[1] // self.hop)
        whole = np.zeros((1, self._sides, frames * self.hop), np.float32)
        whole[0, :, : audio.shape[1]] = audio
        latents = torch.empty(self.channels, frames)
        for chunk in self._chunks(frames):
            part = torch.from_numpy(whole[..., chunk.first * self.hop : chunk.last * self.hop])
            encoded = self._vae.encode(self._to_device(part), return_dict=False)[0][0]
            latents[:, chunk.first + chunk.known : chunk.kept] = encoded[:, _kept_slice(chunk)].float().cpu()
        return latents

    @torch.no_grad()
    def decode(
        self, latents: torch.Tensor, samples: int, progress: Callable[[float], None] = lambda fraction: None
    ) -> NDArray[np.float32]:
        """Decode latents (B, C, F) to stereo sound (B, 2, samples) in -1..1.

        Args:
            latents: latents on any device and of any dtype.
            samples: number of samples, at most F * hop.
            progress: called with the fraction done before each chunk and at the end; its exceptions stop the work.

        Raises:
            ValueError: the latents have another shape, or give fewer samples.
        """
        if latents.ndim != 3 or latents.shape[1] != self.channels or not latents.shape[0]:
            raise ValueError(f"latents must be of shape (B, {self.channels}, F), not {tuple(latents.shape)}")
        frames = latents.shape[2]
        if not 0 < samples <= frames * self.hop:
            raise ValueError(f"{frames} latent frames hold 1 to {frames * self.hop} samples, not {samples}")
        audio = np.empty((len(latents), self._sides, frames * self.hop), np.float32)
        chunks = self._chunks(frames)
        for number, chunk in enumerate(chunks):
            progress(number / len(chunks))
            part = self._to_device(latents[..., chunk.first : chunk.last])
            decoded = self._vae.decode(part, return_dict=False)[0]
            kept = decoded[..., _kept_slice(chunk, self.hop)].float().clamp(-1, 1)
            audio[..., (chunk.first + chunk.known) * self.hop : chunk.kept * self.hop] = kept.cpu().numpy()
        progress(1.0)
        return audio[..., :samples]

    def _chunks(self, frames: int) -> list[Window]:
        return continuing_windows(frames, chunk_length(self._margin), self._margin, self._margin)

    def _to_device(self, part: torch.Tensor) -> torch.Tensor:
        return part.to(self._vae.device, self._vae.dtype)


def _kept_slice(chunk: Window, hop: int = 1) -> slice:
    return slice(chunk.known * hop, (chunk.kept - chunk.first) * hop)


def _restore_exact_frequencies(vae: AutoencoderSAME) -> None:
    """Reset the rotary frequencies to float32 where a cast of the whole network has rounded them.

    Positions are counted in the dtype of the frequencies, and bfloat16 counts only to 256.
    """
    for attention in vae.modules():
        if isinstance(attention, SAMEAttention) and attention.rope.inv_freq.dtype != torch.float32:
            attention.rope = RotaryEmbedding(attention.dim_heads // 2).to(vae.device)


def frame_rate(config: Mapping[str, Any]) -> float:
    """Latent frames per second of a configuration."""
    return float(config["sampling_rate"] / (config["patch_size"] * math.prod(config["encoder_strides"])))


def count_vae(config: Mapping[str, Any]) -> int:
    """Number of values in an AutoencoderSAME of this configuration."""
    with torch.device("meta"):
        network = AutoencoderSAME.from_config(dict(config))
    return sum(tensor.numel() for tensor in [*network.parameters(), *network.buffers()])


def decode_activations(config: Mapping[str, Any], batch: int, dtype: torch.dtype) -> int:
    """Peak of the codec while it decodes a chunk, in bytes."""
    strides, depths = config["encoder_strides"], config["encoder_transformer_depths"]
    window = chunk_length(find_margin(strides, depths, config["sliding_window"]))
    copies = max(4 + 4 * config["ff_mult"], 16.5 if config["use_differential_attention"] else 12.5)
    largest = 0
    for level, (stride, mult) in enumerate(zip(strides, config["encoder_c_mults"], strict=True)):
        tokens = window * math.prod(strides[level + 1 :]) * (stride + 1)
        held = batch * tokens * config["encoder_channels"] * mult * dtype.itemsize
        # The mask is computed from distances in int64 and two masks in bool, beside one copy of the tokens.
        masks = tokens**2 * (10 + 2 * dtype.itemsize) + 2 * held
        largest = max(largest, masks, round(tokens**2 * dtype.itemsize + copies * held))
    return largest


AUDIO_CODECS.register(
    AutoencoderSAME.__name__,
    AudioCodecEntry(
        network=AutoencoderSAME,
        open=SameCodec,
        channels_field="latent_dim",
        sides_field="audio_channels",
        frame_rate=frame_rate,
        count=count_vae,
        decode_bytes=decode_activations,
    ),
)
