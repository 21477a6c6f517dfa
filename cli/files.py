"""Checks of the files that commands read and write, made before any work begins, and the writing of results."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cli.terminal import OutputError
from model_core.errors import InputError

NAME_LIMIT: Final = 255
"""Longest file name, in bytes, of the usual Linux file systems."""
_SUFFIXES: Final = {
    "--wav": (".wav",),
    "--midi": (".mid", ".midi"),
    "--report": (".json",),
    "--json": (".json",),
    "--picture": (".png",),
}


def check_video(video: Path) -> None:
    """InputError when the video is missing or is not a file."""
    if video.is_dir():
        raise InputError("video", f"{video} is a folder. Name a video file.", "is_folder")
    if not video.exists():
        raise InputError("video", f"there is no file {video}", "missing")
    if not video.is_file():
        raise InputError("video", f"{video} is not a regular file", "not_a_file")


def check_outputs(outputs: Mapping[str, Path | None], video: Path, *, force: bool) -> None:
    """Check all files that a command is going to write.

    Missing folders are fine, since `new_file` creates them.

    Args:
        outputs: option -> path; None where the option was not given.
        video: the input, which no output may replace.
        force: True when existing files may be replaced.

    Raises:
        InputError: names the option and the reason.
    """
    given = {option: path for option, path in outputs.items() if path is not None}
    taken: dict[str, Path] = {}
    for option, path in given.items():
        _check_name(option, path)
        if path.is_dir():
            raise InputError(option, f"{path} is a folder. Name a file.", "is_folder")
        if _are_same(path, video):
            raise InputError(option, f"{path} is the input video, which is never overwritten", "same_file")
        for other, earlier in taken.items():
            if _are_same(path, earlier):
                raise InputError(option, f"{path} is already the file of {other}. Use another name.", "same_file")
        taken[option] = path
    for option, path in given.items():
        _check_folder(option, path)
        if path.exists() and not path.is_file():
            continue  # a device or a pipe, such as /dev/stdout: it has no suffix, and nothing is lost
        suffixes = _SUFFIXES.get(option)
        if suffixes is not None and path.suffix.lower() not in suffixes:
            raise InputError(option, f"{path.name} must end in {' or '.join(suffixes)}", "suffix")
        if path.exists() and not force:
            raise InputError(option, f"{path} already exists. Use another name, or --force to overwrite it.", "exists")


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """A temporary path to write a result to. It becomes ``target`` when the block ends, whole or not at all.

    Missing folders are created; a symbolic link stays, and the file that it points to is replaced.

    Raises:
        OutputError: for every OSError in the block.
    """
    final = Path(os.path.realpath(target))
    special = final.exists() and not final.is_file()
    try:
        with temporary_folder(None if special else final.parent) as folder:
            beside = folder / f"result{final.suffix}"
            yield beside
            if special:
                with beside.open("rb") as source, final.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
            else:
                beside.replace(final)
    except OSError as error:
        raise OutputError(target, error) from error


@contextmanager
def temporary_folder(parent: Path | None) -> Iterator[Path]:
    """A folder in ``parent``, which is created if missing, or in the system's place; removed at the end."""
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=".v2m-") as name:
        yield Path(name)


def named_after(video: Path, ending: str) -> Path:
    """A path beside the video: its name without the suffix, cut where that would be longer than NAME_LIMIT, and
    ``ending``."""
    room = NAME_LIMIT - len(os.fsencode(ending))
    stem = os.fsencode(video.stem)[:room].decode(errors="ignore")  # not half a letter
    return video.with_name(f"{stem}{ending}")


def _check_name(option: str, path: Path) -> None:
    size = len(os.fsencode(path.name))
    if size > NAME_LIMIT:
        raise InputError(option, f"the file name has {size} bytes; the limit is {NAME_LIMIT}", "too_long")


def _are_same(one: Path, other: Path) -> bool:
    """Return True when both paths lead to one file, through links and relative spellings too."""
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    try:
        first, second = one.stat(), other.stat()
    except OSError:
        return False  # one of them does not exist yet
    regular = stat.S_ISREG(first.st_mode)  # two outputs may both go to /dev/null
    return regular and os.path.samestat(first, second)


def _check_folder(option: str, path: Path) -> None:
    """InputError unless files can be created in the path's folder, or in the nearest folder above it that exists."""
    if path.exists() and not path.is_file():
        return
    folder = Path(os.path.realpath(path)).parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise InputError(option, f"{folder} is not a folder", "no_folder")
    try:
        # Only trying tells: root may write anywhere but in /proc, or on a read-only file system.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = f"cannot create files in the folder {folder}: {error.strerror}"
        raise InputError(option, reason, "no_folder") from error
