"""The embedded model as a musician: it plans a tempo map, writes a score by the flow, and a synthesiser plays it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.curves.event_curve import EventCurve
from model_core.curves.video import FrameEncoder
from model_core.encoders.efficientnet import EfficientNetLite0
from model_core.encoders.log_mel_chroma import LogMelChroma, music_event_curve
from model_core.encoders.minilm import MiniLM, TextEmbedding
from model_core.flow.conditioning import Condition, flagged
from model_core.flow.sampler import Guidance
from model_core.models.base import Performance, Written, settled
from model_core.models.score.codec.codec import SAMPLE_RATE, ScoreCodec
from model_core.models.score.codec.midi import key_name
from model_core.models.score.codec.notes import Note
from model_core.models.score.codec.score import Score
from model_core.models.score.folder import EmbeddedModel, load_embedded
from model_core.models.score.global_vector import global_vector
from model_core.models.score.planner.make_plan import Wish, make_plan
from model_core.models.score.refine import redrawn
from model_core.models.score.sampler import Sampling, Sketch
from model_core.options import ProgressCallback, ScoreOptions
from model_core.plan.plan import Plan
from model_core.sync.event_matching import listen

_STRONGER: Final = 1.5  # curve guidance of what is drawn again, times the usual one
_MOST_GUIDANCE: Final = 12.0
_SHARE_OF_STEPS: Final = 0.6  # that a stretch between kept ones takes: most of it is settled by them
_LEAST_STEPS: Final = 4
_FIRST_SHARE: Final = 0.6  # of the time of generating that the first draw is said to take


@dataclass(frozen=True)
class ScoreSettings:
    """The options that a score model knows, with its own defaults; see ScoreOptions."""

    seed: int = 0
    steps: int = 16
    text_guidance: float = 0.6
    curve_guidance: float = 4.0
    sync: float = 1.0
    redraws: int = 2


class ScoreMusician:
    """Model and encoders, loaded once."""

    def __init__(self, model: EmbeddedModel, text: MiniLM, pictures: FrameEncoder) -> None:
        self.model = model
        self.info = model.info
        self.pictures = pictures
        self.codec = ScoreCodec(model.vae)
        self._text = text
        self._music = LogMelChroma()
        self._reading = Lock()  # a tokenizer serves one thread at a time

    @classmethod
    def load(cls, model: Path | None = None) -> Self:
        """Load a model folder, the shipped one by default; ModelError when it cannot be used."""
        return cls(load_embedded(model), MiniLM(), EfficientNetLite0())

    def check(self, options: ScoreOptions) -> None:
        """See Musician.check."""
        self._settings(options)

    def hear(self, audio: NDArray[np.float32], sample_rate: int) -> EventCurve:
        """See Musician.hear."""
        return music_event_curve(audio, sample_rate, self._music)

    def play(
        self, curve: EventCurve, duration: float, prompt: str, options: ScoreOptions, report: ProgressCallback
    ) -> Performance:
        """See Musician.play."""
        plan, score = self.compose(curve, duration, prompt, options, report)
        report("render", 0.0)
        played = self.codec.perform(score, plan)
        return Performance(
            audio=played.audio,
            sample_rate=SAMPLE_RATE,
            music=_told(plan, played.notes),
            options=asdict(self._settings(options)),
            written=Written(played.notes, plan),
            hit_points=[float(time) for time in plan.tempo.hit_points],
        )

    def compose(
        self, curve: EventCurve, duration: float, prompt: str, options: ScoreOptions, report: ProgressCallback
    ) -> tuple[Plan, Score]:
        """Plan and score for a curve of ``duration`` seconds, not yet played."""
        settings = self._settings(options)
        report("plan", 0.0)
        with self._reading:
            text = self._text.embed([prompt])
        wish = Wish(prompt, text.pooled, settings.seed, settings.sync)
        plan = make_plan(self.model.planner, wish, curve.peaks(), duration)
        latents = self._latents(plan, curve, self._sketch(plan, curve, prompt, text), settings, report)
        return plan, self.codec.decode_score(latents, plan)

    def _settings(self, options: ScoreOptions) -> ScoreSettings:
        return settled(options, ScoreSettings(), self.info.title)

    def _latents(
        self, plan: Plan, curve: EventCurve, sketch: Sketch, settings: ScoreSettings, report: ProgressCallback
    ) -> torch.Tensor:
        guidance = Guidance(settings.text_guidance, settings.curve_guidance)
        first = Sampling(guidance, settings.steps, settings.seed)
        latents = sketch.draw(first, lambda fraction: report("generate", _FIRST_SHARE * fraction))
        if not guidance.curve:
            report("generate", 1.0)
            return latents
        stronger = Guidance(guidance.text, min(_MOST_GUIDANCE, _STRONGER * guidance.curve))

        def again(latents: torch.Tensor, gaps: NDArray[np.bool_], attempt: int) -> torch.Tensor:
            report("generate", _FIRST_SHARE + (1 - _FIRST_SHARE) * attempt / settings.redraws)
            seed = int(np.random.default_rng([settings.seed, attempt]).integers(2**31))
            steps = max(_LEAST_STEPS, round(_SHARE_OF_STEPS * settings.steps))
            return sketch.draw_again(latents, gaps, Sampling(stronger, steps, seed))

        latents, _ = redrawn(
            latents,
            curve.peaks().times,
            self.codec.frame_times(plan),
            again,
            lambda drawn: listen(self.codec.preview(self.codec.decode_score(drawn, plan), plan), self._music),
            settings.redraws,
        )
        report("generate", 1.0)
        return latents

    def _sketch(self, plan: Plan, curve: EventCurve, prompt: str, text: TextEmbedding) -> Sketch:
        header = torch.from_numpy(plan.header.vector(self.model.planner.vocabulary))[None]
        said = torch.tensor([bool(prompt)])
        shaped = flagged(self.codec.curve(plan, curve)[None])

        def condition(prompted: torch.Tensor) -> Condition:
            return Condition(
                text=text.tokens,
                text_mask=text.mask & prompted[:, None],
                global_vector=global_vector(header, text.pooled, prompted),
                local=None,
                curve=shaped,
            )

        parts = condition(said), condition(torch.zeros_like(said))
        return Sketch(self.model.flow, self.model.scheduler, *parts, self.codec.grid(plan)[None])


def _told(plan: Plan, notes: list[Note]) -> dict[str, Any]:
    header, tempo = plan.header, plan.tempo
    return {
        "style": header.style,
        "bpm": None if tempo.bpm is None else round(tempo.bpm, 2),
        "key": key_name(plan.key, minor=header.minor),
        "mode": "minor" if header.minor else "major",
        "key_semitones": plan.key,
        "parts": {role: header.programs[role] for role in sorted(header.parts)},
        "notes": len(notes),
        "beats": tempo.last_beat,
    }
