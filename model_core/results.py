"""Result variants of a job, each declared once: name, description, media types, and how its file is written.

Torch-free. Store, API, command line and docs read this list. To add a variant, add a member and its writer here. The
API imports this module for the names, so a writer imports what it needs itself.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from model_core.soundtrack import Soundtrack


class Variant(StrEnum):
    """Result of a completed job; see RESULTS."""

    VIDEO = "video"
    AUDIO = "audio"
    MIDI = "midi"
    CURVE = "curve"
    REPORT = "report"


@dataclass(frozen=True)
class ResultVariant:
    """Declaration of a result.

    Attributes:
        description: one or two sentences for the API's document and the command line.
        media_types: media type by suffix of the file, for every suffix that the file may have.
        write: called with soundtrack, scored video and folder; returns the path, or None where there is no such result.
    """

    description: str
    media_types: Mapping[str, str]
    write: Callable[["Soundtrack", Path, Path], Path | None]


def write_results(soundtrack: "Soundtrack", video: Path, folder: Path) -> dict[str, Path]:
    """Write every variant that a soundtrack has into an existing folder; returns the paths by variant.

    ``video`` is the file that was scored; its video packets are copied bit for bit.
    """
    paths = {variant: result.write(soundtrack, video, folder) for variant, result in RESULTS.items()}
    return {variant: path for variant, path in paths.items() if path is not None}


def write_curves(curves: dict[str, Any], folder: Path) -> Path:
    """Write event curves by name (``video``, ``music``), ready for JSON; returns the path."""
    path = folder / "curve.json"
    path.write_text(json.dumps(curves))
    return path


def _write_video(soundtrack: "Soundtrack", video: Path, folder: Path) -> Path:
    from model_core.media import mux, output_suffix  # needs numpy, which the job records do not

    path = folder / f"video{output_suffix(soundtrack.video)}"
    mux(video, soundtrack.audio, soundtrack.sample_rate, path)
    return path


def _write_audio(soundtrack: "Soundtrack", video: Path, folder: Path) -> Path:
    from model_core.media import write_wav

    path = folder / "audio.wav"
    write_wav(path, soundtrack.audio, soundtrack.sample_rate)
    return path


def _write_midi(soundtrack: "Soundtrack", video: Path, folder: Path) -> Path | None:
    if soundtrack.music.notation is None:
        return None
    path = folder / "score.mid"
    soundtrack.music.notation.write_midi(path)
    return path


def _write_curve(soundtrack: "Soundtrack", video: Path, folder: Path) -> Path:
    return write_curves(soundtrack.curves(), folder)


def _write_report(soundtrack: "Soundtrack", video: Path, folder: Path) -> Path:
    path = folder / "report.json"
    path.write_text(json.dumps(soundtrack.report(), indent=2))
    return path


_JSON: Final = {".json": "application/json"}
_VIDEO: Final = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".wmv": "video/x-ms-wmv",
}

RESULTS: Final = {
    Variant.VIDEO: ResultVariant(
        "The video with its new music, as MP4, QuickTime, Matroska or Windows Media, depending on the upload. The "
        "picture is copied, not encoded again.",
        _VIDEO,
        _write_video,
    ),
    Variant.AUDIO: ResultVariant("The music alone, as WAV.", {".wav": "audio/wav"}, _write_audio),
    Variant.MIDI: ResultVariant(
        "The notes as a standard MIDI file, from models that write notes.", {".mid": "audio/midi"}, _write_midi
    ),
    Variant.CURVE: ResultVariant("The event curves of the video and of the music, as JSON.", _JSON, _write_curve),
    Variant.REPORT: ResultVariant(
        "Model, options, tempo, key, loudness and sync of the result, as JSON.", _JSON, _write_report
    ),
}
"""All results by variant, in the order in which they are written."""
