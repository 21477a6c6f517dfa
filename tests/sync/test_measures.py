"""Tests of the measures: known answers, worked out by hand."""

from collections.abc import Callable

import numpy as np
import pytest

from model_core.sync.measures import (
    av_align,
    beat_alignment,
    count_matches,
    cut_hit_f1,
    downbeat_agreement,
    f1,
    match_times,
    salience_auc,
    tempo_agreement,
)
from model_core.sync.sound import Envelope

NONE = np.zeros(0)


def at(*seconds: float) -> np.ndarray:
    return np.array(seconds, np.float64)


def test_matching_is_one_to_one() -> None:
    assert count_matches(at(1.0), at(0.95, 1.05), 0.1) == 1
    assert count_matches(at(0.95, 1.05), at(1.0), 0.1) == 1


def test_matching_finds_the_most_pairs_where_taking_the_nearest_would_lose_one() -> None:
    # 1.05 is nearest to 1.0, but then 1.12 has no partner and 0.92 none either.
    assert count_matches(at(1.0, 1.12), at(0.92, 1.05), 0.1) == 2
    assert sorted(match_times(at(1.0, 1.12), at(0.92, 1.05), 0.1)) == [(0, 0), (1, 1)]


def test_the_tolerance_counts_its_ends_and_nothing_beyond() -> None:
    assert count_matches(at(1.0, 3.0), at(1.1, 2.9), 0.1) == 2
    assert count_matches(at(1.0, 3.0), at(1.1001, 2.8999), 0.1) == 0
    assert count_matches(at(2.0), at(2.0), 0.0) == 1
    assert count_matches(at(0.7), at(0.8), 0.1) == 1  # 0.8 - 0.1 is more than 0.7 to a computer


def test_pairs_name_the_reference_first() -> None:
    assert match_times(at(1.0, 5.0), at(5.05), 0.1) == [(1, 0)]


def test_nothing_matches_nothing() -> None:
    assert count_matches(NONE, at(1.0), 0.1) == count_matches(at(1.0), NONE, 0.1) == count_matches(NONE, NONE, 0.1) == 0


def test_f1_is_the_harmonic_mean_of_precision_and_recall() -> None:
    # 2 hits, 4 estimated (precision 1/2), 8 in truth (recall 1/4): 2 * (1/8) / (3/4) = 1/3.
    assert f1(2, 4, 8) == pytest.approx(1 / 3)
    assert f1(3, 3, 3) == 1.0
    assert f1(0, 0, 0) == 0.0


def test_cut_hit_f1_by_hand() -> None:
    events, peaks = at(1.0, 2.0, 3.0, 4.0), at(1.05, 2.2, 3.0)
    assert cut_hit_f1(events, peaks) == pytest.approx(2 * 2 / (3 + 4))
    assert cut_hit_f1(events, peaks, tolerance_s=0.2) == pytest.approx(2 * 3 / (3 + 4))
    assert cut_hit_f1(events, peaks, tolerance_s=0.02) == pytest.approx(2 * 1 / (3 + 4))


def ramp() -> Envelope:
    return Envelope(np.arange(100.0), 100.0)


def test_salience_is_the_rank_of_the_maximum_near_the_event() -> None:
    # Without reach, the value at 0.30 s exceeds 30 of 100 and ties with itself: 30.5 %.
    assert salience_auc(ramp(), at(0.30), reach_s=0.0) == pytest.approx(0.305)
    # A reach of 0.08 s lifts every time by 8 samples, the last nine to the same 99.
    assert salience_auc(ramp(), at(0.30), reach_s=0.08) == pytest.approx(0.305)
    assert salience_auc(ramp(), at(0.95), reach_s=0.08) == pytest.approx((91 + 100) / 200)
    assert salience_auc(ramp(), at(0.10, 0.30), reach_s=0.0) == pytest.approx((0.105 + 0.305) / 2)


def test_salience_of_a_peak_at_the_event_and_only_there() -> None:
    values = np.zeros(1000)
    values[500] = 1.0
    envelope = Envelope(values, 100.0)
    # 17 samples have the peak within 8 samples: they tie, all others are lower.
    assert salience_auc(envelope, at(5.08)) == pytest.approx((1000 - 17 + 1000) / 2000)
    assert salience_auc(envelope, at(4.92)) == pytest.approx((1000 - 17 + 1000) / 2000)
    assert salience_auc(envelope, at(5.09)) == pytest.approx((1000 - 17) / 2000)


def test_a_metronome_denser_than_the_reach_is_not_salient_anywhere() -> None:
    values = np.zeros(1000)
    values[::12] = 1.0
    assert salience_auc(Envelope(values, 100.0), at(0.5, 3.33, 7.77)) == pytest.approx(0.5)


def test_beat_alignment_by_hand() -> None:
    # Distances 0, 0.05 = sigma and 1.0: 1, exp(-1/2) and nothing.
    motion, music = at(1.0, 2.05, 4.0), at(1.0, 2.0, 3.0)
    assert beat_alignment(motion, music) == pytest.approx((1 + np.exp(-0.5)) / 3)
    assert beat_alignment(motion, music, sigma_s=0.1) == pytest.approx((1 + np.exp(-0.125)) / 3)


def test_beat_alignment_has_a_direction() -> None:
    few, many = at(1.0, 2.0), np.arange(0, 4, 0.25)
    assert beat_alignment(few, many) == pytest.approx(1.0)
    assert beat_alignment(many, few) == pytest.approx(2 / 16, abs=1e-4)


def test_beat_alignment_without_beats_is_nothing() -> None:
    assert beat_alignment(NONE, at(1.0)) == beat_alignment(at(1.0), NONE) == 0.0


def test_av_align_is_the_share_of_pairs_in_the_union() -> None:
    # Two pairs out of 3 onsets and 4 peaks: 2 / (3 + 4 - 2).
    onsets, motion = at(1.0, 2.0, 9.0), at(1.04, 1.96, 5.0, 6.0)
    assert av_align(onsets, motion, 0.04) == pytest.approx(2 / 5)
    assert av_align(onsets, motion, 0.03) == 0.0
    assert av_align(onsets, onsets, 0.04) == 1.0
    assert av_align(NONE, NONE, 0.04) == 0.0


@pytest.mark.parametrize(
    ("heard", "octaves", "agrees"),
    [
        (120.0, False, 1), (124.8, False, 1), (124.9, False, 0), (115.2, False, 1), (115.1, False, 0),
        (240.0, False, 0), (240.0, True, 1), (60.0, True, 1), (360.0, True, 1), (40.0, True, 1), (90.0, True, 0),
        (249.6, True, 1), (249.7, True, 0),
    ],
)  # fmt: skip
def test_tempi_agree_within_four_per_cent(heard: float, octaves: bool, agrees: int) -> None:
    assert tempo_agreement(120.0, heard, octaves=octaves) == agrees


def test_the_tolerance_of_the_tempo_is_a_share_of_the_reference() -> None:
    assert tempo_agreement(100.0, 109.9, tolerance=0.1) == 1.0
    assert tempo_agreement(109.9, 100.0, tolerance=0.08) == 0.0


def test_downbeat_agreement_is_the_share_of_events_on_a_downbeat() -> None:
    events, downbeats = at(1.0, 2.0, 4.15, 8.0), at(0.0, 2.1, 4.0, 8.0)
    assert downbeat_agreement(events, downbeats) == 2 / 4
    assert downbeat_agreement(events, downbeats, tolerance_s=0.2) == 3 / 4
    assert downbeat_agreement(at(1.9, 2.0), downbeats, tolerance_s=0.2) == 1.0  # a downbeat may serve two events
    assert downbeat_agreement(NONE, downbeats) == downbeat_agreement(events, NONE) == 0.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: count_matches(at(1.0), at(1.0), -0.1),
        lambda: salience_auc(ramp(), NONE),
        lambda: salience_auc(ramp(), at(0.1), reach_s=-0.1),
        lambda: beat_alignment(at(1.0), at(1.0), sigma_s=0.0),
        lambda: tempo_agreement(0.0, 120.0),
        lambda: tempo_agreement(120.0, 0.0),
        lambda: tempo_agreement(120.0, 120.0, tolerance=-0.1),
        lambda: downbeat_agreement(at(1.0), at(1.0), -0.1),
    ],
)
def test_senseless_input_is_refused(call: Callable[[], float]) -> None:
    with pytest.raises(ValueError, match=r"must be|needs at least"):
        call()
