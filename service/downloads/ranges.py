"""The Range header of RFC 9110, for downloads: one range of bytes."""

import re
from typing import Final

from service.errors.requests import MalformedRange, RangeNotSatisfiable

_ONE: Final = re.compile(r"[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*")


def parse(header: str, size: int) -> tuple[int, int] | None:
    """The first byte of the range and the one after its last; None for the whole file of ``size`` bytes.

    None also for other units than bytes, and for several ranges at once. Problem 416 after the end of the file, 400 for
    a malformed header.
    """
    unit, _, text = header.partition("=")
    if unit.strip().lower() != "bytes" or "," in text:
        return None
    found = _ONE.fullmatch(text)
    first, last = found.groups() if found else ("", "")
    if (not first and not last) or (first and last and int(last) < int(first)):
        raise MalformedRange
    if first:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    else:
        start, stop = max(0, size - int(last)), size
    if start >= size:
        raise RangeNotSatisfiable(size)
    return start, stop
