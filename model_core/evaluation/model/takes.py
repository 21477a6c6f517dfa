"""Takes: music that the model makes for a prompt, a curve and a seed, as plan and score, and their sound."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from model_core.audio.loudness import normalise
from model_core.curves.event_curve import EventCurve
from model_core.evaluation.model.planted import duration_of, planted_curve
from model_core.evaluation.model.together import at_once
from model_core.models.score.codec.codec import SAMPLE_RATE, rendered_notes
from model_core.models.score.codec.notes import Note
from model_core.models.score.codec.score import Score
from model_core.models.score.model import ScoreModel
from model_core.options import ScoreOptions
from model_core.plan.plan import ScorePlan


@dataclass(frozen=True)
class Take:
    """One piece of generated music, not yet played."""

    prompt: str
    seed: int
    curve: EventCurve
    plan: ScorePlan
    score: Score

    @property
    def notes(self) -> list[Note]:
        """What is played, in seconds; nothing begins after the plan's duration."""
        return rendered_notes(self.score, self.plan)

    @property
    def programs(self) -> frozenset[int]:
        """General MIDI programs that sound, those of drums apart."""
        return frozenset(note.program for note in self.notes if note.role not in ("drums", "impact"))

    @property
    def roles(self) -> frozenset[str]:
        """Roles that sound; an impact is the drums'."""
        return frozenset("drums" if note.role == "impact" else note.role for note in self.notes)

    @property
    def felt_bpm(self) -> float:
        """Mean tempo as a listener counts it, from the times of the beats."""
        tempo, header = self.plan.tempo, self.plan.header
        bpm = 60 * tempo.last_beat / float(tempo.beat_times[tempo.last_beat] - tempo.beat_times[0])
        return bpm * header.felt_bpm / header.bpm


class Studio:
    """A score model that stops at the score: takes are made as soundtracks are, with the same options."""

    def __init__(self, model: ScoreModel) -> None:
        self._score_model = model
        self.model = model.model
        self.codec = model.codec

    @classmethod
    def load(cls, model: Path | None = None) -> Self:
        """The studio of a model folder, the shipped one by default."""
        return cls(ScoreModel.load(model))

    @property
    def styles(self) -> tuple[str, ...]:
        """Styles that the model knows."""
        return self.model.planner.vocabulary.styles

    def take(self, prompt: str, seed: int, curve: EventCurve, redraws: int | None = None) -> Take:
        """Plan, generate and decode with the default options; ``redraws`` as in ScoreOptions, its default if None."""
        options = ScoreOptions(seed=seed) if redraws is None else ScoreOptions(seed=seed, redraws=redraws)
        made = self._score_model.compose(curve, duration_of(curve), prompt, options, lambda stage, fraction: None)
        return Take(prompt, seed, curve, *made)

    def takes(self, prompts: Sequence[str], first_seed: int, redraws: int | None = None) -> list[Take]:
        """One take a prompt, each with a seed and a planted curve of its own."""

        def take(asked: tuple[int, str]) -> Take:
            seed, prompt = asked
            return self.take(prompt, seed, planted_curve(seed), redraws)

        return at_once(take, enumerate(prompts, first_seed))

    def play(self, take: Take) -> NDArray[np.float32]:
        """The finished sound of a take, shape (2, duration * SAMPLE_RATE)."""
        return normalise(self.codec.render(take.score, take.plan).audio, SAMPLE_RATE)
