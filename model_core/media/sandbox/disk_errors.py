"""Whether the disk really fails, where a sandbox process says so."""

import errno
import os
from pathlib import Path
from typing import Final

from model_core.media.sandbox.opening import opened_file

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
