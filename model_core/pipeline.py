"""score_video: the one door into the package."""

from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from model_core.codecs.score.codec import SAMPLE_RATE, ScoreCodec
from model_core.codecs.score.plan import Plan
from model_core.codecs.score.score import Score
from model_core.conditioning import Condition, flagged
from model_core.curves import EventCurve
from model_core.drawing import Sampling, Sketch
from model_core.encoders.efficientnet import EfficientNetLite0
from model_core.encoders.minilm import MiniLM, TextEmbedding
from model_core.encoders.spectral import LogMelChroma, music_event_curve
from model_core.generator import Guidance
from model_core.heard import listen
from model_core.loudness import normalise
from model_core.media import VideoInfo, probe
from model_core.model_folder import EmbeddedModel, load_model
from model_core.options import ProgressCallback, ScoreOptions, check_prompt
from model_core.planner.plan import Wish, make_plan
from model_core.prompting import global_vector
from model_core.redrawing import redrawn
from model_core.soundtrack import Soundtrack
from model_core.video_curve import FrameEncoder, video_curve

_STRONGER: Final = 1.5  # curve guidance of what is drawn again, times the usual one
_MOST_GUIDANCE: Final = 12.0
_SHARE_OF_STEPS: Final = 0.6  # that a stretch between kept ones takes: most of it is settled by them
_LEAST_STEPS: Final = 4
_FIRST_SHARE: Final = 0.6  # of the time of generating that the first draw is said to take


class Pipeline:
    """Model and encoders, loaded once; scores one video at a time."""

    def __init__(self, model: EmbeddedModel, text: MiniLM, pictures: FrameEncoder) -> None:
        self.model = model
        self.codec = ScoreCodec(model.vae)
        self._text = text
        self._pictures = pictures
        self._music = LogMelChroma()
        self._reading = Lock()  # a tokenizer serves one thread at a time

    @classmethod
    def load(cls, model: Path | None = None) -> "Pipeline":
        """Load a model folder, the shipped one by default; ModelError when it cannot be used."""
        return cls(load_model(model), MiniLM(), EfficientNetLite0())

    def score_video(
        self, video: Path, prompt: str, options: ScoreOptions, progress: ProgressCallback | None = None
    ) -> Soundtrack:
        """Make new music for a video.

        Args:
            video: any file; it is probed and decoded in the sandbox.
            prompt: what the music should be; empty lets the video's curve and length decide.
            options: seed, guidance scales and the like.
            progress: called as (stage, fraction), see STAGES; may raise CanceledError.

        Raises:
            InputError: prompt or video cannot be used.
        """
        report = progress or (lambda stage, fraction: None)
        prompt = check_prompt(prompt)
        report("probe", 0.0)
        info = probe(video)
        report("curve", 0.0)
        curve = video_curve(video, self._pictures, info.duration, lambda fraction: report("curve", fraction))
        return self.score_curve(curve, info, prompt, options, report)

    def score_curve(
        self, curve: EventCurve, info: VideoInfo, prompt: str, options: ScoreOptions, report: ProgressCallback
    ) -> Soundtrack:
        """The same from an event curve that was extracted before."""
        plan, score = self.compose(curve, info.duration, prompt, options, report)
        report("render", 0.0)
        played = self.codec.perform(score, plan)
        audio = normalise(played.audio, SAMPLE_RATE)
        report("render", 0.8)
        heard = music_event_curve(audio, SAMPLE_RATE, self._music)
        report("render", 1.0)
        return Soundtrack(
            audio=audio,
            sample_rate=SAMPLE_RATE,
            notes=played.notes,
            plan=plan,
            given_curve=curve,
            heard_curve=heard,
            video=info,
            prompt=prompt,
            options=options,
            model=self.model.title,
        )

    def compose(
        self, curve: EventCurve, duration: float, prompt: str, options: ScoreOptions, report: ProgressCallback
    ) -> tuple[Plan, Score]:
        """Plan and score for a curve of ``duration`` seconds, not yet played."""
        report("plan", 0.0)
        with self._reading:
            text = self._text.embed([prompt])
        plan = make_plan(
            self.model.planner, Wish(prompt, text.pooled, options.seed, options.sync), curve.peaks(), duration
        )
        latents = self._latents(plan, curve, self._sketch(plan, curve, prompt, text), options, report)
        return plan, self.codec.decode_score(latents, plan)

    def _latents(
        self, plan: Plan, curve: EventCurve, sketch: Sketch, options: ScoreOptions, report: ProgressCallback
    ) -> torch.Tensor:
        guidance = Guidance(options.text_guidance, options.curve_guidance)
        first = Sampling(guidance, options.steps, options.seed)
        latents = sketch.draw(first, lambda fraction: report("generate", _FIRST_SHARE * fraction))
        if not guidance.curve:
            report("generate", 1.0)
            return latents
        stronger = Guidance(guidance.text, min(_MOST_GUIDANCE, _STRONGER * guidance.curve))

        def again(latents: torch.Tensor, gaps: NDArray[np.bool_], attempt: int) -> torch.Tensor:
            report("generate", _FIRST_SHARE + (1 - _FIRST_SHARE) * attempt / options.redraws)
            seed = int(np.random.default_rng([options.seed, attempt]).integers(2**31))
            steps = max(_LEAST_STEPS, round(_SHARE_OF_STEPS * options.steps))
            return sketch.draw_again(latents, gaps, Sampling(stronger, steps, seed))

        latents, _ = redrawn(
            latents,
            curve.peaks().times,
            self.codec.frame_times(plan),
            again,
            lambda drawn: listen(self.codec.preview(self.codec.decode_score(drawn, plan), plan), self._music),
            options.redraws,
        )
        report("generate", 1.0)
        return latents

    def _sketch(self, plan: Plan, curve: EventCurve, prompt: str, text: TextEmbedding) -> Sketch:
        header = torch.from_numpy(plan.header.vector(self.model.planner.vocabulary))[None]
        said = torch.tensor([bool(prompt)])
        grid, shaped = self.codec.grid(plan)[None], flagged(self.codec.curve(plan, curve)[None])

        def condition(prompted: torch.Tensor) -> Condition:
            return Condition(
                text=text.tokens,
                text_mask=text.mask & prompted[:, None],
                global_vector=global_vector(header, text.pooled, prompted),
                local=grid,
                curve=shaped,
            )

        return Sketch(self.model.flow, self.model.scheduler, condition(said), condition(torch.zeros_like(said)))
