"""Baselines from the corpus: held-out pieces, the library of trained pieces, and the codec's round trip."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from model_core.evaluation.model.notes import ModeClassifier, chord_onsets, chords_of, onsets
from model_core.evaluation.model.page import Row, ratio, share
from model_core.evaluation.model.styles import FIRST_CHECKED, StyleNet, is_full, is_typical
from model_core.evaluation.model.variety import Library, band_prints, lead_prints
from model_core.models.score.codec.score import LANES, MONO_PARTS, Score
from model_core.models.score.codec.vae import BeatVAE, from_beats, to_beats
from model_core.plan.plan import STYLES
from model_core.training.composer import Piece, compose
from model_core.training.corpus import length_of, piece_of
from model_core.training.write_corpus import FIRST_RENDERED

BAR = 0.995


@torch.no_grad()
def round_trip(vae: BeatVAE, score: Score) -> Score:
    """Encoded without noise and decoded again."""
    beats = torch.from_numpy(to_beats(score))
    return from_beats(vae.decode(vae.encode(beats)).numpy(), score.beat_in_bar)


def events(score: Score, role: str) -> set[tuple[int, int]]:
    """Step and pitch of what a role begins, for drums step and lane; a riser is no hit."""
    if role == "chords":
        return set(chord_onsets(score))
    if role == "drums":
        steps, lanes = np.nonzero(score.drums[:, : LANES.index("riser")] > 0)
        return set(zip(steps.tolist(), lanes.tolist(), strict=True))
    return set(onsets(score, role))


def f1_count(before: Score, after: Score, role: str) -> tuple[float, float]:
    """Twice what both have, of what either has: their ratio is F1."""
    one, other = events(before, role), events(after, role)
    return 2.0 * len(one & other), float(len(one) + len(other))


def codec_rows(vae: BeatVAE, scores: Sequence[Score]) -> list[Row]:
    """One row a track."""
    pairs = [(score, round_trip(vae, score)) for score in scores]
    return [
        Row(
            f"codec, onset and pitch F1, {role}", ">=", BAR,
            ratio([f1_count(before, after, role) for before, after in pairs]), digits=4,
        )
        for role in (*MONO_PARTS, "chords", "drums")
    ]  # fmt: skip


BEATS: Final = 80
"""About as long as a take."""
_FITTED_SHARE: Final = 2 / 3
"""Of the pieces that the mode classifier is fitted to; it is checked on the rest."""


@dataclass(frozen=True)
class Reference:
    """Held-out pieces, and what was learnt from them.

    Attributes:
        pieces: as many of each style.
        modes: classifier of the mode.
        modes_right, chords_right: shares of the pieces, and of their beats, that are told right.
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
        for heard, real in zip(chords_of(piece.score), piece.harmony, strict=True)
        if heard is not None
    ]
    return Reference(pieces, modes, float(np.mean(right)), float(np.mean(chords)))


def style_net_rows(net: StyleNet, pieces: Sequence[Piece]) -> list[Row]:
    """How well the style network does its job."""
    right = [(net.classify(piece.score) == piece.header.style, is_typical(piece)) for piece in pieces]
    return [
        Row(
            "style network on held-out typical pieces", ">=", 0.97, share([good for good, typical in right if typical])
        ),
        Row("style network on all held-out pieces", "", None, share([good for good, _ in right])),
    ]


def libraries(count: int) -> tuple[Library, Library]:
    """Of leads and of bands, in the first pieces of the part of the corpus that the curve stage sees."""
    seeds = range(FIRST_RENDERED, FIRST_RENDERED + count)
    scores = [piece_of(seed, length_of(seed, mixed=True)).score for seed in seeds]
    return Library(map(lead_prints, scores)), Library(map(band_prints, scores))
