"""The audio model as a musician: Stable Audio 3's flow makes latents that follow the curve, SAME makes them sound."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from model_core.curves.event_curve import EventCurve
from model_core.curves.frame_curve import frame_curve
from model_core.curves.video import FrameEncoder
from model_core.encoders.registry import MusicEncoder, music_encoder, picture_encoder
from model_core.errors import InputError
from model_core.flow.sampler import Guidance
from model_core.models.base import Performance, settled
from model_core.models.folder.manifest import AudioManifest
from model_core.models.stable_audio.flow import AudioFlow, Take
from model_core.models.stable_audio.folder import (
    MUSIC_WEIGHTS,
    PICTURE_WEIGHTS,
    AudioModel,
    encoder_weights,
    load_audio,
    read_audio_manifest,
)
from model_core.models.stable_audio.memory import check_device
from model_core.options import ProgressCallback, ScoreOptions
from model_core.runtime import Runtime


@dataclass(frozen=True)
class AudioSettings:
    """The options that an audio model knows; the defaults stand in its v2m.json. See ScoreOptions."""

    steps: int
    text_guidance: float
    curve_guidance: float
    seed: int = 0
    negative_prompt: str = ""


class AudioMusician:
    """Model and encoders, loaded once onto one device."""

    def __init__(
        self, model: AudioModel, pictures: FrameEncoder, music: MusicEncoder, longest_s: float | None = None
    ) -> None:
        self.model = model
        self.info = model.info
        self.pictures = pictures
        self.flow = AudioFlow(model, longest_s)
        self._music = music
        self._curve = model.manifest.curve

    @classmethod
    def load(cls, folder: Path, runtime: Runtime) -> Self:
        """Load a model folder.

        Raises:
            ModelError: it cannot be used, or does not fit into the device's memory.
        """
        device, dtype = runtime.torch_device(), runtime.torch_dtype()

        def fits(manifest: AudioManifest) -> None:
            longest_s = manifest.windows.longest_s
            check_device(folder, device, dtype, min(longest_s, runtime.window_s or longest_s))

        model = load_audio(folder, device, dtype, before=fits)
        if runtime.compile:
            model.transformer.compile_repeated_blocks()
        names = model.manifest.encoders
        pictures = picture_encoder(names.picture, encoder_weights(folder, PICTURE_WEIGHTS, names.picture), str(device))
        music = music_encoder(names.music, encoder_weights(folder, MUSIC_WEIGHTS, names.music), str(device))
        return cls(model, pictures, music, runtime.window_s)

    def check(self, options: ScoreOptions) -> None:
        """See Musician.check."""
        self._settings(options)

    def hear(self, audio: NDArray[np.float32], sample_rate: int) -> EventCurve:
        """See Musician.hear."""
        return self._music.curve(audio, sample_rate)

    def play(
        self, curve: EventCurve, duration: float, prompt: str, options: ScoreOptions, report: ProgressCallback
    ) -> Performance:
        """See Musician.play."""
        settings = self._settings(options)
        report("plan", 0.0)
        codec = self.flow.codec
        frames = codec.frames_of(duration)
        shaped = frame_curve(curve, codec.frame_times(frames), self._curve.hann_window_s)
        followed = settings.curve_guidance > 0
        take = Take(prompt, settings.seed, shaped if followed else None, settings.negative_prompt)
        latents = self.flow.generate(
            [take],
            duration,
            Guidance(settings.text_guidance, settings.curve_guidance),
            settings.steps,
            lambda fraction: report("generate", fraction),
        )
        samples = round(duration * codec.sample_rate)
        audio = codec.decode(latents, samples, lambda fraction: report("render", 0.7 * fraction))[0]
        return Performance(
            audio=audio,
            sample_rate=codec.sample_rate,
            music={
                "latent_frames": frames,
                "windows": len(self.flow.windows(frames)),
                "follows_curve": followed,
                "prompt_is_cut": self.flow.prompts.cuts(prompt),
                "curve_window_s": self._curve.hann_window_s,
            },
            options=asdict(settings),
            curve_window_s=self._curve.hann_window_s,
        )

    def _settings(self, options: ScoreOptions) -> AudioSettings:
        """The model's own defaults, the options over them; InputError for an option that would change nothing."""
        settings = settled(options, AudioSettings(**self.model.manifest.defaults.model_dump()), self.info.title)
        if settings.negative_prompt and settings.text_guidance == 1:
            raise InputError("negative_prompt", "has no effect with a text_guidance of 1", "not_supported")
        if self._curve.trained:
            return settings
        if options.curve_guidance:
            told = f"the model {self.info.title} has not learnt to follow the curve yet; leave it out"
            raise InputError("curve_guidance", told, "not_supported")
        return replace(settings, curve_guidance=0.0)


def pictures_in(folder: Path, runtime: Runtime) -> FrameEncoder:
    """The encoder of pictures of a model folder alone; ModelError when the folder cannot be used."""
    name = read_audio_manifest(folder).encoders.picture
    return picture_encoder(name, encoder_weights(folder, PICTURE_WEIGHTS, name), str(runtime.torch_device()))
