"""The end of a piece: what still sounds decays under a last fade, without a chop, whatever was played there."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from model_core.models.score.codec.codec import SAMPLE_RATE, ScoreCodec
from model_core.models.score.codec.score import FIRST_PITCH, LANE, SUSTAIN, Score
from model_core.models.score.codec.vae import BeatVAE
from model_core.plan.plan import Header, ScorePlan
from model_core.plan.tempo_map import steady_tempo_map

BEATS = 16
_PROGRAMS = {"bass": 39, "chords": 90, "lead": 80, "arp": 81, "drums": 8}
_ROLES = frozenset(_PROGRAMS)


@pytest.fixture(scope="module")
def codec() -> ScoreCodec:
    return ScoreCodec(BeatVAE())


def _plan(duration: float = 8.0, style: str = "pop") -> ScorePlan:
    header = Header(style, 60 * BEATS / duration, 0.0, False, _PROGRAMS, _ROLES, 0.5, 0.5)
    return ScorePlan(duration, 3, header, 0, steady_tempo_map(duration, header.bpm))


def _held_to_the_end(last_step: int) -> Score:
    """Synths that do not decay by themselves, struck at each bar and at ``last_step``, held to the last sample."""
    score = Score.empty(BEATS)
    for step in [*range(0, last_step, 16), last_step]:
        score.chord[step:] = False
        score.chord[step:, [3, 7, 10, 15]] = True
        score.chord_struck[step] = True
        score.chord_velocity[step:] = 0.9
        for part in ("bass", "lead"):
            score.mono[part][step] = FIRST_PITCH + 8
            score.mono[part][step + 1 :] = SUSTAIN
            score.mono_velocity[part][step:] = 0.9
        score.drums[step, LANE["crash"]] = 0.9
    return score


def _levels(audio: NDArray[np.float32], window_s: float) -> NDArray[np.float64]:
    """RMS of windows, dB."""
    window = round(window_s * SAMPLE_RATE)
    whole = audio[:, audio.shape[1] % window :].astype(np.float64)
    power = (whole**2).reshape(2, -1, window).mean(axis=(0, 2))
    return np.asarray(10 * np.log10(power + 1e-20))


@pytest.mark.parametrize("last_step", [48, 56, 60])
def test_the_last_chord_dies_away_steadily(codec: ScoreCodec, last_step: int) -> None:
    plan = _plan()
    audio = codec.render(_held_to_the_end(last_step), plan).audio
    since = plan.duration * (1 - last_step / (4 * BEATS)) - 0.15
    levels = _levels(audio[:, -round(min(2.5, since) * SAMPLE_RATE) :], 0.05)
    assert levels[0] > -40
    assert all(late < early + 1.0 for early, late in pairwise(levels))
    assert levels[-1] < levels[0] - 25


@pytest.mark.parametrize("last_step", [48, 60, 63])
def test_the_end_is_silent_and_has_no_jump(codec: ScoreCodec, last_step: int) -> None:
    audio = codec.render(_held_to_the_end(last_step), _plan()).audio
    assert audio.shape == (2, 8 * SAMPLE_RATE)
    assert np.abs(audio[:, -1]).max() < 1e-6
    assert _levels(audio[:, -round(0.02 * SAMPLE_RATE) :], 0.01)[-1] < -40
    steps = np.abs(np.diff(audio[:, -SAMPLE_RATE // 10 :], axis=1)).max()
    assert steps < 0.25 * np.abs(audio).max()


def test_a_piece_that_has_ended_before_is_not_touched(codec: ScoreCodec) -> None:
    score = _held_to_the_end(0)
    score.chord[4:] = False
    for part in ("bass", "lead"):
        score.mono[part][4:] = 0
    audio = codec.render(score.tidy(), _plan()).audio
    assert np.abs(audio[:, -SAMPLE_RATE:]).max() < 10 ** (-70 / 20)


def test_the_ring_of_the_last_chord_is_as_long_as_the_time_it_has(codec: ScoreCodec) -> None:
    late, early = (codec.render(_held_to_the_end(step), _plan()).audio for step in (60, 48))
    rings = [_levels(audio, 0.05)[-8] for audio in (late, early)]  # 0.4 s before the end
    assert rings[0] > rings[1] + 6  # a chord struck 0.5 s before the end is not yet fading there


def test_the_notes_are_let_go_before_the_end_and_none_is_lost(codec: ScoreCodec) -> None:
    plan = _plan()
    played = codec.render(_held_to_the_end(48), plan).notes
    assert max(note.end for note in played) < plan.duration
    assert all(note.end > note.start for note in played)
    assert sum(note.start == pytest.approx(6.0) for note in played) == 7


@pytest.mark.parametrize("duration", [0.3, 1.0])
def test_a_very_short_video_ends_softly_too(codec: ScoreCodec, duration: float) -> None:
    audio = codec.render(_held_to_the_end(0), _plan(duration)).audio
    assert audio.shape == (2, round(duration * SAMPLE_RATE))
    assert np.abs(audio).max() > 0.01
    assert np.abs(audio[:, -1]).max() < 1e-6


def test_the_same_score_sounds_the_same(codec: ScoreCodec) -> None:
    first, second = (codec.render(_held_to_the_end(56), _plan(style="jazz")).audio for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_style_is_heard(codec: ScoreCodec) -> None:
    dry, wet = (codec.render(_held_to_the_end(48), _plan(style=style)).audio for style in ("funk", "ambient"))
    assert np.abs(dry - wet).max() > 0.05
