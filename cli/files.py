"""What the commands check of the paths they are given, before any work is done."""

import os
from pathlib import Path

from model_core.errors import InputError


def check_target(name: str, target: Path | None, video: Path) -> None:
    """InputError when the file to be written, if there is to be one, cannot be, or would replace the video."""
    if target is None:
        return
    folder = target.resolve().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError(name, f"{folder} is no folder that can be written to", "no_folder")
    if target.is_dir():
        raise InputError(name, f"{target} is a folder; name a file", "is_folder")
    if target.resolve() == video.resolve():
        raise InputError(name, "would overwrite the video", "same_file")


def check_video(video: Path) -> None:
    """InputError when the video is not there."""
    if not video.is_file():
        raise InputError("video", f"there is no file {video}", "missing")
