"""score_video: the one door into the package."""

from pathlib import Path
from typing import Final

import torch

from model_core.codecs.score.codec import SAMPLE_RATE, ScoreCodec
from model_core.codecs.score.plan import Plan
from model_core.conditioning import Condition, flagged, inpainting_channels
from model_core.curves import EventCurve
from model_core.encoders.efficientnet import EfficientNetLite0
from model_core.encoders.minilm import MiniLM, TextEmbedding
from model_core.encoders.spectral import LogMelChroma, music_event_curve
from model_core.generator import Guidance, generate
from model_core.loudness import normalise
from model_core.media import VideoInfo, probe
from model_core.model_folder import EmbeddedModel, load_model
from model_core.options import ProgressCallback, ScoreOptions, check_prompt
from model_core.planner.plan import Wish, make_plan
from model_core.prompting import global_vector
from model_core.soundtrack import Soundtrack
from model_core.video_curve import FrameEncoder, video_curve

WINDOW_FRAMES: Final = 48
OVERLAP_FRAMES: Final = 16


class Pipeline:
    """Model and encoders, loaded once; scores one video at a time."""

    def __init__(self, model: EmbeddedModel, text: MiniLM, pictures: FrameEncoder) -> None:
        self.model = model
        self.codec = ScoreCodec(model.vae)
        self._text = text
        self._pictures = pictures
        self._music = LogMelChroma()

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
        report("plan", 0.0)
        text = self._text.embed([prompt])
        wish = Wish(prompt, text.pooled, options.seed, options.plan)
        plan = make_plan(self.model.planner, wish, curve.peaks(), info.duration)
        latents = self._latents(plan, curve, prompt, text, options, report)
        report("render", 0.0)
        played = self.codec.perform(self.codec.decode_score(latents, plan), plan)
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
            model=self.model.name,
        )

    def _latents(
        self,
        plan: Plan,
        curve: EventCurve,
        prompt: str,
        text: TextEmbedding,
        options: ScoreOptions,
        report: ProgressCallback,
    ) -> torch.Tensor:
        channels = self.model.flow.config["io_channels"]
        grid = self.codec.grid(plan)[None]
        nothing = torch.zeros(1, channels, grid.shape[2])
        local = torch.cat([inpainting_channels(nothing, torch.zeros(1, grid.shape[2], dtype=torch.bool)), grid], dim=1)
        header = torch.from_numpy(plan.header.vector(self.model.planner.vocabulary))[None]
        said = torch.tensor([bool(prompt)])

        def condition(prompted: torch.Tensor) -> Condition:
            return Condition(
                text=text.tokens,
                text_mask=text.mask & prompted[:, None],
                global_vector=global_vector(header, text.pooled, prompted),
                local=local,
                curve=flagged(self.codec.curve(plan, curve)[None]),
            )

        return generate(
            self.model.flow,
            condition(said),
            condition(torch.zeros_like(said)),
            Guidance(options.text_guidance, options.curve_guidance),
            steps=options.steps,
            generator=torch.Generator().manual_seed(options.seed),
            window=WINDOW_FRAMES,
            overlap=OVERLAP_FRAMES,
            progress=lambda fraction: report("generate", fraction),
        )[0]
