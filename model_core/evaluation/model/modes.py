"""Major or minor, told from the notes alone: a logistic regression on which chords sound, fitted to the corpus.

The grid is C major or A minor, which share their notes: the mode lies in what the music turns round and rests on.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.evaluation.model.chords import CHORDS, chords_of
from model_core.evaluation.model.notes import onsets
from model_core.models.score.codec.score import Score

_NAMES: Final = tuple(dict.fromkeys(one.name for one in CHORDS))
FEATURES: Final = 5 * len(_NAMES) + 12
_DECAY: Final = 0.02
_STEPS: Final = 60


def mode_features(score: Score) -> NDArray[np.float32]:
    """How often each chord sounds, in all and at the start of bars, with which it opens, closes the last quarter and
    ends, and the share of each pitch class in the lead. Shape (FEATURES,)."""
    chords = chords_of(score)
    known = [(beat, one.name) for beat, one in enumerate(chords) if one is not None]
    on_bars = [name for beat, name in known if score.beat_in_bar[beat] == 0]
    names = [name for _, name in known]
    late = [name for beat, name in known if beat >= 0.75 * score.beats]
    lead = np.bincount([pitch % 12 for _, pitch in onsets(score, "lead")], minlength=12).astype(np.float64)
    parts = [_shares(some) for some in (names, on_bars, names[:1], late, names[-1:])]
    return np.concatenate([*parts, lead / max(1.0, lead.sum())]).astype(np.float32)


def _shares(names: Sequence[str]) -> NDArray[np.float64]:
    counts = np.array([names.count(name) for name in _NAMES], np.float64)
    return np.asarray(counts / max(1.0, counts.sum()))


class ModeEar:
    """Tells minor from major.

    The last chord would settle it on the corpus, whose pieces all end at home. So each piece is learnt from twice, once
    without its ending: what comes before must count for something too.
    """

    def __init__(self, scores: Sequence[Score], minor: Sequence[bool]) -> None:
        """Fit to scores of known mode."""
        whole = torch.from_numpy(np.stack([mode_features(score) for score in scores]))
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
    def minor(self, score: Score, to_the_end: bool = True) -> bool:
        """Whether a score is in the minor mode; the ending may be left out of account."""
        features = torch.from_numpy(mode_features(score))
        if not to_the_end:
            features = features * _without_ending()
        return bool(features @ self._weights[:-1] + self._weights[-1] > 0)


def _without_ending() -> torch.Tensor:
    kept = torch.ones(FEATURES)
    kept[4 * len(_NAMES) : 5 * len(_NAMES)] = 0
    return kept
