"""The sound files of a music folder."""

import os
from pathlib import Path
from typing import Final

from model_core.errors import InputError

SUFFIXES: Final = (
    *(".wav", ".wave", ".aif", ".aiff", ".flac", ".mp3", ".m4a", ".m4b"),
    *(".aac", ".ogg", ".oga", ".opus", ".wma", ".mka", ".weba"),
)
"""In whatever case; each of a format that the media sandbox opens. Not those that are usually a video's."""


def find_music(folder: Path) -> list[Path]:
    """Every sound file below a folder, sorted; links to folders are followed, each folder is walked once.

    What is hidden (its name begins with a dot) is left out.

    Raises:
        InputError: there is no such folder, a folder in it may not be read, or there is no sound file in it.
    """
    if not folder.is_dir():
        raise InputError("--data", f"{folder} is {'no folder' if folder.exists() else 'not there'}", "no_data")
    walked: set[tuple[int, int]] = set()
    found: list[Path] = []
    for name, below, files in os.walk(folder, followlinks=True, onerror=_refused):
        status = Path(name).stat()
        if (status.st_dev, status.st_ino) in walked:
            below.clear()  # a link that leads back here
            continue
        walked.add((status.st_dev, status.st_ino))
        below[:] = sorted(one for one in below if not one.startswith("."))
        found += [Path(name, one) for one in files if _is_music(one) and Path(name, one).is_file()]
    if not found:
        kinds = " ".join(SUFFIXES)
        raise InputError("--data", f"there is no music in {folder}: no file that ends in {kinds}", "no_data")
    return sorted(found)


def _is_music(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(SUFFIXES)


def _refused(error: OSError) -> None:
    raise InputError("--data", f"the folder {error.filename} cannot be read: {error.strerror}", "no_data") from error
