"""Scores survive the trip through beat vectors, and what a decoder gets wrong is made playable."""

import numpy as np
import pytest

from model_core.models.score.codec.score import FIRST_PITCH, MONO_PARTS, REST, SUSTAIN, Score
from model_core.models.score.codec.vae import BEAT_DIM, FIELDS, from_beats, to_beats
from model_core.training.composer import compose


def _as_logits(beats: np.ndarray) -> np.ndarray:
    """What a perfect decoder would give: logits of +-10, velocities as they are."""
    logits = 20 * beats - 10
    for name in FIELDS:
        if name.endswith("velocity"):
            logits[:, FIELDS[name]] = beats[:, FIELDS[name]]
    return logits.astype(np.float32)


@pytest.mark.parametrize("style", ["trailer", "lofi", "piano"])
def test_a_composed_piece_comes_back(style: str) -> None:
    score = compose(3, style, 40).score
    beats = to_beats(score)
    assert beats.shape == (40, BEAT_DIM)
    back = from_beats(_as_logits(beats), score.beat_in_bar)
    for part in MONO_PARTS:
        np.testing.assert_array_equal(back.mono[part], score.mono[part])
        np.testing.assert_allclose(back.mono_velocity[part], score.mono_velocity[part], atol=1e-6)
    np.testing.assert_array_equal(back.chord, score.chord)
    np.testing.assert_array_equal(back.chord_struck, score.chord_struck)
    np.testing.assert_allclose(back.drums, score.drums, atol=1e-6)


def test_each_field_has_its_place() -> None:
    covered = np.zeros(BEAT_DIM, int)
    for field in FIELDS.values():
        covered[field] += 1
    assert (covered == 1).all()


def test_tidy_drops_sustains_without_a_note_and_unstruck_changes() -> None:
    score = Score.empty(2)
    score.mono["lead"][:3] = [SUSTAIN, SUSTAIN, FIRST_PITCH]
    score.mono["lead"][3] = SUSTAIN
    score.mono_velocity["lead"][:4] = 0.5
    score.chord[1, 5] = True
    score.chord[2, 9] = True
    score.chord_struck[[2, 6]] = False, True
    score.chord_velocity[:] = 0.5
    score.tidy()
    assert score.mono["lead"][:4].tolist() == [REST, REST, FIRST_PITCH, SUSTAIN]
    assert score.mono_velocity["lead"][0] == 0
    assert score.chord_struck[:3].tolist() == [False, True, False]
    assert score.chord[2].nonzero()[0].tolist() == [5]
    assert not score.chord_struck[6]
    assert score.chord_velocity[4] == 0
