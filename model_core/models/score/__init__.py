"""The embedded score model: a flow over score latents, a codec that decodes them to notes, and a synthesizer.

This file has its manifest and its registration, and is torch-free.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from model_core.models.folder.manifest import Manifest, Section
from model_core.models.registry import MODEL_KINDS, ModelKind
from model_core.runtime import Runtime

if TYPE_CHECKING:
    from model_core.curves.video import FrameEncoder
    from model_core.models.base import MusicModel

KIND: Final = "embedded-score"


class Grid(Section):
    """Latent grid: beats per latent frame, and steps per beat."""

    beats_per_frame: int
    steps_per_beat: int


class Curve(Section):
    """Event curve: sigma of the Gaussian of an event, width of the Hann window, and pictures per second."""

    pulse_sigma_s: float
    hann_window_s: float
    frame_rate: float


class ScoreManifest(Manifest):
    """v2m.json of a score model."""

    kind: Literal["embedded-score"] = KIND
    grid: Grid
    curve: Curve


def _load(folder: Path | None, runtime: Runtime) -> "MusicModel":
    from model_core.models.score.model import ScoreModel

    return ScoreModel.load(folder)


def _load_picture_encoder(folder: Path | None, runtime: Runtime) -> "FrameEncoder":
    from model_core.encoders.efficientnet import EfficientNetLite0
    from model_core.models.folder.manifest import read_manifest_as

    if folder is not None:
        read_manifest_as(folder, ScoreManifest)
    return EfficientNetLite0()


MODEL_KINDS.register(
    KIND,
    ModelKind(
        manifest=ScoreManifest,
        load=_load,
        load_picture_encoder=_load_picture_encoder,
        unsupported_options=frozenset({"negative_prompt"}),
        writes_notes=True,
        runs_on_gpu=False,
    ),
)
