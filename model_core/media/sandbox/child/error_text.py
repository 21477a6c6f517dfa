"""Why a library failed on a file, in words for the person who sent the file."""

import os
from typing import Final

_NOT_IMPLEMENTED: Final = 0x45574150  # FFmpeg's AVERROR_PATCHWELCOME; its own words are meant for programmers


def reason(error: Exception) -> str:
    """What the system or FFmpeg says of its own errors. Whatever else an error says is for the log alone."""
    number = getattr(error, "errno", None)
    if number == _NOT_IMPLEMENTED:
        return "it uses something that the decoder does not know"
    said = getattr(error, "strerror", None)
    if not said and isinstance(number, int) and number > 0:
        said = os.strerror(number)
    return said or "the decoder failed on it"
