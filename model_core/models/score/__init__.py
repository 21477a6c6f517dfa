"""The embedded model: a flow over score latents, a codec that decodes them to notes, and a synthesizer."""

from pathlib import Path
from typing import TYPE_CHECKING

from model_core.models.registry import MODEL_KINDS, ModelKind
from model_core.models.score.manifest import KIND, ScoreManifest
from model_core.runtime import Runtime

if TYPE_CHECKING:
    from model_core.curves.video import FrameEncoder
    from model_core.models.base import MusicModel


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
