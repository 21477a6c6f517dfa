"""Pooled correlation of curves and its null of swapped clips."""

import numpy as np
import pytest

from model_core.curves import EventCurve
from model_core.evaluation.correlation import RATE, mismatched_null, pooled_correlation, sampled

RNG = np.random.default_rng(0)
CURVES = [RNG.normal(size=n) for n in (250, 280, 300, 260)]


def test_the_same_curve_at_another_scale_correlates_fully() -> None:
    assert pooled_correlation([(c, 3 * c + 5) for c in CURVES]) == pytest.approx(1.0)
    assert pooled_correlation([(c, -c) for c in CURVES]) == pytest.approx(-1.0)


def test_a_flat_curve_neither_breaks_nor_helps() -> None:
    flat = np.zeros(250)
    assert pooled_correlation([(CURVES[0], flat)]) == 0.0
    assert pooled_correlation([(CURVES[0], CURVES[0]), (CURVES[1], np.ones(280))]) < 1.0


def test_the_longer_of_a_pair_is_cut() -> None:
    assert pooled_correlation([(CURVES[2], CURVES[2][:100])]) == pytest.approx(1.0)


def test_followed_curves_stand_out_from_swapped_ones() -> None:
    given = [c for c in CURVES for _ in range(3)]
    heard = [c + RNG.normal(size=len(c)) for c in given]
    null = mismatched_null(given, heard, [n for n in range(4) for _ in range(3)], draws=200)
    assert len(null) == 200
    assert pooled_correlation(list(zip(given, heard, strict=True))) > 0.6
    assert np.abs(null).max() < 0.3


def test_the_null_never_pairs_a_clip_with_itself() -> None:
    """Each clip's curves are the same in given and heard, and orthogonal to the others': any self-pair would show."""
    curves = [np.eye(4)[n].repeat(50) for n in range(4)]
    null = mismatched_null(curves, curves, [0, 1, 2, 3], draws=300)
    np.testing.assert_allclose(null, -1 / 3)


def test_one_clip_has_no_null() -> None:
    with pytest.raises(ValueError, match="at least two clips"):
        mismatched_null(CURVES, CURVES, [7, 7, 7, 7])


def test_curves_are_sampled_on_a_common_grid() -> None:
    curve = EventCurve(np.array([0.0, 2.0]), np.array([0.0, 2.0]), "test")
    values = sampled(curve, 3.0)
    assert len(values) == 3 * RATE
    assert values[int(RATE)] == pytest.approx(1.0)
    assert values[-1] == 2.0
