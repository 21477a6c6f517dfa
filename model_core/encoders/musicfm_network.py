"""Network of MusicFM (Won, Hung and Le, 2023) in torch, and the log-mel spectrogram that it takes as input.

Two residual convolutions over time and mel bands, then the first layers of a Conformer with rotary positions. The names
of its weights are those of the published checkpoints.
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

_LEFT: Final = re.compile(
    r"preprocessor_melspec_2048\..+|quantizer_melspec_2048_\d+\.(random_projection|codebook)|linear\.(weight|bias)"
    r"|cls_token|.+\.num_batches_tracked|conformer\.(layer_norm|pos_conv_embed|embed_positions)\..+"
)
"""Names of what a checkpoint holds besides: the mel filters, which are computed; what the training alone needed; what
comes after the last layer; a positional convolution that the rotary positions stand in for."""
_LAYER: Final = re.compile(r"conformer\.layers\.(\d+)\..+")


class MusicFmConfig(BaseModel):
    """Sizes of the network and statistics of its input. The defaults are the published sizes.

    Attributes:
        mean: of the log-mel spectrogram, in dB, over the corpus that the network was trained on.
        std: its standard deviation.
        layers: of the Conformer that are run; the features are what the last of them gives. Of the published twelve, 7
            is what the authors' own example takes.
        mels: bands of the input.
        channels: of the convolutions.
        width: of the features.
        heads: of the attention.
        inner: width of the feed-forward layers.
        kernel: frames of the Conformer's convolution.
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
    """For inference: batch normalisation uses what it learnt only after `.eval()`."""

    def __init__(self, config: MusicFmConfig) -> None:
        super().__init__()
        self.config = config
        self.conv = _Subsampling(config)
        self.conformer = _Conformer(config)

    def forward(self, mel: Tensor) -> Tensor:
        """Features of every fourth frame.

        Args:
            mel: normalised log-mel frames, shape (B, mels, T).

        Returns:
            Shape (B, ceil(T / 4), width). The i-th stands at the centre of frame 4 i.
        """
        features: Tensor = self.conformer(self.conv(mel))
        return features

    def take(self, weights: Mapping[str, Tensor], source: str) -> None:
        """Load weights by name; what a published checkpoint holds besides is left.

        Raises:
            ModelError: naming ``source`` and the first weight that is missing, unknown or of another shape.
        """
        needed = {name: value for name, value in self.state_dict().items() if not _LEFT.fullmatch(name)}
        for name in sorted(weights):
            layer = _LAYER.fullmatch(name)
            further = layer is not None and int(layer[1]) >= self.config.layers
            if name not in needed and not further and not _LEFT.fullmatch(name):
                raise ModelError(f"musicfm: {source}: unknown weight {name}")
        for name, value in needed.items():
            if name not in weights:
                raise ModelError(f"musicfm: {source}: weight {name} is missing")
            if weights[name].shape != value.shape:
                shapes = f"has the shape {tuple(weights[name].shape)}, not {tuple(value.shape)}"
                raise ModelError(f"musicfm: {source}: weight {name} {shapes}")
        self.load_state_dict({name: weights[name] for name in needed}, strict=False)

    def weights(self) -> dict[str, Tensor]:
        """What `take` needs, by name."""
        return {name: value.contiguous() for name, value in self.state_dict().items() if not _LEFT.fullmatch(name)}


class _Residual(nn.Module):
    """Two convolutions that halve bands and frames, and a third that does so beside them."""

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
    """Log-mel frames to a quarter as many tokens."""

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
    """The first layers of wav2vec2's Conformer, without the norm that follows its last."""

    def __init__(self, config: MusicFmConfig) -> None:
        super().__init__()
        # What facebook/wav2vec2-conformer-rope-large-960h-ft says, from which the authors took their configuration.
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
        """(B, T, width) -> the same."""
        positions = self.embed_positions(tokens)
        for layer in self.layers:
            tokens = layer(tokens, relative_position_embeddings=positions)
        return tokens


SAMPLE_RATE: Final = 24000
HOP: Final = 240
FFT: Final = 2048
"""Also the fewest samples that a spectrogram can be made of: its ends are mirrored by half of this."""
_LEAST_POWER: Final = 1e-10  # -100 dB


def log_mel(mels: int, device: torch.device) -> Callable[[Tensor], Tensor]:
    """A function from mono audio (N,) at SAMPLE_RATE to its mel bands in dB, (mels, N // HOP); both on ``device``.

    By torchaudio where it can be imported. It cannot next to a CPU build of torch, so that there the same is made from
    torch.stft; the two differ by less than 0.002 dB.
    """
    torchaudio = _torchaudio()
    spectrogram = _plain(mels, device) if torchaudio is None else _by_torchaudio(torchaudio, mels, device)

    def made(audio: Tensor) -> Tensor:
        # The authors leave out the last frame, whose window hangs half over the end.
        return spectrogram(audio)[:, :-1]

    return made


def _torchaudio() -> ModuleType | None:
    try:
        return import_module("torchaudio")
    except (ImportError, OSError):  # OSError: it is there, and its CUDA libraries are not
        return None


def _by_torchaudio(torchaudio: ModuleType, mels: int, device: torch.device) -> Callable[[Tensor], Tensor]:
    transforms = torchaudio.transforms
    power = transforms.MelSpectrogram(sample_rate=SAMPLE_RATE, n_fft=FFT, hop_length=HOP, n_mels=mels)
    return torch.nn.Sequential(power, transforms.AmplitudeToDB()).to(device)


def _plain(mels: int, device: torch.device) -> Callable[[Tensor], Tensor]:
    filters = mel_filter_bank(FFT // 2 + 1, mels, 0.0, SAMPLE_RATE / 2, SAMPLE_RATE, norm=None, mel_scale="htk")
    bands = torch.from_numpy(filters).to(device, torch.float32).T
    hann = torch.hann_window(FFT, device=device)

    def made(audio: Tensor) -> Tensor:
        spectrum = torch.stft(audio, FFT, HOP, window=hann, center=True, pad_mode="reflect", return_complex=True)
        return 10 * torch.log10((bands @ spectrum.abs() ** 2).clamp(min=_LEAST_POWER))

    return made
