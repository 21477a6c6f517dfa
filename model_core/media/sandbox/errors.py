"""Errors reported by a sandbox process: which ones to believe, and whether the disk really failed."""

import errno
import os
from pathlib import Path
from typing import Final, get_args

from model_core.media.sandbox.opening import opened_file
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
        return trouble(number, source, out) or MediaError(
            f"The file cannot be read: its decoder reported an error ({os.strerror(number)}).", "unreadable"
        )
    known: tuple[MediaCode, ...] = get_args(MediaCode)
    for one in known:
        if one == code:
            return MediaError(detail, one, "out" if header.get("field") == "out" else "video")
    return astray(ValueError(f"an error of the kind {code!r:.100}"))


_OF_READING: Final = frozenset({errno.EIO})
_OF_WRITING: Final = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS})
_BLOCK_BYTES: Final = 1 << 20


def trouble(number: int, source: Path | None, out: Path | None) -> OSError | None:
    """The error that this process meets when it does itself what is said to have failed; None when all is well.

    Free space as the system tells it would not do: quotas and the limits of network disks do not show in it.

    Args:
        number: the errno that was told.
        source: the file that was read; it is read once more, all of it.
        out: the file that was written; a block is added to it, so it is of no use afterwards.
    """
    if number in _OF_WRITING and out is not None and (error := _when_added_to(out)):
        return error
    return _when_read(source) if number in _OF_READING and source is not None else None


def _when_added_to(out: Path) -> OSError | None:
    try:
        with out.open("r+b", buffering=0) as file:
            left = memoryview(bytes(_BLOCK_BYTES))
            at = os.fstat(file.fileno()).st_size
            while left:
                written = os.pwrite(file.fileno(), left, at)
                at, left = at + written, left[written:]
    except OSError as error:
        return OSError(error.errno, error.strerror, str(out))
    return None


def _when_read(source: Path) -> OSError | None:
    try:
        with opened_file(source) as file:
            while file.read(_BLOCK_BYTES):
                pass
    except OSError as error:
        return OSError(error.errno, error.strerror, str(source))
    return None
