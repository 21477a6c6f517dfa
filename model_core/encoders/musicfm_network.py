"""Network of MusicFM (Won, Hung and Le, 2023) in torch, and its input, log-mel frames at 100 Hz.

The network has two residual convolutions over time and mel bands, which reduce the frames to a quarter, then the first
layers of a Conformer with rotary positions. Names of weights are those of the published checkpoints.
"""

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Final

import torch
from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt, model_validator
from torch import Tensor, nn
from torch.nn import functional
from transformers import Wav2Vec2ConformerConfig
from transformers.audio_utils import mel_filter_bank
from transformers.models.wav2vec2_conformer.modeling_wav2vec2_conformer import (
    Wav2Vec2ConformerEncoderLayer,
    Wav2Vec2ConformerRotaryPositionalEmbedding,
)

from model_core.errors import ModelError

SAMPLE_RATE: Final = 24000
HOP: Final = 240
FFT: Final = 2048
"""Window length, and least number of samples of a spectrogram, since its ends are mirrored by half of this."""
_LEAST_POWER: Final = 1e-10  # -100 dB


def log_mel(mels: int, device: torch.device) -> Callable[[Tensor], Tensor]:
    """Build a function from mono audio (N,) at SAMPLE_RATE to mel bands in dB, (mels, N // HOP), both on ``device``.

    It is torchaudio's MelSpectrogram and AmplitudeToDB where torchaudio can be imported. Beside a CPU build of torch it
    cannot, and torch.stft is used instead; the results differ by less than 0.002 dB.
    """
    torchaudio = _torchaudio()
    spectrogram = _by_stft(mels, device) if torchaudio is None else _by_torchaudio(torchaudio, mels, device)

    def compute_bands(audio: Tensor) -> Tensor:
        # The authors drop the last frame, half of whose window is beyond the end.
        return spectrogram(audio)[:, :-1]

    return compute_bands


def _torchaudio() -> ModuleType | None:
    try:
        return import_module("torchaudio")
    except (ImportError, OSError):  # OSError: it is installed, but its CUDA libraries are not
        return None


def _by_torchaudio(torchaudio: ModuleType, mels: int, device: torch.device) -> Callable[[Tensor], Tensor]:
    transforms = torchaudio.transforms
    power = transforms.MelSpectrogram(sample_rate=SAMPLE_RATE, n_fft=FFT, hop_length=HOP, n_mels=mels)
    return torch.nn.Sequential(power, transforms.AmplitudeToDB()).to(device)


def _by_stft(mels: int, device: torch.device) -> Callable[[Tensor], Tensor]:
    filters = mel_filter_bank(FFT // 2 + 1, mels, 0.0, SAMPLE_RATE / 2, SAMPLE_RATE, norm=None, mel_scale="htk")
    bands = torch.from_numpy(filters).to(device, torch.float32).T
    hann = torch.hann_window(FFT, device=device)

    def compute_bands(audio: Tensor) -> Tensor:
        spectrum = torch.stft(audio, FFT, HOP, window=hann, center=True, pad_mode="reflect", return_complex=True)
        return 10 * torch.log10((bands @ spectrum.abs() ** 2).clamp(min=_LEAST_POWER))

    return compute_bands


_UNUSED: Final = re.compile(
    r"preprocessor_melspec_2048\..+|quantizer_melspec_2048_\d+\.(random_projection|codebook)|linear\.(weight|bias)"
    r"|cls_token|.+\.num_batches_tracked|conformer\.(layer_norm|pos_conv_embed|embed_positions)\..+"
)
"""Names of weights in a checkpoint that are not used: the mel filters, which are computed; weights for training only;
weights after the last layer; a positional convolution that the rotary positions replace."""
_LAYER: Final = re.compile(r"conformer\.layers\.(\d+)\..+")


class MusicFmConfig(BaseModel):
    """Sizes of the network and statistics of its input. The defaults are the published sizes.

    Attributes:
        mean, std: mean and standard deviation of the log-mel spectrogram in dB, over the training corpus.
        layers: number of Conformer layers that are run; the output of the last one is the features. The authors'
            example uses 7 of the published 12.
        mels: number of mel bands.
        channels: channels of the convolutions.
        width: length of the features.
        heads: attention heads.
        inner: width of the feed-forward layers.
        kernel: length of the Conformer's convolution in frames.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mean: float
    std: PositiveFloat
    layers: PositiveInt = 7
    mels: PositiveInt = 128
    channels: PositiveInt = 512
    width: PositiveInt = 1024
    heads: PositiveInt = 16
    inner: PositiveInt = 4096
    kernel: PositiveInt = 31

    @model_validator(mode="after")
    def _fits(self) -> "MusicFmConfig":
        if self.width % (2 * self.heads) or self.kernel % 2 == 0 or self.mels % 4:
            raise ValueError("width must be a multiple of twice heads, mels of 4, and kernel odd")
        return self


class MusicFmNetwork(nn.Module):
    """Network for inference; call ``.eval()`` first, so that batch normalization uses its trained statistics."""

    def __init__(self, config: MusicFmConfig) -> None:
        super().__init__()
        self.config = config
        self.conv = _Subsampling(config)
        self.conformer = _Conformer(config)

    def forward(self, mel: Tensor) -> Tensor:
        """Compute the features of every fourth frame.

        Args:
            mel: normalized log-mel frames, shape (B, mels, T).

        Returns:
            Features, shape (B, ceil(T / 4), width); feature i belongs to the center of frame 4 i.
        """
        features: Tensor = self.conformer(self.conv(mel))
        return features

    def load_weights(self, weights: Mapping[str, Tensor], source: str) -> None:
        """Load weights by name; unused weights of a published checkpoint are ignored.

        Raises:
            ModelError: a weight is missing, unknown or of another shape; names ``source`` and the first one.
        """
        needed = {name: value for name, value in self.state_dict().items() if not _UNUSED.fullmatch(name)}
        for name in sorted(weights):
            layer = _LAYER.fullmatch(name)
            further = layer is not None and int(layer[1]) >= self.config.layers
            if name not in needed and not further and not _UNUSED.fullmatch(name):
                raise ModelError(f"musicfm: {source}: unknown weight {name}")
        for name, value in needed.items():
            if name not in weights:
                raise ModelError(f"musicfm: {source}: weight {name} is missing")
            if weights[name].shape != value.shape:
                shapes = f"has the shape {tuple(weights[name].shape)}, not {tuple(value.shape)}"
                raise ModelError(f"musicfm: {source}: weight {name} {shapes}")
        self.load_state_dict({name: weights[name] for name in needed}, strict=False)

    def weights(self) -> dict[str, Tensor]:
        """Weights that load_weights needs, by name."""
        return {name: value.contiguous() for name, value in self.state_dict().items() if not _UNUSED.fullmatch(name)}


class _Residual(nn.Module):
    """Two convolutions that halve bands and frames, beside a third as the skip connection."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride=2, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(inputs, channels, 3, stride=2, padding=1)
        self.bn3 = nn.BatchNorm2d(channels)

    def forward(self, values: Tensor) -> Tensor:
        """(B, inputs, M, T) -> (B, channels, M / 2, ceil(T / 2))."""
        deep: Tensor = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(values)))))
        return functional.relu(deep + self.bn3(self.conv3(values)))


class _Subsampling(nn.Module):
    """Convolutions from log-mel frames to a quarter as many tokens."""

    def __init__(self, config: MusicFmConfig) -> None:
        super().__init__()
        self.conv = nn.Sequential(_Residual(1, config.channels), _Residual(config.channels, config.channels))
        self.linear = nn.Linear(config.channels * config.mels // 4, config.width)

    def forward(self, mel: Tensor) -> Tensor:
        """(B, mels, T) -> (B, ceil(T / 4), width)."""
        found: Tensor = self.conv(mel[:, None])
        tokens: Tensor = self.linear(found.permute(0, 3, 1, 2).flatten(2))
        return tokens


class _Conformer(nn.Module):
    """First layers of wav2vec2's Conformer, without the final norm."""

    def __init__(self, config: MusicFmConfig) -> None:
        super().__init__()
        # Values of facebook/wav2vec2-conformer-rope-large-960h-ft, on which the authors based their configuration.
        wav2vec2 = Wav2Vec2ConformerConfig(
            hidden_size=config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            intermediate_size=config.inner,
            conv_depthwise_kernel_size=config.kernel,
            position_embeddings_type="rotary",
            rotary_embedding_base=10000,
            hidden_act="swish",
            layer_norm_eps=1e-5,
            attn_implementation="eager",
        )
        self.embed_positions = Wav2Vec2ConformerRotaryPositionalEmbedding(wav2vec2)
        self.layers = nn.ModuleList([Wav2Vec2ConformerEncoderLayer(wav2vec2) for _ in range(config.layers)])

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, width) -> (B, T, width)."""
        positions = self.embed_positions(tokens)
        for layer in self.layers:
            tokens = layer(tokens, relative_position_embeddings=positions)
        return tokens
