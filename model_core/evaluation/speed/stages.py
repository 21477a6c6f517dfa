"""The stages that are measured, and how much work each is for so much music."""

from dataclasses import dataclass
from typing import Final

from model_core.curves.video import FRAME_RATE
from model_core.evaluation.speed import networks
from model_core.evaluation.speed.sizes import Size
from model_core.evaluation.speed.work import Work
from model_core.flow.sampler import Guidance

PROMPT: Final = "prompt"
DECODE: Final = "decode"
PICTURE: Final = "picture"
MUSIC: Final = "music"
PICTURE_SIDE: Final = 224
MUSIC_RATE: Final = 25
MUSIC_WINDOW: Final = 30 * MUSIC_RATE
MUSIC_STEP: Final = 25 * MUSIC_RATE
"""Of MusicFM: features a second, features heard at once, and how far apart such windows begin."""


@dataclass(frozen=True)
class Sampling:
    """A way of sampling.

    Attributes:
        name: for the tables.
        distilled: a few steps of the post-trained checkpoints, or the many of the base ones.
        guidance: scales of prompt and curve; a curve scale of 0 leaves the curve out, as diffusers' pipeline does.
        passes: of the transformer a step, made as one batch.
    """

    name: str
    distilled: bool
    guidance: Guidance
    passes: int

    @property
    def curve(self) -> bool:
        """Whether the curve is an input."""
        return self.guidance.curve > 0

    def steps(self, size: Size) -> int:
        """Steps of a whole piece, or of each of its windows."""
        return size.distilled_steps if self.distilled else size.base_steps


PLAIN: Final = Sampling("distilled", True, Guidance(1.0, 0.0), 1)
CURVE: Final = Sampling("distilled, curve", True, Guidance(1.0, 1.0), 1)
TEXT: Final = Sampling("base, text guidance", False, Guidance(7.0, 0.0), 2)
TEXT_AND_CURVE: Final = Sampling("base, text and curve guidance", False, Guidance(7.0, 2.0), 3)
SAMPLINGS: Final = {one.name: one for one in (PLAIN, CURVE, TEXT, TEXT_AND_CURVE)}
STAGES: Final = (PROMPT, *SAMPLINGS, DECODE)
ENCODERS: Final = (PICTURE, MUSIC)


def pictures_of(seconds: float) -> int:
    """Pictures of a video of so many seconds that are looked at."""
    return round(seconds * FRAME_RATE)


def work_of(size: Size, stage: str, seconds: float, batch: int) -> Work:
    """The work of a whole stage: all steps, all windows. Reading the weights once a step is part of it.

    Raises:
        ValueError: there is no such stage.
    """
    if stage == PROMPT:
        return networks.text(size, batch)
    if stage == DECODE:
        return networks.decoder(size, batch, size.frames_of(seconds))
    if stage == PICTURE:
        return networks.picture(size, batch * pictures_of(seconds), PICTURE_SIDE)
    if stage == MUSIC:
        features = round(seconds * MUSIC_RATE)
        windows = 1 + max(0, -(-(features - MUSIC_WINDOW) // MUSIC_STEP))
        return networks.music(size, batch * windows, min(features, MUSIC_WINDOW))
    if stage not in SAMPLINGS:
        raise ValueError(f"there is no stage {stage}")
    sampling = SAMPLINGS[stage]
    whole = Work()
    for window in size.windows_of(seconds):
        local = sampling.curve or window.known > 0
        step = networks.transformer(size, sampling.passes * batch, window.last - window.first, local)
        whole += step * sampling.steps(size)
    return whole
