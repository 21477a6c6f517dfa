"""Cards, clocks and floors."""

import time

import pytest
import torch

from model_core.errors import InputError
from model_core.evaluation.speed import cards
from model_core.evaluation.speed.cards import Card, card_of, named_card
from model_core.evaluation.speed.clock import Clock, take_time
from model_core.evaluation.speed.floors import floor_of
from model_core.evaluation.speed.sizes import MEDIUM
from model_core.evaluation.speed.stages import MUSIC, PROMPT, work_of

CPU = torch.device("cpu")


def test_the_longer_of_operations_and_bytes() -> None:
    work = work_of(MEDIUM, PROMPT, 30, 1)
    quick = Card("quick to reckon", 1e30, 1e12, "")
    wide = Card("quick to move", 1e12, 1e30, "")
    slow = floor_of(MEDIUM, PROMPT, 30, 1, quick, torch.bfloat16)
    assert (slow.bound, slow.seconds) == ("bytes", 2 * work.values() / 1e12)
    busy = floor_of(MEDIUM, PROMPT, 30, 1, wide, torch.bfloat16)
    assert (busy.bound, busy.seconds) == ("operations", work.operations / 1e12)


def test_musicfm_moves_float32() -> None:
    floor = floor_of(MEDIUM, MUSIC, 30, 1, named_card("H100"), torch.bfloat16)
    assert floor.bytes == 4 * work_of(MEDIUM, MUSIC, 30, 1).values()


def test_cards_of_the_data_sheets() -> None:
    assert (named_card("H100").operations, named_card("H100").bandwidth) == (989e12, 3.35e12)
    assert named_card("H200").bandwidth == 4.8e12
    assert named_card("A100").operations == 312e12
    with pytest.raises(InputError, match="is none of H100, H200, A100: B9"):
        named_card("B9")


def test_an_unknown_card_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    card = card_of(CPU, torch.float32)
    assert card.reached == (card.operations, card.bandwidth)
    assert 1e9 < card.operations < 1e15
    assert 1e8 < card.bandwidth < 1e13
    monkeypatch.setattr(cards, "_ROWS", {"cpu": 2})
    assert card_of(CPU, torch.float32).operations < card.operations, "a small product is slow a value"


def test_marks_tell_how_far_apart_they_were() -> None:
    clock = Clock(CPU)
    clock.mark()
    time.sleep(0.02)
    clock.mark()
    clock.mark()
    first, second = clock.seconds()
    assert 0.02 <= first < 1
    assert 0 <= second < 0.02
    assert clock.seconds() == []


def test_the_median_of_the_runs_after_the_first() -> None:
    times = iter([9.0, 3.0, 1.0, 2.0, 5.0, 4.0])
    taken = take_time(CPU, lambda: next(times), 10.0)
    assert (taken.seconds, taken.runs, taken.memory_bytes) == (3.0, 5, None)


def test_a_run_that_takes_too_long_is_not_repeated() -> None:
    def run() -> float:
        time.sleep(0.03)
        return 7.0

    assert take_time(CPU, run, 0.01).runs == 1
    warmed = take_time(CPU, run, 0.01, lambda: time.sleep(0.03))
    assert (warmed.runs, warmed.seconds) == (1, 7.0)
