"""The production model: Stable Audio 3 with the event curve as one more input."""

from pathlib import Path
from typing import TYPE_CHECKING

from model_core.errors import ModelError
from model_core.models.registry import MODEL_KINDS, ModelKind
from model_core.models.stable_audio.manifest import AUDIO_KIND, AudioManifest
from model_core.runtime import Runtime

if TYPE_CHECKING:
    from model_core.curves.video import FrameEncoder
    from model_core.models.base import MusicModel


def _load(folder: Path | None, runtime: Runtime) -> "MusicModel":
    from model_core.models.stable_audio.model import StableAudioModel

    return StableAudioModel.load(_given(folder), runtime)


def _load_picture_encoder(folder: Path | None, runtime: Runtime) -> "FrameEncoder":
    from model_core.models.stable_audio.model import load_picture_encoder

    return load_picture_encoder(_given(folder), runtime)


def _given(folder: Path | None) -> Path:
    if folder is None:
        raise ModelError("No audio model is shipped with this package. Name a model folder.")
    return folder


MODEL_KINDS.register(
    AUDIO_KIND,
    ModelKind(
        manifest=AudioManifest,
        load=_load,
        load_picture_encoder=_load_picture_encoder,
        unsupported_options=frozenset({"sync", "redraws"}),
        writes_notes=False,
        runs_on_gpu=True,
    ),
)
