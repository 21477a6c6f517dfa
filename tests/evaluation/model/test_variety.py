"""Tests of variety: copied runs are found at their length, differences of takes by their share."""

import copy

import numpy as np
import pytest

from model_core.evaluation.model.baselines import Library, band_prints, difference, lead_prints, mean_difference
from model_core.models.score.codec.score import FIRST_PITCH, Score
from model_core.training.composer import compose
from tests.evaluation.model.made import drum, put, strike


def _walk(bars: int, seed: int) -> Score:
    """Bars of random melody over one chord."""
    rng, score = np.random.default_rng(seed), Score.empty(4 * bars)
    for bar in range(bars):
        strike(score, 4 * bar, (60, 64, 67), 4)
        drum(score, 16 * bar)
        for step in range(0, 16, 2):
            put(score, "lead", 16 * bar + step, int(rng.integers(60, 85)))
    return score


def test_a_planted_run_is_found() -> None:
    source, other = _walk(12, 1), _walk(12, 2)
    thief = copy.deepcopy(other)
    thief.mono["lead"][32:112] = source.mono["lead"][64:144]
    leads, bands = (Library([prints(_walk(12, seed)) for seed in (1, 3, 4)]) for prints in (lead_prints, band_prints))
    assert leads.longest_run(lead_prints(thief)) == 5
    assert bands.longest_run(band_prints(thief)) == 5
    assert leads.longest_run(lead_prints(other)) == 0


def test_other_drums_make_another_band_but_the_same_lead() -> None:
    one = _walk(6, 1)
    other = copy.deepcopy(one)
    drum(other, 16 * 3 + 5, "snare")
    assert Library([lead_prints(one)]).longest_run(lead_prints(other)) == 6
    assert Library([band_prints(one)]).longest_run(band_prints(other)) == 3


def test_loudness_and_risers_make_no_difference() -> None:
    one = _walk(4, 1)
    other = copy.deepcopy(one)
    other.drums *= 0.5
    other.chord_velocity *= 0.5
    drum(other, 7, "riser")
    assert band_prints(one) == band_prints(other)


def test_bars_in_another_order_are_no_run_and_silence_is_no_copy() -> None:
    source = _walk(4, 1)
    prints = lead_prints(source)
    assert Library([prints]).longest_run(prints[::-1]) == 1
    silent = Score.empty(16)
    assert Library([band_prints(silent)]).longest_run(band_prints(silent)) == 0


def test_the_share_of_onsets_that_differ_is_known() -> None:
    one, other = Score.empty(4), Score.empty(4)
    for score in (one, other):
        put(score, "bass", 0, 36)
        drum(score, 4)
    put(one, "lead", 8, 72)
    put(other, "lead", 8, 74)
    assert difference(one, one) == 0
    assert difference(one, other) == 2 / 4
    assert difference(Score.empty(4), Score.empty(4)) == 0
    assert mean_difference([one, other, one]) == pytest.approx((0.5 + 0 + 0.5) / 3)
    with pytest.raises(ValueError, match="differs from nothing"):
        mean_difference([one])


def test_takes_of_other_lengths_are_compared_where_both_are() -> None:
    piece = compose(1, "pop", 40).score
    assert (piece.mono["lead"] >= FIRST_PITCH).any()
    shorter = copy.deepcopy(piece)
    shorter.beat_in_bar = shorter.beat_in_bar[:20]
    shorter.mono = {part: states[:80] for part, states in shorter.mono.items()}
    shorter.chord, shorter.chord_struck = shorter.chord[:80], shorter.chord_struck[:80]
    shorter.drums = shorter.drums[:80]
    assert difference(piece, shorter) == 0
