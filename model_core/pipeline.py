"""Pipeline from a video and a prompt to a soundtrack: the entry point of the package."""

from pathlib import Path

from model_core.curves.event_curve import EventCurve
from model_core.curves.video import FrameEncoder, video_curve
from model_core.loudness import normalize
from model_core.media import VideoInfo, probe
from model_core.models.base import MusicModel
from model_core.models.registry import model_kind
from model_core.options import ProgressCallback, ScoreOptions, check_prompt
from model_core.runtime import Runtime
from model_core.soundtrack import Soundtrack


class Pipeline:
    """A model and its encoders, loaded once; scores one video at a time."""

    def __init__(self, model: MusicModel) -> None:
        self.model = model
        self.info = model.info

    @classmethod
    def load(cls, model: Path | None = None, runtime: Runtime | None = None) -> "Pipeline":
        """Load a model folder of any kind, the shipped one by default.

        Args:
            model: folder with a v2m.json.
            runtime: device and precision of an audio model; chosen automatically by default.

        Raises:
            ModelError: it cannot be used; one line that names the file and the field.
        """
        return cls(model_kind(model).load(model, runtime or Runtime()))

    def score_video(
        self, video: Path, prompt: str, options: ScoreOptions, progress: ProgressCallback | None = None
    ) -> Soundtrack:
        """Generate new music for a video.

        Args:
            video: any file; it is probed and decoded in the sandbox.
            prompt: description of the music; if empty, the music depends only on the video's curve and length.
            options: seed, guidance scales and the like.
            progress: called as (stage, fraction), see STAGES; may raise CanceledError.

        Raises:
            InputError: prompt, options or video cannot be used.
        """
        report = progress or (lambda stage, fraction: None)
        prompt = self.check(prompt, options)
        info, curve = self.analyze(video, report)
        return self.score_curve(curve, info, prompt, options, report)

    def check(self, prompt: str, options: ScoreOptions) -> str:
        """Return the prompt without outer white space; InputError when it or an option cannot be used."""
        self.model.check_options(options)
        return check_prompt(prompt)

    def analyze(self, video: Path, report: ProgressCallback) -> tuple[VideoInfo, EventCurve]:
        """Probe a video and extract its event curve; the music depends on nothing else of the video."""
        report("probe", 0.0)
        info = probe(video)
        report("curve", 0.0)
        encoder = self.model.picture_encoder
        return info, video_curve(video, encoder, info.duration, lambda fraction: report("curve", fraction))

    def score_curve(
        self, curve: EventCurve, info: VideoInfo, prompt: str, options: ScoreOptions, report: ProgressCallback
    ) -> Soundtrack:
        """Generate music for an event curve that was extracted before; see score_video."""
        music = self.model.generate(curve, info.duration, prompt, options, report)
        audio = normalize(music.audio, music.sample_rate)
        report("render", 0.8)
        music_curve = self.model.music_curve(audio, music.sample_rate)
        report("render", 1.0)
        return Soundtrack(
            audio=audio,
            music=music,
            video_curve=curve,
            music_curve=music_curve,
            video=info,
            prompt=prompt,
            model=self.info,
        )


def load_picture_encoder(model: Path | None, runtime: Runtime) -> FrameEncoder:
    """Load only the picture encoder of the model that Pipeline.load would load; errors as there."""
    return model_kind(model).load_picture_encoder(model, runtime)
