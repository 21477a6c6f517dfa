"""Errors reported by a sandbox process, which is not trusted once it has read the file."""

import errno
import os
from pathlib import Path
from typing import Final, get_args

from model_core.media.sandbox import disk_errors
from model_core.media.sandbox.wire import Header, astray
from model_core.media.types import MediaCode, MediaError

_LONGEST_DETAIL: Final = 500


def refusal(header: Header, source: Path | None, out: Path | None, *, confined: bool) -> Exception:
    """The error to raise for a message of the kind ``error``.

    Args:
        header: the message.
        source: the untrusted file.
        out: the result, if the operation writes one.
        confined: whether the child has begun with the file. Before it speaks for itself; afterwards perhaps for the
            file's author, who could make a worker wait for a disk that is whole. Then an error of the system counts
            only if this process meets one too.
    """
    number, code = header.get("errno"), header.get("code")
    detail = "".join(one if one.isprintable() else " " for one in str(header.get("detail"))[:_LONGEST_DETAIL])
    if isinstance(number, int) and number in errno.errorcode:
        if not confined:
            return OSError(number, os.strerror(number), detail)
        return disk_errors.trouble(number, source, out) or MediaError(
            f"The file cannot be read: its decoder reported an error ({os.strerror(number)}).", "unreadable"
        )
    known: tuple[MediaCode, ...] = get_args(MediaCode)
    for one in known:
        if one == code:
            return MediaError(detail, one, "out" if header.get("field") == "out" else "video")
    return astray(ValueError(f"an error of the kind {code!r:.100}"))
