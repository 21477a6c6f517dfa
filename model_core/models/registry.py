"""Registry of the kinds of models, by the ``kind`` of their manifests. Each kind registers in its own package here.

A kind registers functions that import the model when they are called. So the command line reads manifests without
torch, and a score model does not load the libraries of the audio model.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from model_core.models.folder.manifest import Manifest, read_kind, read_manifest_as
from model_core.registry import Registry
from model_core.runtime import Runtime

if TYPE_CHECKING:
    from model_core.curves.video import FrameEncoder
    from model_core.models.base import MusicModel


@dataclass(frozen=True)
class ModelKind:
    """One kind of model.

    Attributes:
        manifest: class of its v2m.json.
        load: loads a model folder, or the one shipped with the package for None. ModelError when it cannot be used.
        load_picture_encoder: loads its picture encoder and nothing else, with the same errors.
        writes_notes: True where its results include notes, as MIDI.
    """

    manifest: type[Manifest]
    load: "Callable[[Path | None, Runtime], MusicModel]"
    load_picture_encoder: "Callable[[Path | None, Runtime], FrameEncoder]"
    writes_notes: bool


MODEL_KINDS: Final = Registry[ModelKind]("kind of model", "model_core.models")
SHIPPED_KIND: Final = "embedded-score"


def model_kind(folder: Path | None) -> ModelKind:
    """Kind of a model folder, or of the shipped model for None; ModelError for a kind that does not exist."""
    return MODEL_KINDS.get(SHIPPED_KIND if folder is None else read_kind(folder))


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a model folder of any kind; see read_manifest_as."""
    return read_manifest_as(folder, model_kind(folder).manifest)
