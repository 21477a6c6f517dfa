"""The embedded model: plans a tempo map, samples a score by the flow, and renders it with a synthesizer."""

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
from model_core.encoders.log_mel_chroma import LogMelChroma
from model_core.encoders.minilm import MiniLM, TextEmbedding
from model_core.flow.conditioning import Condition, add_given_flag
from model_core.flow.sampler import Guidance
from model_core.models.base import GeneratedMusic, resolve_options
from model_core.models.score.codec.codec import SAMPLE_RATE, ScoreCodec
from model_core.models.score.codec.grid import build_global_vector
from model_core.models.score.codec.midi import key_name, write_midi
from model_core.models.score.codec.notes import Note
from model_core.models.score.codec.score import Score
from model_core.models.score.folder import ScoreParts, load_score_parts
from model_core.models.score.planner.make_plan import PlanRequest, make_plan
from model_core.models.score.refine import EventMatcher
from model_core.models.score.sampler import Sampling, ScoreSampler
from model_core.options import ProgressCallback, ScoreOptions
from model_core.plan.plan import ScorePlan

_SAMPLE_SHARE: Final = 0.6  # share of the first sample in the progress; refinement is the rest


@dataclass(frozen=True)
class ScoreSettings:
    """Options that a score model supports, with its own defaults; see ScoreOptions."""

    seed: int = 0
    steps: int = 16
    text_guidance: float = 0.6
    curve_guidance: float = 4.0
    sync: float = 1.0
    redraws: int = 2


@dataclass(frozen=True)
class ScoreNotation:
    """Notes of a piece in seconds, as rendered, and the plan with its tempo map."""

    notes: list[Note]
    plan: ScorePlan

    def write_midi(self, path: Path) -> None:
        """See Notation.write_midi."""
        plan, tempo = self.plan, self.plan.tempo
        write_midi(path, self.notes, tempo.beat_times, plan.header, plan.key, tempo.beat_in_bar)


class ScoreModel:
    """The embedded model and its encoders, loaded once."""

    def __init__(self, model: ScoreParts, text: MiniLM, picture_encoder: FrameEncoder) -> None:
        self.model = model
        self.info = model.info
        self.picture_encoder = picture_encoder
        self.uses_gpu = False
        self.codec = ScoreCodec(model.vae)
        self._text = text
        self._music_encoder = LogMelChroma()
        self._tokenizer_lock = Lock()  # a tokenizer serves one thread at a time

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Load a model folder, the shipped one by default; ModelError when it cannot be used."""
        return cls(load_score_parts(folder), MiniLM(), EfficientNetLite0())

    def check_options(self, options: ScoreOptions) -> None:
        """See MusicModel.check_options."""
        self._settings(options)

    def music_curve(self, audio: NDArray[np.float32], sample_rate: int) -> EventCurve:
        """See MusicModel.music_curve."""
        return self._music_encoder.curve(audio, sample_rate)

    def generate(
        self, curve: EventCurve, duration: float, prompt: str, options: ScoreOptions, report: ProgressCallback
    ) -> GeneratedMusic:
        """See MusicModel.generate."""
        plan, score = self.compose(curve, duration, prompt, options, report)
        report("render", 0.0)
        rendered = self.codec.render(score, plan)
        return GeneratedMusic(
            audio=rendered.audio,
            sample_rate=SAMPLE_RATE,
            music=_describe_music(plan, rendered.notes),
            options=asdict(self._settings(options)),
            notation=ScoreNotation(rendered.notes, plan),
            hit_points=[float(time) for time in plan.tempo.hit_points],
        )

    def compose(
        self, curve: EventCurve, duration: float, prompt: str, options: ScoreOptions, report: ProgressCallback
    ) -> tuple[ScorePlan, Score]:
        """Plan and score for a curve of ``duration`` seconds, not yet rendered."""
        settings = self._settings(options)
        report("plan", 0.0)
        with self._tokenizer_lock:
            text = self._text.embed([prompt])
        request = PlanRequest(prompt, text.pooled, settings.seed, settings.sync)
        plan = make_plan(self.model.planner, request, curve.peaks(), duration)
        latents = self._sample(plan, curve, self._sampler(plan, curve, prompt, text), settings, report)
        return plan, self.codec.decode_score(latents, plan)

    def _settings(self, options: ScoreOptions) -> ScoreSettings:
        return resolve_options(options, ScoreSettings(), self.info.title)

    def _sample(
        self,
        plan: ScorePlan,
        curve: EventCurve,
        sampler: ScoreSampler,
        settings: ScoreSettings,
        report: ProgressCallback,
    ) -> torch.Tensor:
        sampling = Sampling(Guidance(settings.text_guidance, settings.curve_guidance), settings.steps, settings.seed)
        latents = sampler.sample(sampling, lambda fraction: report("generate", _SAMPLE_SHARE * fraction))
        if settings.curve_guidance:
            matcher = EventMatcher(self.codec, plan, self._music_encoder, curve.peaks().times)
            latents = sampler.refine(
                latents,
                matcher,
                sampling,
                settings.redraws,
                lambda fraction: report("generate", _SAMPLE_SHARE + (1 - _SAMPLE_SHARE) * fraction),
            )
        report("generate", 1.0)
        return latents

    def _sampler(self, plan: ScorePlan, curve: EventCurve, prompt: str, text: TextEmbedding) -> ScoreSampler:
        prompted = torch.tensor([bool(prompt)])
        return ScoreSampler(
            self.model.flow,
            self.model.scheduler,
            self._condition(plan, curve, text, prompted),
            self._condition(plan, curve, text, torch.zeros_like(prompted)),
            self.codec.grid(plan)[None],
        )

    def _condition(self, plan: ScorePlan, curve: EventCurve, text: TextEmbedding, prompted: torch.Tensor) -> Condition:
        header = torch.from_numpy(plan.header.vector(self.model.planner.vocabulary))[None]
        return Condition(
            text=text.tokens,
            text_mask=text.mask & prompted[:, None],
            global_vector=build_global_vector(header, text.pooled, prompted),
            local=None,
            curve=add_given_flag(self.codec.curve(plan, curve)[None]),
        )


def _describe_music(plan: ScorePlan, notes: list[Note]) -> dict[str, Any]:
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
