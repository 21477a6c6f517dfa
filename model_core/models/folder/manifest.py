"""Manifest of a model folder, v2m.json: kind, name, version, license and encoders, and the sha256 of every file.

Also writes a model folder so that it is complete or absent. Torch-free. Each kind of model adds its own fields to the
manifest, see models/score/__init__.py and models/stable_audio/__init__.py.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from model_core.errors import ModelError

FORMAT: Final = 2
MANIFEST: Final = "v2m.json"
_WEIGHTS_AND_CONFIGS: Final = {".json", ".safetensors"}
_DOCUMENTS: Final = {"README.md", "LICENSE", "NOTICE"}
"""Other files that a folder may contain. Names that begin with a dot are allowed too, for git and model hubs."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Section(BaseModel):
    """Section of a manifest; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Encoders(Section):
    """Names of the encoders of prompts, pictures and music."""

    text: Text
    picture: Text
    music: Text


class Manifest(Section):
    """Fields that v2m.json has for every kind of model.

    Attributes:
        kind: name under which the kind of model is registered.
        name, version: name and version of the model, for reports.
        licence: license of the weights, as an SPDX identifier.
        sha256: digests of all other files, by path in the folder with ``/``.
    """

    format: Literal[2]
    kind: str
    name: Text
    version: Text
    licence: Text
    encoders: Encoders
    sha256: dict[str, _Digest] = Field(min_length=1)


_ManifestT = TypeVar("_ManifestT", bound=Manifest)


def read_kind(folder: Path) -> str:
    """Kind of model that a folder's manifest states, known or not; ModelError when it cannot be read."""
    return str(read_json(folder, MANIFEST).get("kind"))


def read_manifest_as(folder: Path, expected: type[_ManifestT]) -> _ManifestT:
    """Read the manifest of a folder and check all files by their digests.

    Raises:
        ModelError: a file is missing, damaged or unknown, or the manifest is not an ``expected`` one; names file and
            field.
    """
    given = read_json(folder, MANIFEST)
    try:
        manifest = expected.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        found = "" if first["type"] in {"missing", "extra_forbidden"} else f", not {str(first['input'])[:80]}"
        raise ModelError(f"model folder {folder}: {MANIFEST}: {field}: {first['msg']}{found}") from error
    check_files(folder, manifest.sha256)
    return manifest


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Read a JSON object of the folder; ModelError when it cannot be read or is not an object."""
    try:
        given: Any = json.loads((folder / name).read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"model folder {folder}: cannot read {name}: {error}") from error
    if not isinstance(given, dict):
        raise ModelError(f"model folder {folder}: {name} is not a JSON object")
    return given


def check_files(folder: Path, digests: dict[str, str]) -> None:
    """Raise ModelError unless the folder has exactly the named files with their digests."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or name in digests or name in {MANIFEST, *_DOCUMENTS} or name.startswith("."):
            continue
        raise ModelError(f"model folder {folder}: {name} does not belong here: {MANIFEST}: sha256 does not name it")
    for name, digest in digests.items():
        path = folder / name
        if path.suffix not in _WEIGHTS_AND_CONFIGS or ".." in path.parts or Path(name).is_absolute():
            raise ModelError(
                f"model folder {folder}: {MANIFEST}: sha256: {name} is not a safetensors or JSON file in the folder"
            )
        if not path.is_file():
            raise ModelError(f"model folder {folder}: {name} is missing")
        if sha256(path) != digest:
            raise ModelError(f"model folder {folder}: {name} is damaged: its sha256 is not the one in {MANIFEST}")


def compute_digests(folder: Path) -> dict[str, str]:
    """Compute the sha256 of each file of a folder except its manifest, by path in the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_replaceable(out: Path) -> None:
    """Raise ModelError when ``out`` exists and is neither a model folder nor an empty folder."""
    if out.exists() and not (out / MANIFEST).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise ModelError(f"{out} is not a model folder and will not be replaced; choose another path")


@contextmanager
def replace_folder(out: Path) -> Iterator[Path]:
    """Temporary folder beside ``out``, which replaces it at the end of the block, or is removed after an error.

    Raises:
        ModelError: see check_replaceable.
    """
    check_replaceable(out)
    out = out.resolve()
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        for path in partial.rglob("*.safetensors"):
            path.chmod(0o644)  # safetensors lets only the owner read them; a service may run as another user
        if out.exists():
            shutil.rmtree(out)
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
