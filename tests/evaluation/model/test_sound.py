"""Curves that are followed and curves that are not, planted events, the codec's F1, and the page."""

import copy
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from model_core.curves.event_curve import EventCurve, draw_peaks
from model_core.evaluation.model.baselines import f1_count
from model_core.evaluation.model.page import (
    NOTHING,
    WEAKNESSES,
    Measured,
    Row,
    mistaken_lines,
    roll_lines,
    table,
    weaknesses,
)
from model_core.evaluation.model.run import Size
from model_core.evaluation.model.sound import TakeSound, correlate_events, curve_rows, sound_rows
from model_core.evaluation.model.takes import (
    LONGEST_S,
    SHORTEST_S,
    compute_duration,
    draw_rolls,
    draw_times,
    plant_curve,
)
from model_core.evaluation.systems import shuffle_events
from model_core.training.composer import compose
from tests.evaluation.model.made import put, take_of


def test_planted_events_are_apart_and_off_the_grid() -> None:
    rng = np.random.default_rng(0)
    for count in (3, 12):
        times = draw_times(count, 30.0, rng)
        assert len(times) == count
        assert np.diff(times).min() >= 1.2
        assert times[0] >= 1
        assert times[-1] <= 29


def test_planted_curves_show_their_events_and_no_others() -> None:
    counts = set()
    for seed in range(40):
        curve = plant_curve(seed)
        assert SHORTEST_S - 0.1 <= compute_duration(curve) <= LONGEST_S + 0.1
        assert abs(curve.values.mean()) < 1e-9
        counts.add(len(curve.peaks()))
    assert counts <= set(range(2, 13))
    assert len(counts) > 6


def test_music_that_changes_at_the_events_follows_them() -> None:
    real, chance = [], []
    for seed in range(20):
        curve = plant_curve(seed)
        duration = compute_duration(curve)
        times = np.arange(int(25 * duration)) / 25
        heard = EventCurve(times, draw_peaks(curve.peaks(), times), "heard")
        real.append(correlate_events(curve, heard, duration))
        other = shuffle_events(curve, duration, np.random.default_rng(seed))
        chance.append(correlate_events(other, heard, duration))
    assert min(real) == pytest.approx(1)
    assert abs(np.mean(chance)) < 0.15


def test_loudness_is_compared_between_styles_and_the_worst_take_counts() -> None:
    heard = [
        TakeSound("rock", 0.7, 0.0, -1.5, -90.0, -16.0), TakeSound("rock", 0.5, 0.1, -1.5, -50.0, -17.0),
        TakeSound("jazz", 0.6, -0.1, -0.5, -95.0, -20.0), TakeSound("jazz", 0.6, 0.0, -1.6, -99.0, -16.0),
    ]  # fmt: skip
    peak, constant, spread, silence, seconds = sound_rows(heard, [-90.0, -75.0], [])
    assert peak.reached.value == 0.75
    assert constant.reached.value == -50
    assert constant.met is False
    assert spread.reached.value == pytest.approx(1.5)
    assert silence.reached.value == -75
    assert silence.met is True
    assert seconds.reached is NOTHING
    followed, other = curve_rows(heard)
    assert followed.reached.value == pytest.approx(0.6)
    assert other.met is True


def test_the_codecs_f1_is_known() -> None:
    before = compose(2, "pop", 32).score
    after = copy.deepcopy(before)
    assert f1_count(before, after, "lead")[0] == f1_count(before, after, "lead")[1] > 0
    both, either = f1_count(before, after, "bass")
    first = int(np.flatnonzero(after.mono["bass"] > 1)[0])
    put(after, "bass", first, 40 if after.mono["bass"][first] != 14 else 41)
    assert f1_count(before, after, "bass") == (both - 2, either)
    after.drums[:] = 0
    assert f1_count(before, after, "drums")[0] == 0


def test_the_table_says_what_is_met() -> None:
    lines = table(
        [
            Row("a", ">=", 0.9, Measured(0.95, 0.9, 0.97, 108), 0.99),
            Row("b", "<=", -70, Measured(-60.04, np.nan, np.nan, 8), unit=" dBFS", digits=1),
            Row("c", "", None, NOTHING),
        ]
    )
    assert lines[2:] == [
        "| a | >= 0.900 | 0.990 | **0.950** [0.900, 0.970] | yes | 108 |",
        "| b | <= -70.0 |  | **-60.0** dBFS | **no** | 8 |",
        "| c |  |  | not measured |  | 0 |",
    ]


def test_mistaken_styles_are_told_commonest_first() -> None:
    lines = mistaken_lines({("pop", "rock"): 1, ("funk", "jazz"): 3})
    assert lines == ["- funk is heard as jazz: 3", "- pop is heard as rock: 1"]
    assert mistaken_lines({}) == ["- none"]


def test_sentences_of_another_model_are_not_printed(tmp_path: Path) -> None:
    given = tmp_path / "weaknesses.toml"
    given.write_text('model = "mine"\n[styles]\nrock = "Its drums are stiff."\n')
    rolls = {"rock": tmp_path / "img" / "rock.png", "jazz": tmp_path / "img" / "jazz.png"}
    lines = roll_lines(rolls, tmp_path / "page.md", weaknesses("mine", given))
    assert lines == ["- [rock](img/rock.png): Its drums are stiff.", "- [jazz](img/jazz.png)"]
    assert weaknesses("another", given) == {}
    assert weaknesses("no such model", WEAKNESSES) == {}


def test_a_roll_shows_every_part_in_its_colour(tmp_path: Path) -> None:
    pieces = (compose(seed, "pop", 64) for seed in range(100))
    take = take_of(next(piece.score for piece in pieces if len(piece.header.parts) == 5), "pop")
    draw_rolls([take, take], tmp_path / "new" / "pop.png")
    drawn = tmp_path / "new" / "pop.png"
    assert drawn.stat().st_size < 60_000
    pixels = np.round(255 * imread(drawn)[..., :3].reshape(-1, 3)).astype(int)
    for colour in ((0xD0, 0, 0), (0xE6, 0x9F, 0), (0, 0x72, 0xB2), (0, 0x9E, 0x73), (0x44, 0x44, 0x44)):
        assert (np.abs(pixels - colour).sum(axis=1) < 40).sum() > 100


def test_sizes() -> None:
    assert Size.of(108).library >= 2000
    assert Size.of(1).library < 100
    with pytest.raises(ValueError, match="at least one"):
        Size.of(0)
