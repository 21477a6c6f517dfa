"""What the codec keeps of a score: onsets with their pitches, encoded, decoded and compared."""

from collections.abc import Sequence

import numpy as np
import torch

from model_core.evaluation.model.figures import Row, ratio
from model_core.evaluation.model.notes import chord_onsets, onsets
from model_core.models.score.codec.beats import from_beats, to_beats
from model_core.models.score.codec.score import LANES, MONO_PARTS, Score
from model_core.models.score.codec.vae import BeatVAE

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
