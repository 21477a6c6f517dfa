"""The manifest of a model folder, v2m.json: what the model is and speaks, and the sha256 of every file. Torch-free."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from model_core.errors import ModelError

FORMAT: Final = 2
KIND: Final = "embedded-score"
AUDIO_KIND: Final = "stable-audio-3"
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


class _Manifest(_Section):
    format: Literal[2]
    name: _Text
    version: _Text
    licence: _Text
    encoders: Encoders
    sha256: dict[str, _Digest] = Field(min_length=1)


class Manifest(_Manifest):
    """v2m.json of a score model as it is written.

    Attributes:
        name, version: of the model, for reports.
        licence: of the weights, as an SPDX identifier.
        sha256: of each file of the folder but this one, by its path in the folder with ``/``.
    """

    kind: Literal["embedded-score"] = KIND
    grid: Grid
    curve: Curve


class AudioCurve(_Section):
    """How an audio model takes the event curve.

    Attributes:
        hann_window_s: width of the window that curves are smoothed with, see frame_curve.
        trained: whether the weights have learnt to follow the curve; before that it changes nothing.
    """

    hann_window_s: float = Field(gt=0, le=10)
    trained: bool


class Windows(_Section):
    """How music longer than the model can make at once is continued; all in seconds.

    Attributes:
        longest_s: longest music that the model makes at once.
        context_s: how much of what is there a continuation is given.
        ending_s: how much of the end of a window that goes on is thrown away, since the model lets its music end.
    """

    longest_s: float = Field(gt=0)
    context_s: float = Field(gt=0)
    ending_s: float = Field(ge=0)

    @model_validator(mode="after")
    def _go_on(self) -> Self:
        if self.context_s + self.ending_s >= self.longest_s:
            raise ValueError("context_s and ending_s leave nothing of longest_s to go on by")
        return self


class SamplingDefaults(_Section):
    """What an audio model does where a job's options say nothing; see ScoreOptions."""

    steps: int = Field(ge=4, le=100)
    text_guidance: float = Field(ge=0, le=10)
    curve_guidance: float = Field(ge=0, le=12)


class AudioManifest(_Manifest):
    """v2m.json of an audio model: Stable Audio 3 with the curve as one more input.

    Attributes:
        base: what it was made from, for reports.
    """

    kind: Literal["stable-audio-3"] = AUDIO_KIND
    base: _Text
    curve: AudioCurve
    windows: Windows
    defaults: SamplingDefaults


def kind_of(folder: Path) -> str:
    """Which kind of model a folder says it holds, known or not; ModelError when it cannot be read."""
    return str(read_json(folder, MANIFEST).get("kind"))


def read_manifest(folder: Path) -> Manifest | AudioManifest:
    """The manifest of a folder whose files are all there, unharmed, and none but what belongs in a model folder.

    Raises:
        ModelError: they are not, or the manifest is none of this format; names the file and the field.
    """
    given = read_json(folder, MANIFEST)
    if given.get("kind") not in (KIND, AUDIO_KIND):
        raise ModelError(
            f"model folder {folder}: {MANIFEST}: kind: Input should be '{KIND}' or '{AUDIO_KIND}', "
            f"not {str(given.get('kind'))[:80]}"
        )
    expected = AudioManifest if given["kind"] == AUDIO_KIND else Manifest
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
