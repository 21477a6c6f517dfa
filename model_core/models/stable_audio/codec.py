"""Long music in chunks that overlap by as much as the network sees, so that the joined whole is as if made at once.

A layer of SAME lets a token see ``sliding_window`` segments to either side. A segment is one frame of what goes into a
level of the decoder or comes out of one of the encoder: a latent at the last level, a part of one at those before it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
import torch
from diffusers import AutoencoderSAME
from diffusers.models.autoencoders.autoencoder_same import RotaryEmbedding, SAMEAttention
from numpy.typing import NDArray

from model_core.plan.plan import Plan

_MARGINS: Final = 10
_MULTIPLE: Final = 8  # as many tokens are a multiple of eight, as the attention's kernels like it


@dataclass(frozen=True)
class Chunk:
    """One pass over the latent frames first .. last - 1, of which kept_first .. kept_last - 1 are right."""

    first: int
    last: int
    kept_first: int
    kept_last: int


def find_margin(strides: Sequence[int], depths: Sequence[int], sliding_window: int) -> int:
    """How many latent frames to either side a frame sees, through all layers; the same in encoder and decoder.

    ``strides`` and ``depths`` (layers) are the encoder's, level by level. Positions do not widen it: they are relative.
    """
    reach = Fraction(0)
    for level, depth in enumerate(depths):
        reach += Fraction(depth * sliding_window, math.prod(strides[level + 1 :]))
    return math.ceil(reach)


def chunk_length(margin: int) -> int:
    """Latent frames of a chunk, margins included."""
    # 17 tokens a latent: SAME-L (margin 12, width 1536) is cheapest at 117 frames, SAME-S (6, 768) at 59, each at 1.7
    # times the linear layers' least; in shorter chunks margins weigh more, in longer ones the band's square mask does.
    return max(1, -(-_MARGINS * margin // _MULTIPLE)) * _MULTIPLE


def split_into_chunks(frames: int, window: int, margin: int) -> list[Chunk]:
    """Chunks whose kept parts cover ``frames`` frames one after the other; equally long when there are several.

    Raises:
        ValueError: a chunk would be nothing but margins.
    """
    if window <= 2 * margin:
        raise ValueError(f"chunks of {window} frames are nothing but their margins of {margin}")
    if frames <= window:
        return [Chunk(0, frames, 0, frames)]
    made = [Chunk(0, window, 0, window - margin)]
    while (there := made[-1].kept_last) < frames:
        first = min(there - margin, frames - window)
        last = first + window
        made.append(Chunk(first, last, there, frames if last == frames else last - margin))
    return made


class SameCodec:
    """Latents (C, F) at ``frame_rate`` frames a second <-> stereo sound.

    diffusers' encode and decode make a mask of all tokens by all tokens, 9.7 GB for 380 s in bfloat16 and several times
    that while it is made. Here they run on chunks, with the same result.

    Attributes:
        sample_rate: Hz.
        hop: samples of a latent frame.
        channels: C.
        frame_rate: latent frames a second.
    """

    def __init__(self, vae: AutoencoderSAME) -> None:
        """Works on the vae's device and in its dtype; keeps its positions in float32, see _count_exactly."""
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
        _count_exactly(vae)

    def frames_of(self, duration_s: float) -> int:
        """Latent frames of so many seconds, the last one perhaps in part; ValueError unless they are more than 0."""
        if not 0 < duration_s < math.inf:
            raise ValueError(f"a duration is more than 0 s, not {duration_s}")
        return math.ceil(duration_s * self.sample_rate / self.hop)

    def frame_edges(self, plan: Plan) -> NDArray[np.float64]:
        """See Codec.frame_edges; the last frame may reach beyond the end of the music."""
        edges: NDArray[np.float64] = np.arange(self.frames_of(plan.duration) + 1) * self.hop / self.sample_rate
        return edges

    def frame_times(self, frames: int, first: int = 0) -> NDArray[np.float64]:
        """Centers in seconds of so many latent frames from the ``first`` on, shape (F,)."""
        times: NDArray[np.float64] = (np.arange(first, first + frames) + 0.5) * self.hop / self.sample_rate
        return times

    @torch.no_grad()
    def encode(self, audio: NDArray[np.float32]) -> torch.Tensor:
        """Latents (C, ceil(N / hop)) of stereo sound (2, N), float32 on the CPU; the last frame is filled with silence.

        Raises:
            ValueError: the sound has another shape, or no sample.
        """
        if audio.ndim != 2 or audio.shape[0] != self._sides or not audio.shape[1]:
            raise ValueError(f"audio must be of shape ({self._sides}, N), not {audio.shape}")
        frames = -(-audio.shape[1] // self.hop)
        whole = np.zeros((1, self._sides, frames * self.hop), np.float32)
        whole[0, :, : audio.shape[1]] = audio
        latents = torch.empty(self.channels, frames)
        for chunk in self._chunks(frames):
            part = torch.from_numpy(whole[..., chunk.first * self.hop : chunk.last * self.hop])
            encoded = self._vae.encode(self._there(part), return_dict=False)[0][0]
            latents[:, chunk.kept_first : chunk.kept_last] = encoded[:, _kept(chunk)].float().cpu()
        return latents

    @torch.no_grad()
    def decode(
        self, latents: torch.Tensor, samples: int, progress: Callable[[float], None] = lambda fraction: None
    ) -> NDArray[np.float32]:
        """Stereo sound (B, 2, samples) in -1..1 of latents (B, C, F).

        Args:
            latents: of any device and dtype.
            samples: of the result; at most F * hop.
            progress: called before each chunk and at the end with the fraction done; what it raises stops the work.

        Raises:
            ValueError: the latents have another shape, or do not hold so many samples.
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
            part = self._there(latents[..., chunk.first : chunk.last])
            decoded = self._vae.decode(part, return_dict=False)[0]
            kept = decoded[..., _kept(chunk, self.hop)].float().clamp(-1, 1)
            audio[..., chunk.kept_first * self.hop : chunk.kept_last * self.hop] = kept.cpu().numpy()
        progress(1.0)
        return audio[..., :samples]

    def _chunks(self, frames: int) -> list[Chunk]:
        return split_into_chunks(frames, chunk_length(self._margin), self._margin)

    def _there(self, part: torch.Tensor) -> torch.Tensor:
        return part.to(self._vae.device, self._vae.dtype)


def _kept(chunk: Chunk, hop: int = 1) -> slice:
    return slice((chunk.kept_first - chunk.first) * hop, (chunk.kept_last - chunk.first) * hop)


def _count_exactly(vae: AutoencoderSAME) -> None:
    """Put the rotary frequencies back to float32 where a cast of the whole network has rounded them.

    Positions of tokens are counted in their dtype, and bfloat16 counts to 256: from there on neighbors share one.
    """
    for attention in vae.modules():
        if isinstance(attention, SAMEAttention) and attention.rope.inv_freq.dtype != torch.float32:
            attention.rope = RotaryEmbedding(attention.dim_heads // 2).to(vae.device)
