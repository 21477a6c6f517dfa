"""score_video: the one door into the package."""

from pathlib import Path

from model_core.audio.loudness import normalise
from model_core.curves.event_curve import EventCurve
from model_core.curves.video import FrameEncoder, video_curve
from model_core.encoders.efficientnet import EfficientNetLite0
from model_core.media import VideoInfo, probe
from model_core.models.base import Musician
from model_core.models.folder.manifest import AUDIO_KIND, kind_of, read_manifest
from model_core.options import ProgressCallback, ScoreOptions, check_prompt
from model_core.runtime import Runtime
from model_core.soundtrack import Soundtrack


class Pipeline:
    """A model and its encoders, loaded once; scores one video at a time."""

    def __init__(self, musician: Musician) -> None:
        self.musician = musician
        self.info = musician.info

    @classmethod
    def load(cls, model: Path | None = None, runtime: Runtime | None = None) -> "Pipeline":
        """Load a model folder, the shipped one by default, of whichever kind it is.

        Args:
            model: folder with a v2m.json.
            runtime: where and how an audio model runs; the default chooses.

        Raises:
            ModelError: it cannot be used; one line that names the file and the field.
        """
        if model is not None and kind_of(model) == AUDIO_KIND:
            from model_core.models.stable_audio.model import AudioMusician  # not paid for by those who score with notes

            return cls(AudioMusician.load(model, runtime or Runtime()))
        from model_core.models.score.model import ScoreMusician

        return cls(ScoreMusician.load(model))

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
            InputError: prompt, options or video cannot be used.
        """
        report = progress or (lambda stage, fraction: None)
        prompt = self.check(prompt, options)
        info, curve = self.look(video, report)
        return self.score_curve(curve, info, prompt, options, report)

    def check(self, prompt: str, options: ScoreOptions) -> str:
        """The prompt without outer white space; InputError when it or the options cannot be used by this model."""
        self.musician.check(options)
        return check_prompt(prompt)

    def look(self, video: Path, report: ProgressCallback) -> tuple[VideoInfo, EventCurve]:
        """What is in a video, and its event curve: all that the music is made from."""
        report("probe", 0.0)
        info = probe(video)
        report("curve", 0.0)
        encoder = self.musician.pictures
        return info, video_curve(video, encoder, info.duration, lambda fraction: report("curve", fraction))

    def score_curve(
        self, curve: EventCurve, info: VideoInfo, prompt: str, options: ScoreOptions, report: ProgressCallback
    ) -> Soundtrack:
        """The same from an event curve that was extracted before."""
        played = self.musician.play(curve, info.duration, prompt, options, report)
        audio = normalise(played.audio, played.sample_rate)
        report("render", 0.8)
        heard = self.musician.hear(audio, played.sample_rate)
        report("render", 1.0)
        return Soundtrack(
            audio=audio,
            performance=played,
            given_curve=curve,
            heard_curve=heard,
            video=info,
            prompt=prompt,
            model=self.info,
        )


def pictures_of(model: Path | None, runtime: Runtime) -> FrameEncoder:
    """The encoder of pictures alone that Pipeline.load would load with a model; errors as there."""
    if model is not None and kind_of(model) == AUDIO_KIND:
        from model_core.models.stable_audio.model import pictures_in

        return pictures_in(model, runtime)
    if model is not None:
        read_manifest(model)
    return EfficientNetLite0()
