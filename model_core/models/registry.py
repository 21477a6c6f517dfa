"""Registry of the kinds of models, by the ``kind`` of their manifests. Each kind registers in its own package here.

A kind registers functions that import the model when they are called. So the command line reads manifests without
torch, and a score model does not load the libraries of the audio model.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from model_core.errors import ModelError
from model_core.models.folder.manifest import MANIFEST, Manifest, read_kind, read_manifest_as
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
        unsupported_options: names of the job options that it does not support.
        runs_on_gpu: True where it runs on a GPU if there is one.
    """

    manifest: type[Manifest]
    load: "Callable[[Path | None, Runtime], MusicModel]"
    load_picture_encoder: "Callable[[Path | None, Runtime], FrameEncoder]"
    unsupported_options: frozenset[str]
    writes_notes: bool
    runs_on_gpu: bool


MODEL_KINDS: Final = Registry[ModelKind]("kind of model", "model_core.models")
SHIPPED_KIND: Final = "embedded-score"


def model_kind(folder: Path | None) -> ModelKind:
    """Kind of a model folder, or of the shipped model for None; ModelError for a kind that does not exist."""
    if folder is None:
        return MODEL_KINDS.get(SHIPPED_KIND)
    kind = read_kind(folder)
    if kind not in MODEL_KINDS:
        known = " or ".join(MODEL_KINDS)
        raise ModelError(f"model folder {folder}: {MANIFEST}: kind: must be {known}, not {kind[:80]}")
    return MODEL_KINDS.get(kind)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a model folder of any kind; see read_manifest_as."""
    return read_manifest_as(folder, model_kind(folder).manifest)
