"""Baselines from the corpus: held-out pieces, the library of trained pieces, and the codec's round trip."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.evaluation.model.notes import ModeClassifier, infer_chords, list_bars, list_chord_onsets, onsets
from model_core.evaluation.model.page import Row, ratio, share
from model_core.evaluation.model.styles import FIRST_CHECKED, StyleNet, is_full, is_typical
from model_core.models.score.codec.score import FIRST_PITCH, LANES, MONO_PARTS, RANGES, STEPS_PER_BEAT, Score
from model_core.models.score.codec.vae import BeatVAE, from_beats, to_beats
from model_core.plan.plan import STYLES
from model_core.training.composer import Piece, compose
from model_core.training.corpus import compose_piece, draw_length
from model_core.training.shards import FIRST_RENDERED

BAR = 0.995
BEATS: Final = 80
"""About as long as a take."""
_FITTED_SHARE: Final = 2 / 3
"""Share of the pieces that the mode classifier is fitted to; it is checked on the rest."""
_RISER: Final = LANES.index("riser")
Print = bytes
"""Fingerprint of a bar; empty for a silent bar, which copies nothing."""


def lead_prints(score: Score) -> list[Print]:
    """Fingerprint the melody of each bar: pitches and lengths."""
    lead = score.mono["lead"].astype(np.int16)
    return [lead[steps].tobytes() if (lead[steps] >= FIRST_PITCH).any() else b"" for steps in _steps(score)]


def band_prints(score: Score) -> list[Print]:
    """Fingerprint each bar of lead, bass, chords and drums together, without velocities."""
    mono = np.stack([score.mono["lead"], score.mono["bass"]], axis=1).astype(np.int16)
    chords = np.concatenate([score.chord, score.chord_struck[:, None]], axis=1)
    hits = np.delete(score.drums > 0, _RISER, axis=1)
    found = []
    for steps in _steps(score):
        sounds = mono[steps].any() or chords[steps].any() or hits[steps].any()
        parts = (mono[steps].tobytes(), np.packbits(chords[steps]).tobytes(), np.packbits(hits[steps]).tobytes())
        found.append(b"|".join(parts) if sounds else b"")
    return found


def _steps(score: Score) -> list[slice]:
    return [slice(STEPS_PER_BEAT * first, STEPS_PER_BEAT * (first + beats)) for first, beats in list_bars(score)]


class Library:
    """The bars of many pieces, to be searched for runs."""

    def __init__(self, pieces: Iterable[Sequence[Print]]) -> None:
        self._places: dict[Print, list[tuple[int, int]]] = {}
        for number, prints in enumerate(pieces):
            for bar, one in enumerate(prints):
                if one:
                    self._places.setdefault(one, []).append((number, bar))

    def longest_run(self, prints: Sequence[Print]) -> int:
        """Most bars in a row that stand in a row in one piece of the library."""
        longest, running = 0, dict[tuple[int, int], int]()
        for one in prints:
            running = {
                (number, bar): running.get((number, bar - 1), 0) + 1 for number, bar in self._places.get(one, [])
            }
            longest = max([longest, *running.values()])
        return longest


def onset_cells(score: Score) -> NDArray[np.bool_]:
    """Mark the steps at which a note begins, by key of each part and by drum lane, shape (T, all keys and lanes)."""
    parts = []
    for part in MONO_PARTS:
        states = np.arange(FIRST_PITCH, FIRST_PITCH + RANGES[part].count)
        parts.append(score.mono[part][:, None] == states)
    hits = np.delete(score.drums > 0, LANES.index("riser"), axis=1)
    return np.concatenate([*parts, score.chord & score.chord_struck[:, None], hits], axis=1)


def difference(one: Score, other: Score) -> float:
    """Share of the onsets of either score that the other lacks, over their common steps; 0 where both are silent."""
    steps = min(one.steps, other.steps)
    a, b = onset_cells(one)[:steps], onset_cells(other)[:steps]
    either = int((a | b).sum())
    return int((a ^ b).sum()) / either if either else 0.0


def mean_difference(takes: Sequence[Score]) -> float:
    """Mean difference over all pairs of takes of one prompt.

    Raises:
        ValueError: there are fewer than two.
    """
    if len(takes) < 2:
        raise ValueError("one take differs from nothing")
    return float(np.mean([difference(one, other) for one, other in combinations(takes, 2)]))


@torch.no_grad()
def round_trip(vae: BeatVAE, score: Score) -> Score:
    """Encode a score without noise and decode it again."""
    beats = torch.from_numpy(to_beats(score))
    return from_beats(vae.decode(vae.encode(beats)).numpy(), score.beat_in_bar)


def events(score: Score, role: str) -> set[tuple[int, int]]:
    """Onsets of a role as (step, pitch), of drums as (step, lane); a riser is left out."""
    if role == "chords":
        return set(list_chord_onsets(score))
    if role == "drums":
        steps, lanes = np.nonzero(score.drums[:, : LANES.index("riser")] > 0)
        return set(zip(steps.tolist(), lanes.tolist(), strict=True))
    return set(onsets(score, role))


def f1_count(before: Score, after: Score, role: str) -> tuple[float, float]:
    """Return twice the number of common onsets, and the onsets of both scores together: their ratio is F1."""
    one, other = events(before, role), events(after, role)
    return 2.0 * len(one & other), float(len(one) + len(other))


def codec_rows(vae: BeatVAE, scores: Sequence[Score]) -> list[Row]:
    """One row for each role: F1 of the onsets after the codec's round trip."""
    pairs = [(score, round_trip(vae, score)) for score in scores]
    return [
        Row(
            f"codec, onset and pitch F1, {role}", ">=", BAR,
            ratio([f1_count(before, after, role) for before, after in pairs]), digits=4,
        )
        for role in (*MONO_PARTS, "chords", "drums")
    ]  # fmt: skip


@dataclass(frozen=True)
class Reference:
    """Held-out pieces, and the mode classifier that was fitted to them.

    Attributes:
        pieces: the same number of each style.
        modes: classifier of the mode.
        modes_right, chords_right: shares of the pieces, and of their beats, with the correct mode or chord.
    """

    pieces: Sequence[Piece]
    modes: ModeClassifier
    modes_right: float
    chords_right: float

    @property
    def scores(self) -> list[Score]:
        """The pieces' scores."""
        return [piece.score for piece in self.pieces]


def reference(count: int) -> Reference:
    """Compose ``count`` held-out pieces and fit the mode classifier to two thirds of the full ones."""
    pieces = [compose(FIRST_CHECKED + number, STYLES[number % len(STYLES)], BEATS) for number in range(count)]
    full = [piece for piece in pieces if is_full(piece)]
    learnt, checked = full[: round(_FITTED_SHARE * len(full))], full[round(_FITTED_SHARE * len(full)) :]
    modes = ModeClassifier([piece.score for piece in learnt], [piece.header.minor for piece in learnt])
    right = [modes.is_minor(piece.score) == piece.header.minor for piece in checked]
    chords = [
        heard.name == real.name
        for piece in pieces
        for heard, real in zip(infer_chords(piece.score), piece.harmony, strict=True)
        if heard is not None
    ]
    return Reference(pieces, modes, float(np.mean(right)), float(np.mean(chords)))


def style_net_rows(net: StyleNet, pieces: Sequence[Piece]) -> list[Row]:
    """Accuracy of the style network, on typical pieces and on all."""
    right = [(net.classify(piece.score) == piece.header.style, is_typical(piece)) for piece in pieces]
    return [
        Row(
            "style network on held-out typical pieces", ">=", 0.97, share([good for good, typical in right if typical])
        ),
        Row("style network on all held-out pieces", "", None, share([good for good, _ in right])),
    ]


def libraries(count: int) -> tuple[Library, Library]:
    """Libraries of lead bars and of band bars, from the first pieces of the corpus part that trains the curve stage."""
    seeds = range(FIRST_RENDERED, FIRST_RENDERED + count)
    scores = [compose_piece(seed, draw_length(seed, mixed=True)).score for seed in seeds]
    return Library(map(lead_prints, scores)), Library(map(band_prints, scores))
