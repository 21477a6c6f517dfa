"""Encoders of the published classes, random and small, in the layouts in which the weights are published."""

import json
from pathlib import Path
from typing import Final

import torch
from torch import Tensor
from transformers import Dinov2Config, Dinov2Model

from model_core.encoders.musicfm import save_musicfm
from model_core.encoders.musicfm_network import MusicFmConfig, MusicFmNetwork

MUSICFM_SIZES: Final = {
    "layers": 2, "mels": 16, "channels": 4, "width": 32, "heads": 2, "inner": 48, "kernel": 7
}  # fmt: skip


def tiny_dinov2(folder: Path, *, image_size: int = 42, seed: int = 0) -> Path:
    """A DINOv2 as transformers saves it; like the published ones it was made for pictures of another size than 224."""
    torch.manual_seed(seed)
    config = Dinov2Config(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=image_size, patch_size=14
    )
    network = Dinov2Model(config)
    liven(network)
    network.save_pretrained(folder)
    return folder


def tiny_musicfm_network(seed: int = 0) -> MusicFmNetwork:
    """MusicFM whose every weight does something."""
    torch.manual_seed(seed)
    network = MusicFmNetwork(MusicFmConfig(mean=-20.0, std=25.0, **MUSICFM_SIZES))
    liven(network)
    return network.eval()


def tiny_musicfm(folder: Path, seed: int = 0) -> Path:
    """The same, in a folder as `save_musicfm` writes it."""
    save_musicfm(tiny_musicfm_network(seed), folder)
    return folder


def published_musicfm(folder: Path, seed: int = 0) -> Path:
    """The same as a checkpoint in the form of the authors', with all that theirs holds besides; returns its path."""
    network = tiny_musicfm_network(seed)
    weights: dict[str, Tensor] = dict(network.state_dict())
    further = {name.replace("layers.0", "layers.2"): value for name, value in weights.items() if "layers.0" in name}
    width = MUSICFM_SIZES["width"]
    besides = {
        "preprocessor_melspec_2048.mel_stft.spectrogram.window": torch.hann_window(2048),
        "preprocessor_melspec_2048.mel_stft.mel_scale.fb": torch.zeros(1025, 16),
        "quantizer_melspec_2048_0.random_projection": torch.zeros(64, 16),
        "quantizer_melspec_2048_0.codebook": torch.zeros(32, 16),
        "conformer.pos_conv_embed.conv.bias": torch.zeros(width),
        "conformer.pos_conv_embed.conv.weight_g": torch.zeros(1, 1, 128),
        "conformer.pos_conv_embed.conv.weight_v": torch.zeros(width, 2, 128),
        "conformer.layer_norm.weight": torch.ones(width),
        "conformer.layer_norm.bias": torch.zeros(width),
        "linear.weight": torch.zeros(32, width),
        "linear.bias": torch.zeros(32),
        "cls_token": torch.zeros(width),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pretrained_msd.pt"
    torch.save(
        {"state_dict": {f"model.{name}": value for name, value in {**weights, **further, **besides}.items()}}, path
    )
    stats = {"melspec_2048_mean": -20.0, "melspec_2048_std": 25.0, "chromagram_mean": 0.1}
    (folder / "msd_stats.json").write_text(json.dumps(stats))
    return path


def liven(network: torch.nn.Module) -> None:
    """No weight is left at zero or one, nor any running statistic."""
    with torch.no_grad():
        for name, value in [*network.named_parameters(), *network.named_buffers()]:
            if value.is_floating_point() and not name.endswith("inv_freq"):
                if name.endswith("running_var"):
                    value.uniform_(0.5, 2.0)
                elif value.ndim < 2:
                    value.add_(torch.randn_like(value) * 0.2)
                else:
                    value.normal_(std=value[0].numel() ** -0.5)
