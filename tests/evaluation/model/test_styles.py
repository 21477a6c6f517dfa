"""The style network hears notes and nothing else, and learns; modes are told from chords."""

import copy
from pathlib import Path

import numpy as np
import pytest

from model_core.evaluation.model import styles
from model_core.evaluation.model.notes import ModeClassifier
from model_core.evaluation.model.styles import (
    WIDTH,
    Roll,
    accuracy,
    build_roll,
    is_full,
    load_style_net,
    make_style_prompt,
    train,
)
from model_core.models.score.codec.score import Score
from model_core.plan.plan import STYLES
from model_core.training.captions.phrases import HELD_OUT_STYLES, STYLE_PHRASES
from model_core.training.composer import compose
from tests.evaluation.model.made import strike

TOLD = ("house", "piano", "jazz")


def test_a_roll_holds_no_loudness_and_no_riser() -> None:
    score = compose(3, "house", 32).score
    other = copy.deepcopy(score)
    other.drums *= 0.5
    other.drums[:, -1] = 0
    other.mono_velocity["lead"] *= 0.5
    assert build_roll(score).shape == (32, WIDTH)
    np.testing.assert_array_equal(build_roll(score), build_roll(other))
    assert build_roll(score).max() == 1


@pytest.mark.slow  # half a minute: trains the classifier; what it computes is in the other tests
def test_it_learns_to_tell_styles_apart() -> None:
    def example(number: int) -> tuple[Roll, int]:
        style = TOLD[number % 3]
        return build_roll(compose(number, style, 96).score), STYLES.index(style)

    net = train(example, pieces=60, steps=60)
    pieces = [compose(1000 + number, TOLD[number % 3], 96) for number in range(30)]
    full = [piece for piece in pieces if is_full(piece)]
    right = accuracy(net, [piece.score for piece in full], [piece.header.style for piece in full])
    assert np.mean(right) > 0.85


def test_it_is_kept_until_something_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = load_style_net(tmp_path, 18, 2)
    monkeypatch.setattr(styles, "train", lambda *given: pytest.fail("it was kept"))
    again = load_style_net(tmp_path, 18, 2)
    score = compose(1, "rock", 32).score
    assert net.classify(score) == again.classify(score)
    monkeypatch.setattr(styles, "_fingerprint", lambda: "another composer")
    with pytest.raises(pytest.fail.Exception, match="it was kept"):
        load_style_net(tmp_path, 18, 2)


@pytest.mark.parametrize("held_out", [False, True])
def test_a_prompt_names_its_style(held_out: bool) -> None:
    for style in ("funk", "ambient"):
        text = make_style_prompt(style, 0, held_out)
        table = (HELD_OUT_STYLES if held_out else STYLE_PHRASES)[style]
        assert any(phrase.lower() in text.lower() for some in table.values() for phrase in some)
        assert text == make_style_prompt(style, 0, held_out)
        assert text != make_style_prompt(style, 1, held_out)


def test_the_mode_is_what_the_chords_turn_round() -> None:
    pieces = [piece for seed in range(120) if is_full(piece := compose(seed, None, 48))]
    ear = ModeClassifier([piece.score for piece in pieces], [piece.header.minor for piece in pieces])
    chords = {"C": (60, 64, 67), "F": (53, 57, 60), "G": (55, 59, 62), "Am": (57, 60, 64), "E": (52, 56, 59)}
    for names, minor in (("C F G C C G F C", False), ("Am E Am F Am E Am Am", True)):
        score = Score.empty(32)
        for bar, name in enumerate(names.split()):
            strike(score, 4 * bar, chords[name], 4)
        assert ear.is_minor(score) is minor
        assert ear.is_minor(score, to_the_end=False) is minor
