"""The plan obeys explicit words whatever the planner thinks, and listens to the picture when asked for nothing."""

import numpy as np
import pytest
import torch

from model_core.models.score.planner.make_plan import PlanRequest, make_plan
from model_core.models.score.planner.network import PromptPlanner
from model_core.plan.events import Events
from model_core.plan.plan import PROGRAMS, ScorePlan

EVENTS = Events(np.array([2.0, 5.0, 9.0]), np.array([1.0, 0.8, 0.9]))
NO_EVENTS = Events(np.zeros(0), np.zeros(0))


@pytest.fixture(scope="module")
def planner() -> PromptPlanner:
    torch.manual_seed(0)
    planner: PromptPlanner = PromptPlanner()  # untrained: its opinions are random, so obedience cannot be its own
    planner.eval()
    return planner


def _plan(planner: PromptPlanner, prompt: str, seed: int = 0, events: Events = EVENTS, sync: float = 1.0) -> ScorePlan:
    pooled = torch.nn.functional.normalize(torch.randn(1, 384, generator=torch.Generator().manual_seed(1)), dim=1)
    return make_plan(planner, PlanRequest(prompt, pooled, seed, sync), events, 12.0)


@pytest.mark.parametrize("seed", range(8))
def test_explicit_words_are_obeyed(planner: PromptPlanner, seed: int) -> None:
    plan = _plan(planner, "100 bpm, G minor, flute, no drums, no bass", seed)
    assert {"drums", "bass"}.isdisjoint(plan.header.parts)
    assert plan.header.programs["lead"] == 73
    assert "lead" in plan.header.parts
    assert plan.header.minor
    assert (plan.key + 9) % 12 == 7
    felt = 60 / np.diff(plan.tempo.beat_times) * plan.header.felt_bpm / plan.header.bpm
    assert np.abs(felt / 100 - 1).max() < 0.02


@pytest.mark.parametrize("seed", range(4))
def test_a_solo_piano_is_nothing_but_a_piano(planner: PromptPlanner, seed: int) -> None:
    header = _plan(planner, "solo piano, wistful", seed).header
    assert header.parts <= {"chords", "lead", "arp"}
    assert {header.programs[role] for role in header.parts} == {0}


@pytest.mark.parametrize(
    ("prompt", "programs"),
    [
        ("solo cello", {42}),
        ("just strings", {48, 49}),
        ("harp only, slow", {46}),
        ("solo oboe", {68}),
        ("nothing but electric piano", {4, 5}),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_a_solo_is_nothing_but_its_instrument(
    planner: PromptPlanner, prompt: str, programs: set[int], seed: int
) -> None:
    header = _plan(planner, prompt, seed).header
    playing = {header.programs[role] for role in header.parts}
    assert len(playing) == 1
    assert playing <= programs
    assert "drums" not in header.parts


def test_drums_and_bass_can_be_alone(planner: PromptPlanner) -> None:
    assert _plan(planner, "only drums").header.parts == {"drums"}
    assert _plan(planner, "just bass, nothing else").header.parts == {"bass"}


@pytest.mark.parametrize(("prompt", "meter"), [("a slow waltz", "3/4"), ("6/8 folk", "6/8"), ("common time", "4/4")])
def test_the_meter_is_obeyed(planner: PromptPlanner, prompt: str, meter: str) -> None:
    for seed in range(3):
        plan = _plan(planner, prompt, seed, NO_EVENTS)
        assert plan.header.meter == meter
        assert plan.tempo.beat_in_bar.max() == plan.header.beats_per_bar - 1


@pytest.mark.parametrize(("prompt", "low", "high"), [("slow", 0, 84), ("fast", 116, 168), ("90 to 100 bpm", 90, 100)])
def test_a_range_of_tempi_is_kept_to(planner: PromptPlanner, prompt: str, low: float, high: float) -> None:
    for seed in range(6):
        assert low - 1e-6 <= _plan(planner, f"{prompt}, 4/4", seed).header.felt_bpm <= high + 1e-6


@pytest.mark.parametrize("seed", range(12))
def test_a_tempo_that_six_eight_cannot_have_takes_another_meter(planner: PromptPlanner, seed: int) -> None:
    header = _plan(planner, "138 bpm", seed).header
    assert header.felt_bpm == pytest.approx(138)
    assert header.meter in ("4/4", "3/4")


def test_sync_says_how_far_the_tempo_may_bend(planner: PromptPlanner) -> None:
    events = Events(np.array([1.7, 3.1, 5.3, 6.9, 9.2]), np.ones(5))
    bends = []
    for sync in (0.25, 1.0):
        lengths = np.diff(_plan(planner, "rock", 0, events, sync).tempo.beat_times)
        bends.append(float(lengths.max() / lengths.min()))
    assert 1 < bends[0] < 1.021
    assert bends[0] < bends[1]


@pytest.mark.parametrize("seed", range(8))
def test_an_unwanted_instrument_is_not_drawn(planner: PromptPlanner, seed: int) -> None:
    header = _plan(planner, "no piano, no strings", seed).header
    assert {0, 48, 49}.isdisjoint(header.programs[role] for role in ("chords", "lead", "arp", "bass"))


def test_the_seed_decides_and_repeats(planner: PromptPlanner) -> None:
    one, two = _plan(planner, "anything", 3), _plan(planner, "anything", 3)
    assert one.header == two.header
    assert one.key == two.key
    np.testing.assert_array_equal(one.tempo.beat_times, two.tempo.beat_times)
    drawn = [_plan(planner, "anything", seed).header for seed in range(6)]
    assert len({(h.style, *h.programs.values()) for h in drawn}) > 3


def test_every_program_is_one_the_header_knows(planner: PromptPlanner) -> None:
    for seed in range(12):
        header = _plan(planner, "", seed).header
        assert all(program in PROGRAMS[role] for role, program in header.programs.items())
        assert header.vector().shape == _plan(planner, "piano", seed).header.vector().shape


def test_an_empty_prompt_listens_to_the_picture(planner: PromptPlanner) -> None:
    busy = Events(np.arange(0.8, 11.5, 0.9), np.ones(12))
    lively = [_plan(planner, "", seed, busy).header for seed in range(30)]
    calm = [_plan(planner, "", seed, NO_EVENTS).header for seed in range(30)]
    quiet = {"ambient", "piano", "lofi", "acoustic"}
    assert sum(h.style in quiet for h in calm) > sum(h.style in quiet for h in lively) + 8
    assert np.mean([h.energy for h in lively]) > np.mean([h.energy for h in calm]) + 0.2


def test_the_tempo_stays_steady_when_it_may_not_bend(planner: PromptPlanner) -> None:
    tempo = _plan(planner, "rock", sync=0.0).tempo
    assert np.diff(tempo.beat_times).std() < 1e-9
    assert len(tempo.hit_points) == 0
    assert len(_plan(planner, "rock").tempo.hit_points) > 0
