"""Figures of the notes: in scale, chord tones, leaps, rhythms that come again. Corpus and takes are measured alike."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

import numpy as np

from model_core.evaluation.model.chords import Beats, chords_of
from model_core.evaluation.model.figures import Row, ratio
from model_core.models.score.codec.score import FIRST_PITCH, MONO_PARTS, RANGES, STEPS_PER_BEAT, Score

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
    """The five figures."""
    generated, composed = [note_counts(score) for score in takes], [note_counts(score) for score in corpus]
    return [
        Row(
            name, sign, bar,
            ratio([counts[key] for counts in generated]),
            ratio([counts[key] for counts in composed]).value,
        )
        for key, (name, sign, bar) in BARS.items()
    ]  # fmt: skip


def note_counts(score: Score) -> dict[str, Count]:
    """The counts of one piece by the keys of BARS."""
    chords = chords_of(score)
    lead = onsets(score, "lead")
    return {
        "in scale": _in_scale(score, chords),
        "bass": _chord_tones(onsets(score, "bass"), chords),
        "lead": _chord_tones([(step, pitch) for step, pitch in lead if step % STEPS_PER_BEAT == 0], chords),
        "leaps": _counted(abs(after - before) > LEAP for (_, before), (_, after) in pairwise(lead)),
        "rhythm": _rhythms(score),
    }


def onsets(score: Score, part: str) -> list[tuple[int, int]]:
    """Step and MIDI pitch of each note of a mono part."""
    state = score.mono[part]
    lowest = RANGES[part].low - FIRST_PITCH
    return [(int(step), int(state[step]) + lowest) for step in np.flatnonzero(state >= FIRST_PITCH)]


def chord_onsets(score: Score) -> list[tuple[int, int]]:
    """Step and MIDI pitch of each note of a struck chord."""
    struck, rows = np.nonzero(score.chord & score.chord_struck[:, None])
    return [(int(step), int(row) + RANGES["chords"].low) for step, row in zip(struck, rows, strict=True)]


def bars_of(score: Score) -> list[tuple[int, int]]:
    """First beat and number of beats of each bar."""
    starts = [*np.flatnonzero(score.beat_in_bar == 0).tolist(), score.beats]
    return [(first, last - first) for first, last in pairwise(starts)]


def _in_scale(score: Score, chords: Beats) -> Count:
    notes = [note for part in MONO_PARTS for note in onsets(score, part)] + chord_onsets(score)
    heard = [(chords[step // STEPS_PER_BEAT], pitch % 12) for step, pitch in notes]
    return _counted(tone in chord.scale for chord, tone in heard if chord is not None)


def _chord_tones(notes: list[tuple[int, int]], chords: Beats) -> Count:
    heard = [(chords[step // STEPS_PER_BEAT], pitch % 12) for step, pitch in notes]
    return _counted(tone in chord.pitch_classes for chord, tone in heard if chord is not None)


def _rhythms(score: Score) -> Count:
    """Whole bars in which the lead plays whose rhythm, the first step apart, one of the few before them has."""
    onset = score.mono["lead"] >= FIRST_PITCH
    bars = bars_of(score)
    whole = max(beats for _, beats in bars)
    steps = [(STEPS_PER_BEAT * first, STEPS_PER_BEAT * (first + whole)) for first, beats in bars if beats == whole]
    rhythms = [tuple(onset[first + 1 : last].tolist()) for first, last in steps if onset[first:last].any()]
    return _counted(
        rhythm in rhythms[max(0, index - _BARS_BACK) : index] for index, rhythm in enumerate(rhythms) if index
    )


def _counted(flags: Iterable[bool]) -> Count:
    known = [bool(flag) for flag in flags]
    return float(sum(known)), float(len(known))
