"""Intervals with known answers, and rows that know whether they keep to their bar."""

import math

import pytest

from model_core.evaluation.model.page import NOTHING, Measured, Row, mean, ratio, share


def test_wilsons_interval_is_the_textbooks() -> None:
    found = share([True] * 81 + [False] * 182)  # Newcombe 1998, example of 81 of 263
    assert found.value == pytest.approx(0.3080, abs=1e-4)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=1e-4)


def test_all_of_few_is_not_yet_always() -> None:
    found = share([True] * 10)
    assert found.value == found.high == 1
    assert found.low == pytest.approx(0.7225, abs=1e-4)


def test_pieces_are_weighed_by_what_they_hold() -> None:
    found = ratio([(1, 1), (0, 3), (0, 0)])
    assert found.value == 0.25
    assert found.n == 2
    assert found.low == 0
    assert found.high == 1


def test_a_mean_lies_within_its_interval_which_narrows() -> None:
    few, many = mean([0.0, 1.0] * 5), mean([0.0, 1.0] * 500)
    assert few.value == many.value == 0.5
    assert few.low < many.low < 0.5 < many.high < few.high
    assert many.high - many.low == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(1000), rel=0.15)


def test_nothing_to_count_is_said() -> None:
    assert share([]) is NOTHING
    assert ratio([(0, 0)]) is NOTHING
    assert Row("x", ">=", 0.5, NOTHING).met is None


@pytest.mark.parametrize(
    ("sign", "value", "met"),
    [(">=", 0.95, True), (">=", 0.9494, False), ("<=", 0.95, True), ("<", 0.95, False), (">=", 0.9496, True)],
)
def test_a_row_keeps_to_its_bar_as_it_is_printed(sign: str, value: float, met: bool) -> None:
    assert Row("x", sign, 0.95, Measured(value, 0, 1, 9)).met is met
    assert Row("x", "", None, Measured(value, 0, 1, 9)).met is None
