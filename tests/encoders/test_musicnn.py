"""musicnn in torch against NumPy, librosa and what its tags say of instruments; the curve made of it."""

import librosa
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from safetensors.numpy import load_file

from model_core.assets import asset
from model_core.encoders import musicnn
from model_core.encoders.musicnn import (
    FEATURES,
    MELS,
    SAMPLE_RATE,
    SHIPPED,
    TAG_NAMES,
    TAGS,
    Musicnn,
    log_mel,
    mel_bands,
)
from model_core.models.score.codec.notes import Note
from model_core.models.score.render.synth import render_stems

Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def encoder() -> Musicnn:
    return Musicnn()


@pytest.fixture(scope="module")
def weights() -> dict[str, Floats]:
    return {name: values.astype(np.float64) for name, values in load_file(asset(SHIPPED)).items()}


def normed(values: Floats, weights: dict[str, Floats], name: str) -> Floats:
    """Batch normalisation of the last axis."""
    gamma, beta, mean, variance = (
        weights[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
    )
    return gamma * (values - mean) / np.sqrt(variance + 1e-3) + beta


def convolved(values: Floats, weights: dict[str, Floats], name: str) -> Floats:
    """(T, W) with filters (C, T', W') -> relu and norm of (T, W - W' + 1, C); TensorFlow's padding of an even T'."""
    kernel, bias = weights[f"{name}.convolution.weight"], weights[f"{name}.convolution.bias"]
    kernel = kernel[:, 0] if kernel.ndim == 4 else kernel.transpose(0, 2, 1)
    frames = kernel.shape[1]
    padded = np.pad(values, (((frames - 1) // 2, frames // 2), (0, 0)))
    windows = sliding_window_view(padded, kernel.shape[1:])
    return normed(
        np.maximum(np.einsum("twij,cij->twc", windows, kernel, optimize=True) + bias, 0), weights, f"{name}.norm"
    )


def expected(mel: Floats, weights: dict[str, Floats]) -> tuple[Floats, Floats]:
    """Features (T, 753) and tags (50,) of log-mel frames (T, 96)."""
    scaled = normed(mel[..., None], weights, "norm")[..., 0]
    blocks = ["timbral.0", "timbral.1", "temporal.0", "temporal.1", "temporal.2"]
    front = np.concatenate([convolved(scaled, weights, block).max(axis=1) for block in blocks], axis=1)
    first = convolved(front, weights, "middle.0")[:, 0]
    second = convolved(first, weights, "middle.1")[:, 0] + first
    third = convolved(second, weights, "middle.2")[:, 0] + second
    features = np.concatenate([front, first, second, third], axis=1)
    pooled = np.stack([features.max(axis=0), features.mean(axis=0)], axis=1).reshape(-1)
    hidden = weights["dense.weight"] @ normed(pooled, weights, "pooled_norm") + weights["dense.bias"]
    logits = weights["output.weight"] @ normed(np.maximum(hidden, 0), weights, "dense_norm") + weights["output.bias"]
    return features, 1 / (1 + np.exp(-logits))


def music(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """Tones and clicks that are never the same twice, at SAMPLE_RATE."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    audio = np.zeros(len(time))
    for start in np.arange(0, seconds, 0.25):
        since = np.maximum(time - start, 0)
        audio += (time >= start) * np.exp(-8 * since) * np.sin(2 * np.pi * rng.uniform(100, 2000) * since)
    return (0.2 * audio + 0.001 * rng.normal(size=len(time))).astype(np.float32)


def played(role: str, program: int, pitches: list[list[int]], beat: float) -> NDArray[np.float32]:
    """Six seconds of chords or hits in turn, mono, at 44.1 kHz."""
    notes = [
        Note(role, pitch, 0.7, number * beat, (number + 0.9) * beat, program)
        for number in range(round(6 / beat))
        for pitch in pitches[number % len(pitches)]
    ]
    return np.asarray(render_stems(notes, 6.0, 44100)[role].mean(axis=0), np.float32)


def test_features_and_tags_are_what_numpy_computes(encoder: Musicnn, weights: dict[str, Floats]) -> None:
    audio = music(187 * 256 / SAMPLE_RATE)[:-1]
    mel = log_mel(audio, SAMPLE_RATE).astype(np.float64)
    assert mel.shape == (187, MELS)
    _, tags = expected(mel, weights)
    assert list(encoder.tags(audio, SAMPLE_RATE).values()) == pytest.approx(tags.tolist(), abs=1e-4)
    # embed repeats the frames at the ends instead of leaving nothing there, and averages two and two.
    features, _ = expected(np.pad(mel, ((100, 101), (0, 0)), mode="edge"), weights)
    pairs = features[100:-100].reshape(94, 2, FEATURES).mean(axis=1)
    found, times = encoder.embed(audio, SAMPLE_RATE)
    np.testing.assert_allclose(found, pairs, atol=2e-3)
    np.testing.assert_allclose(times, 0.008 + 0.032 * np.arange(94))


def test_the_mel_spectrum_is_librosas() -> None:
    np.testing.assert_allclose(mel_bands(), librosa.filters.mel(sr=SAMPLE_RATE, n_fft=512, n_mels=MELS).T, atol=1e-7)
    audio = music(20.0)
    power = librosa.feature.melspectrogram(
        y=audio, sr=SAMPLE_RATE, n_fft=512, hop_length=256, n_mels=MELS, pad_mode="reflect"
    ).T
    np.testing.assert_allclose(log_mel(audio, SAMPLE_RATE), np.log10(10000 * power + 1), atol=1e-4)


def test_features_are_the_same_each_time_and_in_blocks_of_any_size(
    encoder: Musicnn, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = music(5.0)
    whole, _ = encoder.embed(audio, SAMPLE_RATE)
    np.testing.assert_array_equal(encoder.embed(audio, SAMPLE_RATE)[0], whole)
    monkeypatch.setattr(musicnn, "_BLOCK", 64)
    np.testing.assert_allclose(encoder.embed(audio, SAMPLE_RATE)[0], whole, atol=1e-3)


def test_tags_tell_instruments_apart(encoder: Musicnn) -> None:
    """Among three instruments of the product's own bank each is the one that its tag fits best."""
    chords = [[48, 60, 64, 67], [45, 57, 60, 64], [41, 57, 60, 65], [43, 59, 62, 67]]
    sounds = {
        "piano": played("chords", 0, chords, 0.5),
        "strings": played("chords", 48, chords, 1.5),
        "drums": played("drums", 0, [[36, 42], [42], [38, 42], [42]], 0.25),
    }
    tags = {name: encoder.tags(audio, 44100) for name, audio in sounds.items()}
    for name in sounds:
        assert max(sounds, key=lambda sound: tags[sound][name]) == name
    assert tags["drums"]["beat"] > tags["strings"]["beat"]
    assert tags["strings"]["violin"] > tags["drums"]["violin"]


def test_tags_of_a_short_sound_and_of_silence_are_probabilities(encoder: Musicnn) -> None:
    assert len(set(TAG_NAMES)) == TAGS
    for audio in (music(0.5), np.zeros(100, np.float32)):
        found = encoder.tags(audio, SAMPLE_RATE)
        assert tuple(found) == TAG_NAMES
        assert all(0 < probability < 1 for probability in found.values())


@pytest.mark.parametrize("rate", [SAMPLE_RATE, 22050, 44100])
def test_changes_of_pitch_are_the_peaks(encoder: Musicnn, rate: int) -> None:
    changes = [1.5, 3.2, 5.0]
    time = np.arange(7 * rate) / rate
    pitch = 220 * 2 ** (np.searchsorted(changes, time, side="right") * 7 / 12)
    tones = (0.3 * np.sin(2 * np.pi * np.cumsum(pitch) / rate)).astype(np.float32)
    curve = encoder.curve(np.stack([tones, tones]), rate)
    assert curve.encoder == "musicnn"
    np.testing.assert_allclose(curve.peaks().times, changes, atol=0.06)


def test_near_silence_makes_no_events(encoder: Musicnn) -> None:
    noise = np.random.default_rng(0).normal(0, 1e-5, 4 * SAMPLE_RATE).astype(np.float32)
    assert len(encoder.curve(noise, SAMPLE_RATE).peaks()) == 0


def test_less_than_a_frame_of_audio_still_gives_a_curve(encoder: Musicnn) -> None:
    assert np.isfinite(encoder.curve(np.zeros(100, np.float32), SAMPLE_RATE).values).all()
