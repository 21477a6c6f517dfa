"""Measures of sync between sound and picture: pure functions of times in seconds and envelopes.

Each docstring names the weaknesses of its measure. Measures from papers keep their definitions: the beat alignment of
AIST++ and Bailando, and the AV-Align of TempoTokens.
"""

from typing import Final

import mir_eval.util
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from model_core.sync.sound import Envelope

Floats = NDArray[np.float64]

HIT_TOLERANCE_S: Final = 0.1
REACH_S: Final = 0.08
BEAT_SIGMA_S: Final = 0.05
"""AIST++'s sigma: 3 frames at 60 a second."""
TEMPO_TOLERANCE: Final = 0.04
OCTAVES: Final = (1.0, 2.0, 0.5, 3.0, 1 / 3)
_SLACK_S: Final = 1e-9  # so that a distance of exactly the tolerance counts, despite rounding


def match_times(reference: Floats, estimated: Floats, tolerance_s: float) -> list[tuple[int, int]]:
    """Find the largest one-to-one matching of times within the tolerance, inclusive.

    Returns:
        Pairs of indices, (reference, estimated).

    Raises:
        ValueError: the tolerance is negative.
    """
    if tolerance_s < 0:
        raise ValueError(f"tolerance_s is {tolerance_s}; it must be 0 or more")
    if not len(reference) or not len(estimated):
        return []
    found: list[tuple[int, int]] = mir_eval.util.match_events(reference, estimated, tolerance_s + _SLACK_S)
    return found


def count_matches(reference: Floats, estimated: Floats, tolerance_s: float) -> int:
    """Number of pairs that match_times finds."""
    return len(match_times(reference, estimated, tolerance_s))


def f1(hits: int, estimated: int, reference: int) -> float:
    """Harmonic mean of hits / estimated and hits / reference; 0 when both are 0."""
    return 2 * hits / (estimated + reference) if estimated + reference else 0.0


def cut_hit_f1(events: Floats, peaks: Floats, tolerance_s: float = HIT_TOLERANCE_S) -> float:
    """F1 of the strongest peaks of the sound against the events of the picture.

    With as many peaks as events, a dense groove has no advantage: it has to be loudest at the right times. The chance
    level is about 2 * tolerance * events / duration; the null of circular shifts measures it.
    """
    return f1(count_matches(events, peaks, tolerance_s), len(peaks), len(events))


def salience_auc(envelope: Envelope, events: Floats, reach_s: float = REACH_S) -> float:
    """Probability that the envelope's maximum within `reach_s` of an event exceeds that at a random time; chance is .5.

    A dense metronome scores .5, since every time has a click within reach and ties count half.

    Raises:
        ValueError: there are no events, or the reach is negative.
    """
    if not len(events):
        raise ValueError("salience needs at least one event")
    if reach_s < 0:
        raise ValueError(f"reach_s is {reach_s}; it must be 0 or more")
    maxima = maximum_filter1d(envelope.values, 2 * round(reach_s * envelope.rate) + 1)
    at = maxima[np.clip(np.round(events * envelope.rate).astype(int), 0, len(maxima) - 1)]
    ordered = np.sort(maxima)
    below, up_to = np.searchsorted(ordered, at, "left"), np.searchsorted(ordered, at, "right")
    return float((below + up_to).mean() / (2 * len(maxima)))


def beat_alignment(of: Floats, to: Floats, sigma_s: float = BEAT_SIGMA_S) -> float:
    """Mean over `of` of exp(-d^2 / (2 sigma^2)), d being the seconds to the nearest of `to`; 0 when either is empty.

    With beats of the motion as `of` and beats of the music as `to` it is AIST++'s beat alignment score
    (google-research/mint), which many beats raise. The other way round it is Bailando's, which few beats raise. Neither
    means anything without its null.

    Raises:
        ValueError: sigma is not above 0.
    """
    if sigma_s <= 0:
        raise ValueError(f"sigma_s is {sigma_s}; it must be above 0")
    if not len(of) or not len(to):
        return 0.0
    nearest = np.abs(of[:, None] - to[None, :]).min(axis=1)
    return float(np.exp(-0.5 * (nearest / sigma_s) ** 2).mean())


def av_align(onsets: Floats, motion_peaks: Floats, window_s: float) -> float:
    """TempoTokens' AV-Align: one-to-one pairs within the window, divided by the union; 0 when both are empty.

    Busy motion and busy music often coincide by chance, so the null is high.

    Raises:
        ValueError: the window is negative.
    """
    met = count_matches(motion_peaks, onsets, window_s)
    union = len(onsets) + len(motion_peaks) - met
    return met / union if union else 0.0


def tempo_agreement(
    reference_bpm: float, estimated_bpm: float, tolerance: float = TEMPO_TOLERANCE, octaves: bool = True
) -> float:
    """1.0 when two tempi differ by at most the tolerance, a share of the reference, else 0.0.

    `octaves` also accepts the double, half, triple and third of the reference, by which listeners' tapping differs.
    Shifts in time do not change the tempo, so the null is other music.

    Raises:
        ValueError: a tempo is not above 0, or the tolerance is negative.
    """
    if reference_bpm <= 0 or estimated_bpm <= 0:
        raise ValueError(f"tempi of {reference_bpm} and {estimated_bpm} bpm; both must be above 0")
    if tolerance < 0:
        raise ValueError(f"tolerance is {tolerance}; it must be 0 or more")
    wanted = [reference_bpm * factor for factor in (OCTAVES if octaves else OCTAVES[:1])]
    return float(any(abs(estimated_bpm - bpm) <= tolerance * bpm + 1e-9 for bpm in wanted))


def downbeat_agreement(events: Floats, downbeats: Floats, tolerance_s: float = HIT_TOLERANCE_S) -> float:
    """Share of the events with a downbeat within the tolerance; 0 when there are no events.

    Short bars raise it: the chance level is about 2 * tolerance / length of a bar.

    Raises:
        ValueError: the tolerance is negative.
    """
    if tolerance_s < 0:
        raise ValueError(f"tolerance_s is {tolerance_s}; it must be 0 or more")
    if not len(events) or not len(downbeats):
        return 0.0
    nearest = np.abs(events[:, None] - downbeats[None, :]).min(axis=1)
    return float((nearest <= tolerance_s + _SLACK_S).mean())
