"""MusicFM against NumPy and transformers' Conformer; windows, checkpoints, and the curve made of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import Wav2Vec2ConformerConfig, Wav2Vec2ConformerModel

from model_core.encoders import musicfm
from model_core.encoders.musicfm import FRAME_RATE, MusicFm, read_musicfm, save_musicfm
from model_core.encoders.musicfm_network import FFT, SAMPLE_RATE, MusicFmConfig, MusicFmNetwork
from model_core.errors import ModelError
from tests.encoders.test_musicfm_mel import expected_mel, music
from tests.encoders.tiny import MUSICFM_SIZES, published_musicfm, tiny_musicfm, tiny_musicfm_network

Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def encoder() -> MusicFm:
    return MusicFm(tiny_musicfm_network())


def normed(values: Floats, weights: dict[str, Floats], name: str) -> Floats:
    """Batch normalisation of the first axis."""
    shape = (-1,) + (1,) * (values.ndim - 1)
    gamma, beta, mean, variance = (
        weights[f"{name}.{part}"].reshape(shape) for part in ("weight", "bias", "running_mean", "running_var")
    )
    return np.asarray(gamma * (values - mean) / np.sqrt(variance + 1e-5) + beta)


def convolved(values: Floats, weights: dict[str, Floats], name: str, stride: int) -> Floats:
    """A 3 x 3 convolution of (C, M, T) padded by one on every side."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, ((0, 0), (1, 1), (1, 1))), (3, 3), axis=(1, 2))
    kept = windows[:, ::stride, ::stride]
    found = np.einsum("cmtij,ocij->omt", kept, weights[f"{name}.weight"], optimize=True)
    return np.asarray(found + weights[f"{name}.bias"][:, None, None])


def expected_tokens(mel: Floats, weights: dict[str, Floats]) -> Floats:
    """What the convolutions give the Conformer: (M, T) -> (ceil(T / 4), width)."""
    values = mel[None]
    for block in ("conv.conv.0", "conv.conv.1"):
        inner = np.maximum(normed(convolved(values, weights, f"{block}.conv1", 2), weights, f"{block}.bn1"), 0)
        inner = normed(convolved(inner, weights, f"{block}.conv2", 1), weights, f"{block}.bn2")
        beside = normed(convolved(values, weights, f"{block}.conv3", 2), weights, f"{block}.bn3")
        values = np.maximum(inner + beside, 0)
    tokens = np.stack([values[:, :, time].reshape(-1) for time in range(values.shape[2])])  # channels, then bands
    return np.asarray(tokens @ weights["conv.linear.weight"].T + weights["conv.linear.bias"])


def conformer_states(tokens: Floats, network: MusicFmNetwork, layers: int, depth: int) -> list[Floats]:
    """Hidden states of transformers' whole model of ``depth`` layers, of which the first are those of the network."""
    sizes = network.config
    config = Wav2Vec2ConformerConfig(
        hidden_size=sizes.width, num_hidden_layers=depth, num_attention_heads=sizes.heads,
        intermediate_size=sizes.inner, conv_depthwise_kernel_size=sizes.kernel, position_embeddings_type="rotary",
        hidden_act="swish", num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2, mask_time_prob=0.0,
    )  # fmt: skip
    whole = Wav2Vec2ConformerModel(config).encoder.eval()
    for number in range(layers):
        whole.layers[number].load_state_dict(network.conformer.layers[number].state_dict())
    states: list[Floats] = []
    for layer in whole.layers:
        layer.register_forward_hook(lambda module, args, output: states.append(output[0].double().numpy()))
    with torch.no_grad():
        whole(torch.from_numpy(tokens).float()[None])
    return states


@pytest.mark.parametrize("frames", [40, 41, 43])
def test_features_are_those_of_the_second_layer_of_transformers_conformer(frames: int) -> None:
    network = tiny_musicfm_network()
    mel = np.random.default_rng(frames).normal(size=(MUSICFM_SIZES["mels"], frames))
    weights = {name: value.double().numpy() for name, value in network.state_dict().items()}
    tokens = expected_tokens(mel, weights)
    assert len(tokens) == -(-frames // 4)
    states = conformer_states(tokens, network, layers=2, depth=4)
    with torch.no_grad():
        found = network(torch.from_numpy(mel).float()[None])[0].numpy()
    np.testing.assert_allclose(found, states[1], atol=2e-4)
    assert np.abs(found - states[2]).max() > 0.1


def test_the_input_is_normalised_by_the_corpus_statistics(encoder: MusicFm) -> None:
    audio = music(1.0)
    mel = (expected_mel(audio, MUSICFM_SIZES["mels"]) + 20.0) / 25.0
    with torch.no_grad():
        expected = tiny_musicfm_network()(torch.from_numpy(mel).float()[None])[0].numpy()
    features, times = encoder.embed(audio, SAMPLE_RATE)
    np.testing.assert_allclose(features, expected, atol=1e-3)
    np.testing.assert_allclose(times, np.arange(25) / FRAME_RATE)
    np.testing.assert_array_equal(encoder.embed(np.stack([audio, audio]), SAMPLE_RATE)[0], features)


def test_published_sizes_are_the_default() -> None:
    with torch.device("meta"):
        network = MusicFmNetwork(MusicFmConfig(mean=0.0, std=1.0))
    weights = network.weights()
    assert len(network.conformer.layers) == 7
    assert weights["conv.linear.weight"].shape == (1024, 512 * 128 // 4)
    assert weights["conformer.layers.6.ffn2.intermediate_dense.weight"].shape == (4096, 1024)
    assert weights["conformer.layers.6.conv_module.depthwise_conv.weight"].shape == (1024, 1, 31)
    assert network.conformer.embed_positions.inv_freq.shape == (1024 // 16 // 2,)


@pytest.mark.parametrize(
    ("seconds", "parts"),
    [
        (1.99, [(0, 0, 50)]),
        (2.0, [(0, 0, 50)]),
        (2.02, [(0, 0, 25), (1, 25, 51)]),
        (3.6, [(0, 0, 45), (40, 45, 90)]),
        (6.03, [(0, 0, 45), (40, 45, 85), (80, 85, 115), (101, 115, 151)]),
    ],
)
def test_long_audio_is_heard_in_windows_cut_in_the_middle_of_their_overlaps(
    encoder: MusicFm, monkeypatch: pytest.MonkeyPatch, seconds: float, parts: list[tuple[int, int, int]]
) -> None:
    monkeypatch.setattr(musicfm, "WINDOW", 50)
    monkeypatch.setattr(musicfm, "OVERLAP", 10)
    audio = music(seconds)
    features, times = encoder.embed(audio, SAMPLE_RATE)
    assert len(features) == len(times) == parts[-1][2]
    for start, first, last in parts:
        alone, _ = encoder.embed(audio[960 * start : 960 * (start + 50)], SAMPLE_RATE)
        np.testing.assert_allclose(features[first:last], alone[first - start : last - start], atol=1e-5)


def test_a_window_is_what_the_network_was_trained_on() -> None:
    assert musicfm.WINDOW * 960 == 30 * SAMPLE_RATE


@pytest.mark.parametrize("rate", [SAMPLE_RATE, 44100])
def test_changes_of_pitch_are_the_peaks(encoder: MusicFm, rate: int) -> None:
    changes = [1.5, 3.2, 5.0]
    time = np.arange(7 * rate) / rate
    pitch = 220 * 2 ** (np.searchsorted(changes, time, side="right") * 7 / 12)
    tones = (0.3 * np.sin(2 * np.pi * np.cumsum(pitch) / rate)).astype(np.float32)
    curve = encoder.curve(np.stack([tones, tones]), rate)
    assert (curve.encoder, curve.window) == ("musicfm", 0.2)
    np.testing.assert_allclose(curve.peaks().times, changes, atol=0.1)


@pytest.mark.parametrize("samples", [1, 239, 1500, FFT + 1])
def test_a_moment_of_audio_still_gives_a_curve(encoder: MusicFm, samples: int) -> None:
    assert np.isfinite(encoder.curve(music(1.0)[:samples], SAMPLE_RATE).values).all()


def test_a_published_checkpoint_is_read_and_kept(encoder: MusicFm, tmp_path: Path) -> None:
    audio = music(1.0)
    expected, _ = encoder.embed(audio, SAMPLE_RATE)
    checkpoint = published_musicfm(tmp_path / "published")
    for source in (checkpoint, checkpoint.parent):
        network = read_musicfm(source, MUSICFM_SIZES)
        assert (network.config.mean, network.config.std) == (-20.0, 25.0)
        np.testing.assert_array_equal(MusicFm(network).embed(audio, SAMPLE_RATE)[0], expected)
    save_musicfm(network, tmp_path / "kept")
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["config.json", "model.safetensors"]
    np.testing.assert_array_equal(MusicFm.load(tmp_path / "kept").embed(audio, SAMPLE_RATE)[0], expected)


LAYER = "model.conformer.layers"


@pytest.mark.parametrize(
    ("taken", "given", "words"),
    [
        (f"{LAYER}.1.ffn1.output_dense.bias", {}, r"weight conformer\.layers\.1\.ffn1\.output_dense\.bias is missing"),
        ("model.conv.conv.0.bn1.running_var", {}, r"weight conv\.conv\.0\.bn1\.running_var is missing"),
        (None, {f"{LAYER}.0.adapter": torch.zeros(1)}, r"unknown weight conformer\.layers\.0\.adapter"),
        (None, {"model.decoder.bias": torch.zeros(1)}, r"unknown weight decoder\.bias"),
        (None, {"ema.conv.linear.bias": torch.zeros(32)}, r"unknown weight ema\.conv\.linear\.bias"),
        (None, {"model.conv.linear.bias": torch.zeros(31)}, r"conv\.linear\.bias has the shape \(31,\), not \(32,\)"),
    ],
)
def test_a_weight_that_does_not_fit_is_named(
    tmp_path: Path, taken: str | None, given: dict[str, torch.Tensor], words: str
) -> None:
    path = published_musicfm(tmp_path)
    weights = torch.load(path, weights_only=True)["state_dict"]
    kept = {name: value for name, value in weights.items() if name != taken}
    torch.save({"state_dict": {**kept, **given}}, path)
    with pytest.raises(ModelError, match=words) as caught:
        read_musicfm(path, MUSICFM_SIZES)
    assert str(path) in str(caught.value)


class Sprung:
    """What a hostile checkpoint would do when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("sprung",))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be read as weights"),
        (b"<html>", "cannot be read as weights"),
        ({"state_dict": Sprung()}, "cannot be read as weights"),
        ({"weights": {}}, "holds no state_dict of tensors"),
        ({"state_dict": {"model.epoch": 3}}, "holds no state_dict of tensors"),
        ([], "holds no state_dict of tensors"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused_and_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: Any, words: str
) -> None:
    path = published_musicfm(tmp_path)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(ModelError, match=words) as caught:
        read_musicfm(path, MUSICFM_SIZES)
    assert "\n" not in str(caught.value)
    assert "sprung" not in capsys.readouterr().out


def test_a_folder_without_what_is_needed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no config\.json and no pretrained_\*\.pt"):
        read_musicfm(tmp_path)
    path = published_musicfm(tmp_path)
    (tmp_path / "msd_stats.json").write_text('{"melspec_2048_mean": 1.0}')
    with pytest.raises(ModelError, match=r"msd_stats\.json: melspec_2048_std is missing"):
        read_musicfm(path)
    (tmp_path / "msd_stats.json").unlink()
    with pytest.raises(ModelError, match=r"msd_stats\.json cannot be read"):
        read_musicfm(path)
    (tmp_path / "pretrained_fma.pt").touch()
    with pytest.raises(ModelError, match=r"holds pretrained_fma\.pt, pretrained_msd\.pt; give one"):
        read_musicfm(tmp_path)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model_type": "musicfm-large"}, "model_type is musicfm-large, not musicfm"),
        ({"std": 0.0}, "config.json: std Input should be greater than 0"),
        ({"dropout": 0.1}, "config.json: dropout Extra inputs are not permitted"),
        ({"heads": 3}, "width must be a multiple of twice heads"),
        ({"layers": 3}, r"weight conformer\.layers\.2\..* is missing"),
    ],
)
def test_a_kept_folder_that_was_changed_is_refused(tmp_path: Path, fields: dict[str, Any], words: str) -> None:
    folder = tiny_musicfm(tmp_path / "kept")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **fields}))
    with pytest.raises(ModelError, match=words) as caught:
        read_musicfm(folder)
    assert "\n" not in str(caught.value)
