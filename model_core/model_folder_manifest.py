"""The manifest of a model folder, v2m.json: what the model is and speaks, and the sha256 of every file. Torch-free."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from model_core.errors import ModelError

FORMAT: Final = 2
KIND: Final = "embedded-score"
MANIFEST: Final = "v2m.json"
_WEIGHTS_AND_CONFIGS: Final = {".json", ".safetensors"}
_DOCUMENTS: Final = {"README.md", "LICENSE", "NOTICE"}
"""May lie in the folder, and are not read. So may what begins with a dot: git and model hubs keep theirs there."""

_Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Grid(_Section):
    """The latent frame: how many beats it holds, and how many steps a beat has."""

    beats_per_frame: int
    steps_per_beat: int


class Curve(_Section):
    """The event curve: Gaussian that an event is drawn as, Hann window it is smoothed with, pictures a second."""

    pulse_sigma_s: float
    hann_window_s: float
    frame_rate: float


class Encoders(_Section):
    """Names of the encoders that prompt, pictures and music go through."""

    text: _Text
    picture: _Text
    music: _Text


class Manifest(_Section):
    """v2m.json as it is written.

    Attributes:
        name, version: of the model, for reports.
        licence: of the weights, as an SPDX identifier.
        sha256: of each file of the folder but this one, by its path in the folder with ``/``.
    """

    format: Literal[2]
    kind: Literal["embedded-score"]
    name: _Text
    version: _Text
    licence: _Text
    grid: Grid
    curve: Curve
    encoders: Encoders
    sha256: dict[str, _Digest] = Field(min_length=1)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder whose files are all there, unharmed, and none but what belongs in a model folder.

    Raises:
        ModelError: they are not, or the manifest is none of this format; names the file and the field.
    """
    given = read_json(folder, MANIFEST)
    try:
        manifest = Manifest.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        found = "" if first["type"] in {"missing", "extra_forbidden"} else f", not {str(first['input'])[:80]}"
        raise ModelError(f"model folder {folder}: {MANIFEST}: {field}: {first['msg']}{found}") from error
    check_files(folder, manifest.sha256)
    return manifest


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """A JSON object in the folder; ModelError when it cannot be read or is none."""
    try:
        given: Any = json.loads((folder / name).read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"model folder {folder}: cannot read {name}: {error}") from error
    if not isinstance(given, dict):
        raise ModelError(f"model folder {folder}: {name} holds no object")
    return given


def check_files(folder: Path, digests: dict[str, str]) -> None:
    """ModelError unless the folder holds just the named files, each with its digest."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or name in digests or name in {MANIFEST, *_DOCUMENTS} or name.startswith("."):
            continue
        raise ModelError(f"model folder {folder}: {name} does not belong here: {MANIFEST}: sha256 does not name it")
    for name, digest in digests.items():
        path = folder / name
        if path.suffix not in _WEIGHTS_AND_CONFIGS or ".." in path.parts or Path(name).is_absolute():
            raise ModelError(f"model folder {folder}: {MANIFEST}: sha256: {name} is no safetensors or JSON file of it")
        if not path.is_file():
            raise ModelError(f"model folder {folder}: {name} is missing")
        if sha256(path) != digest:
            raise ModelError(f"model folder {folder}: {name} is damaged: its sha256 is not the one in {MANIFEST}")


def digests_of(folder: Path) -> dict[str, str]:
    """The sha256 of each file in a folder but its manifest, by its path in the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def sha256(path: Path) -> str:
    """Hexadecimal digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
