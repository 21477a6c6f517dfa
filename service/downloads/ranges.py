"""The Range header of RFC 9110, as far as a download needs it: one range of bytes."""

import re
from typing import Final

from service.problems import Problem

_ONE: Final = re.compile(r"[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*")


def parse(header: str, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last of what is asked for; None for the whole file of ``size`` bytes.

    That is the answer, too, to units other than bytes, and to several ranges at once. Problem: 416 outside the file,
    400 malformed.
    """
    unit, _, text = header.partition("=")
    if unit.strip().lower() != "bytes" or "," in text:
        return None
    found = _ONE.fullmatch(text)
    first, last = found.groups() if found else ("", "")
    if (not first and not last) or (first and last and int(last) < int(first)):
        raise Problem(400, "malformed_range", "Range: is malformed; an example is bytes=0-1023", field="Range")
    if first:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    else:
        start, stop = max(0, size - int(last)), size
    if start >= size:
        headers = {"Content-Range": f"bytes */{size}"}
        detail = f"Range: lies outside the file's {size} bytes"
        raise Problem(416, "range_not_satisfiable", detail, headers=headers, field="Range", limit=size)
    return start, stop
