"""Figures of the notes: in scale, chord tones, leaps, repeated rhythms; and the chords and the mode that they rest on.

Corpus and takes are measured alike. The grid is C major or A minor, which share their notes: the mode lies in the
chords that the music repeats and rests on, so a logistic regression on the chords, fitted to the corpus, finds it.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.evaluation.model.page import Row, ratio
from model_core.models.score.codec.score import FIRST_PITCH, MONO_PARTS, RANGES, STEPS_PER_BEAT, Score
from model_core.training.composer.harmony import Chord, chord

_CHORD_NAMES: Final = ("C", "Am", "F", "G", "Dm", "Em", "E", "Bb", "D", "A", "Fm", "Ab", "Bm7b5")
"""Commonest first: of two that fit alike the first is taken, as a fifth without its third is heard in the key."""
CHORDS: Final = tuple(chord(name, seventh) for seventh in (False, True) for name in _CHORD_NAMES)
_MEMBER: Final = np.array([[float(tone in one.pitch_classes) for tone in range(12)] for one in CHORDS])
_SIZES: Final = _MEMBER.sum(axis=1)
_MISSING: Final = 0.1
"""What a chord tone that does not sound counts against a chord, beside 1 for all that sounds."""

Beats = Sequence[Chord | None]


def find_chord(weights: NDArray[np.float64]) -> Chord:
    """The chord of the vocabulary that fits best.

    Args:
        weights: how much each pitch class sounds, shape (12,), not all zero.
    """
    shares = weights / weights.sum()
    sounding = (weights > 0).astype(np.float64)
    fit = 2 * (_MEMBER @ shares) - 1 - _MISSING * (_SIZES - _MEMBER @ sounding)
    return CHORDS[int(fit.argmax())]


def compute_tone_weights(score: Score) -> NDArray[np.float64]:
    """Steps for which each pitch class of the chord part sounds, by beat, shape (N, 12)."""
    steps = score.chord.reshape(score.beats, STEPS_PER_BEAT, -1).sum(axis=1).astype(np.float64)
    classes = (RANGES["chords"].low + np.arange(RANGES["chords"].count)) % 12
    return np.stack([steps[:, classes == tone].sum(axis=1) for tone in range(12)], axis=1)


def infer_chords(score: Score) -> Beats:
    """Infer the chord of each beat, for a silent beat that of the nearest sounding beat of its bar, or None."""
    weights = compute_tone_weights(score)
    bars = np.cumsum(score.beat_in_bar == 0)
    found: list[Chord | None] = []
    for beat in range(score.beats):
        near = [other for other in range(max(0, beat - 3), min(score.beats, beat + 4)) if bars[other] == bars[beat]]
        sounding = [other for other in near if weights[other].any()]
        nearest = min(sounding, key=lambda other: (abs(other - beat), other), default=None)
        found.append(None if nearest is None else find_chord(weights[nearest]))
    return found


Count = tuple[float, float]
"""Found, of how many."""

LEAP: Final = 7
_BARS_BACK: Final = 4
BARS: Final = {
    "in scale": ("notes in the scale of their chord", ">=", 0.99),
    "bass": ("bass on a tone of its chord", ">=", 0.97),
    "lead": ("lead on a chord tone on the beats", ">=", 0.90),
    "leaps": (f"lead leaps of more than {LEAP} semitones", "<=", 0.05),
    "rhythm": (f"lead rhythm of one of the {_BARS_BACK} bars before", ">=", 0.65),
}


def note_rows(takes: Iterable[Score], corpus: Iterable[Score]) -> list[Row]:
    """One row for each of BARS."""
    generated, composed = [count_notes(score) for score in takes], [count_notes(score) for score in corpus]
    return [
        Row(
            name, sign, bar,
            ratio([counts[key] for counts in generated]),
            ratio([counts[key] for counts in composed]).value,
        )
        for key, (name, sign, bar) in BARS.items()
    ]  # fmt: skip


def count_notes(score: Score) -> dict[str, Count]:
    """The counts of one piece by the keys of BARS."""
    chords = infer_chords(score)
    lead = onsets(score, "lead")
    return {
        "in scale": _in_scale(score, chords),
        "bass": _chord_tones(onsets(score, "bass"), chords),
        "lead": _chord_tones([(step, pitch) for step, pitch in lead if step % STEPS_PER_BEAT == 0], chords),
        "leaps": _count_true(abs(after - before) > LEAP for (_, before), (_, after) in pairwise(lead)),
        "rhythm": _rhythms(score),
    }


def onsets(score: Score, part: str) -> list[tuple[int, int]]:
    """Step and MIDI pitch of each note of a mono part."""
    state = score.mono[part]
    lowest = RANGES[part].low - FIRST_PITCH
    return [(int(step), int(state[step]) + lowest) for step in np.flatnonzero(state >= FIRST_PITCH)]


def list_chord_onsets(score: Score) -> list[tuple[int, int]]:
    """Step and MIDI pitch of each note of a struck chord."""
    struck, rows = np.nonzero(score.chord & score.chord_struck[:, None])
    return [(int(step), int(row) + RANGES["chords"].low) for step, row in zip(struck, rows, strict=True)]


def list_bars(score: Score) -> list[tuple[int, int]]:
    """First beat and number of beats of each bar."""
    starts = [*np.flatnonzero(score.beat_in_bar == 0).tolist(), score.beats]
    return [(first, last - first) for first, last in pairwise(starts)]


def _in_scale(score: Score, chords: Beats) -> Count:
    notes = [note for part in MONO_PARTS for note in onsets(score, part)] + list_chord_onsets(score)
    heard = [(chords[step // STEPS_PER_BEAT], pitch % 12) for step, pitch in notes]
    return _count_true(tone in chord.scale for chord, tone in heard if chord is not None)


def _chord_tones(notes: list[tuple[int, int]], chords: Beats) -> Count:
    heard = [(chords[step // STEPS_PER_BEAT], pitch % 12) for step, pitch in notes]
    return _count_true(tone in chord.pitch_classes for chord, tone in heard if chord is not None)


def _rhythms(score: Score) -> Count:
    """Count whole bars with a lead whose rhythm, without its first step, equals that of one of the few bars before."""
    onset = score.mono["lead"] >= FIRST_PITCH
    bars = list_bars(score)
    whole = max(beats for _, beats in bars)
    steps = [(STEPS_PER_BEAT * first, STEPS_PER_BEAT * (first + whole)) for first, beats in bars if beats == whole]
    rhythms = [tuple(onset[first + 1 : last].tolist()) for first, last in steps if onset[first:last].any()]
    return _count_true(
        rhythm in rhythms[max(0, index - _BARS_BACK) : index] for index, rhythm in enumerate(rhythms) if index
    )


def _count_true(flags: Iterable[bool]) -> Count:
    known = [bool(flag) for flag in flags]
    return float(sum(known)), float(len(known))


_MODE_NAMES: Final = tuple(dict.fromkeys(one.name for one in CHORDS))
FEATURES: Final = 5 * len(_MODE_NAMES) + 12
_DECAY: Final = 0.02
_STEPS: Final = 60


def compute_mode_features(score: Score) -> NDArray[np.float32]:
    """Features of the mode, shape (FEATURES,): shares of each chord and of each pitch class in the lead.

    Shares of chords are over all beats, the starts of bars, the first beat, the last quarter and the last beat.
    """
    chords = infer_chords(score)
    known = [(beat, one.name) for beat, one in enumerate(chords) if one is not None]
    on_bars = [name for beat, name in known if score.beat_in_bar[beat] == 0]
    names = [name for _, name in known]
    late = [name for beat, name in known if beat >= 0.75 * score.beats]
    lead = np.bincount([pitch % 12 for _, pitch in onsets(score, "lead")], minlength=12).astype(np.float64)
    parts = [_shares(some) for some in (names, on_bars, names[:1], late, names[-1:])]
    return np.concatenate([*parts, lead / max(1.0, lead.sum())]).astype(np.float32)


def _shares(names: Sequence[str]) -> NDArray[np.float64]:
    counts = np.array([names.count(name) for name in _MODE_NAMES], np.float64)
    return np.asarray(counts / max(1.0, counts.sum()))


class ModeClassifier:
    """Classifier of the mode, minor or major.

    The last chord alone would decide it on the corpus, whose pieces all end on the tonic. So each piece is used twice
    for the fit, once without its ending, so that the other features count too.
    """

    def __init__(self, scores: Sequence[Score], minor: Sequence[bool]) -> None:
        """Fit to scores of known mode."""
        whole = torch.from_numpy(np.stack([compute_mode_features(score) for score in scores]))
        seen = torch.cat([whole, whole * _without_ending()])
        said = torch.tensor([*minor, *minor], dtype=torch.float32)
        self._weights = torch.zeros(FEATURES + 1, requires_grad=True)
        optimizer = torch.optim.LBFGS([self._weights], max_iter=_STEPS, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            optimizer.zero_grad()
            logits = seen @ self._weights[:-1] + self._weights[-1]
            total = torch.nn.functional.binary_cross_entropy_with_logits(logits, said)
            total = total + _DECAY / len(said) * self._weights.pow(2).sum()
            total.backward()  # type: ignore[no-untyped-call]
            return total

        optimizer.step(loss)  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def is_minor(self, score: Score, to_the_end: bool = True) -> bool:
        """Return True when a score is in the minor mode; with ``to_the_end`` False its ending is left out."""
        features = torch.from_numpy(compute_mode_features(score))
        if not to_the_end:
            features = features * _without_ending()
        return bool(features @ self._weights[:-1] + self._weights[-1] > 0)


def _without_ending() -> torch.Tensor:
    kept = torch.ones(FEATURES)
    kept[4 * len(_MODE_NAMES) : 5 * len(_MODE_NAMES)] = 0
    return kept
