"""The sync metrics on sound whose events are known: clicks at given times."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model_core.evaluation import metrics
from model_core.evaluation.metrics import Envelope

RATE = 44100
CUTS = np.array([1.33, 3.07, 4.71, 7.9, 9.46])
SECONDS = 12.0


def clicks(times: NDArray[np.float64], noise: float = 0.003) -> NDArray[np.float32]:
    """Stereo: short bursts at the times on a quiet noise floor."""
    rng = np.random.default_rng(0)
    mono = rng.normal(0, noise, int(SECONDS * RATE))
    burst = rng.normal(0, 0.5, 2000) * np.exp(-np.arange(2000) / 300)
    for time in times:
        start = int(time * RATE)
        mono[start : start + len(burst)] += burst
    return np.stack([mono, mono]).astype(np.float32)


@pytest.fixture(scope="module")
def on_the_cuts() -> Envelope:
    return metrics.onset_envelope(clicks(CUTS), RATE)


def test_the_strongest_onsets_are_the_clicks(on_the_cuts: Envelope) -> None:
    peaks = metrics.strongest_peaks(on_the_cuts, len(CUTS))
    np.testing.assert_allclose(peaks, CUTS, atol=0.03)
    assert metrics.count_hits(peaks, CUTS) == len(CUTS)
    assert metrics.f1(len(CUTS), len(peaks), len(CUTS)) == 1.0


def test_music_moved_against_the_cuts_hits_none_of_them() -> None:
    moved = metrics.onset_envelope(clicks(CUTS + 0.5), RATE)
    peaks = metrics.strongest_peaks(moved, len(CUTS))
    assert metrics.count_hits(peaks, CUTS) == 0
    assert metrics.salience_auc(moved, CUTS) < 0.7


def test_novelty_peaks_where_the_harmony_changes() -> None:
    """Held tones without any attack: the pitch class alone changes."""
    time = np.arange(int(SECONDS * RATE)) / RATE
    pitch = np.searchsorted(CUTS, time) * 4 % 12
    phase = np.cumsum(2 * np.pi * 261.6 * 2 ** (pitch / 12) / RATE)
    mono = (0.3 * np.sin(phase)).astype(np.float32)
    peaks = metrics.strongest_peaks(metrics.novelty_envelope(np.stack([mono, mono]), RATE), len(CUTS))
    assert metrics.count_hits(peaks, CUTS) == len(CUTS)


def test_the_shift_null_of_perfect_music_is_far_below_it(on_the_cuts: Envelope) -> None:
    null = metrics.circular_shift_null(on_the_cuts, CUTS, len(CUTS))
    assert len(null.hits) == 200
    assert null.hits.max() < len(CUTS)
    assert null.hits.mean() < 0.25 * len(CUTS)
    pooled = metrics.pooled_shift_null([null, null], draws=2000)
    assert metrics.p_value(2 * len(CUTS), pooled) == pytest.approx(1 / 2001)


def test_music_that_ignores_the_cuts_is_as_good_as_its_null() -> None:
    """Over many random pieces the mean hits are those of the null: the null is fair."""
    rng = np.random.default_rng(1)
    hits, chance = [], []
    for _ in range(40):
        values = np.convolve(rng.random(1200), np.hanning(9), "same")
        envelope = Envelope(values, 100.0)
        hits.append(metrics.count_hits(metrics.strongest_peaks(envelope, len(CUTS)), CUTS))
        chance.append(metrics.circular_shift_null(envelope, CUTS, len(CUTS), shifts=40).hits.mean())
    error = np.std(hits) / np.sqrt(len(hits))
    assert abs(np.mean(hits) - np.mean(chance)) < 4 * error


def test_too_short_music_has_no_shift_null() -> None:
    with pytest.raises(ValueError, match="cannot be shifted"):
        metrics.circular_shift_null(Envelope(np.ones(90), 100.0), CUTS, 3)


def test_peaks_keep_their_distance_and_the_highest_win() -> None:
    values = np.zeros(200)
    values[[50, 70, 120]] = [1.0, 2.0, 0.5]
    envelope = Envelope(values, 100.0)
    np.testing.assert_allclose(metrics.strongest_peaks(envelope, 3), [0.7, 1.2])
    np.testing.assert_allclose(metrics.strongest_peaks(envelope, 3, min_distance_s=0.2), [0.5, 0.7, 1.2])
    np.testing.assert_allclose(metrics.strongest_peaks(envelope, 1), [0.7])


def test_a_flat_envelope_has_no_peaks() -> None:
    assert len(metrics.strongest_peaks(Envelope(np.ones(100), 100.0), 3)) == 0


@pytest.mark.parametrize(
    ("peaks", "cuts", "hits"),
    [
        ([1.0, 1.05], [1.02], 1),  # two peaks may not share a cut
        ([1.0], [0.95, 1.05], 1),  # nor two cuts a peak
        ([1.0, 1.15], [0.93, 1.08], 2),
        ([1.08, 1.2], [1.0, 1.12], 2),  # taking the nearest first (1.08 with 1.12) would lose one
        ([1.1], [1.0], 1),  # exactly the tolerance
        ([1.102], [1.0], 0),
        ([], [1.0], 0),
        ([1.0], [], 0),
    ],
)
def test_matching_is_one_to_one_and_maximal(peaks: list[float], cuts: list[float], hits: int) -> None:
    assert metrics.count_hits(np.array(peaks), np.array(cuts)) == hits


def test_f1_counts_missing_and_superfluous_peaks() -> None:
    assert metrics.f1(2, 4, 2) == pytest.approx(2 / 3)
    assert metrics.f1(0, 0, 0) == 0.0


def test_salience_is_one_at_the_clicks_and_half_in_noise(on_the_cuts: Envelope) -> None:
    assert metrics.salience_auc(on_the_cuts, CUTS) > 0.93
    noise = Envelope(np.random.default_rng(3).random(60_000), 100.0)
    assert metrics.salience_auc(noise, np.linspace(1, 599, 400)) == pytest.approx(0.5, abs=0.06)
    with pytest.raises(ValueError, match="at least one cut"):
        metrics.salience_auc(on_the_cuts, np.empty(0))
