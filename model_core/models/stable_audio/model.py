"""The audio model: Stable Audio 3's flow samples latents that follow the curve, and its codec decodes them to sound."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from model_core.curves.event_curve import EventCurve, frame_curve
from model_core.curves.video import FrameEncoder
from model_core.encoders.registry import MUSIC_ENCODERS, PICTURE_ENCODERS, MusicEncoder
from model_core.errors import InputError
from model_core.flow.sampler import Guidance
from model_core.models.base import GeneratedMusic, resolve_options
from model_core.models.stable_audio import AudioManifest
from model_core.models.stable_audio.flow import AudioFlow, Take
from model_core.models.stable_audio.folder import (
    MUSIC_WEIGHTS,
    PICTURE_WEIGHTS,
    StableAudioParts,
    encoder_weights,
    load_stable_audio_parts,
    read_audio_manifest,
)
from model_core.models.stable_audio.memory import check_device
from model_core.options import ProgressCallback, ScoreOptions
from model_core.plan.plan import Plan
from model_core.runtime import Runtime


@dataclass(frozen=True)
class AudioSettings:
    """Options that an audio model supports; the defaults are in its v2m.json. See ScoreOptions."""

    steps: int
    text_guidance: float
    curve_guidance: float
    seed: int = 0
    negative_prompt: str = ""


class StableAudioModel:
    """Model and encoders, loaded once onto one device."""

    def __init__(
        self,
        model: StableAudioParts,
        picture_encoder: FrameEncoder,
        music_encoder: MusicEncoder,
        longest_s: float | None = None,
    ) -> None:
        self.model = model
        self.info = model.info
        self.picture_encoder = picture_encoder
        self.uses_gpu = model.transformer.device.type == "cuda"
        self.flow = AudioFlow(model, longest_s)
        self._music_encoder = music_encoder
        self._curve = model.manifest.curve

    @classmethod
    def load(cls, folder: Path, runtime: Runtime) -> Self:
        """Load a model folder.

        Raises:
            ModelError: it cannot be used, or does not fit into the memory of the device.
        """
        device, dtype = runtime.torch_device(), runtime.torch_dtype()

        def check_memory(manifest: AudioManifest) -> None:
            longest_s = manifest.windows.longest_s
            check_device(folder, device, dtype, min(longest_s, runtime.window_s or longest_s))

        model = load_stable_audio_parts(folder, device, dtype, before=check_memory)
        if runtime.compile:
            model.transformer.compile_repeated_blocks()
        names = model.manifest.encoders
        pictures, music = PICTURE_ENCODERS.get(names.picture), MUSIC_ENCODERS.get(names.music)
        return cls(
            model,
            pictures.load(encoder_weights(folder, PICTURE_WEIGHTS, names.picture), str(device)),
            music.load(encoder_weights(folder, MUSIC_WEIGHTS, names.music), str(device)),
            runtime.window_s,
        )

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
        settings = self._settings(options)
        report("plan", 0.0)
        codec = self.flow.codec
        edges = codec.frame_edges(Plan(duration, settings.seed))
        centers = (edges[:-1] + edges[1:]) / 2
        shaped = frame_curve(curve, centers, self._curve.hann_window_s)
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
        return GeneratedMusic(
            audio=audio,
            sample_rate=codec.sample_rate,
            music={
                "latent_frames": len(centers),
                "windows": len(self.flow.windows(len(centers))),
                "follows_curve": followed,
                "prompt_is_cut": self.flow.prompts.is_cut(prompt),
                "curve_window_s": self._curve.hann_window_s,
            },
            options=asdict(settings),
            curve_window_s=self._curve.hann_window_s,
        )

    def _settings(self, options: ScoreOptions) -> AudioSettings:
        """The model's defaults with the given options; InputError for an option that has no effect."""
        settings = resolve_options(options, AudioSettings(**self.model.manifest.defaults.model_dump()), self.info.title)
        if settings.negative_prompt and settings.text_guidance == 1:
            raise InputError("negative_prompt", "has no effect with a text_guidance of 1", "not_supported")
        if self._curve.trained:
            return settings
        if options.curve_guidance:
            detail = f"is not supported: the model {self.info.title} is not trained to follow the curve yet; remove it"
            raise InputError("curve_guidance", detail, "not_supported")
        return replace(settings, curve_guidance=0.0)


def load_picture_encoder(folder: Path, runtime: Runtime) -> FrameEncoder:
    """Load the picture encoder of a model folder and nothing else; ModelError when the folder cannot be used."""
    name = read_audio_manifest(folder).encoders.picture
    weights = encoder_weights(folder, PICTURE_WEIGHTS, name)
    return PICTURE_ENCODERS.get(name).load(weights, str(runtime.torch_device()))
