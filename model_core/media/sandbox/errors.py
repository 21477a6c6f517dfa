"""Errors that a sandbox process reports, checked on the caller's side, and opening of the untrusted file."""

import errno
import os
import signal
import stat
from pathlib import Path
from typing import IO, Final, get_args

from model_core.media.sandbox.messages import Header, protocol_error
from model_core.media.types import MediaCode, MediaError, MediaLimits

_MAX_DETAIL_CHARS: Final = 500
_READ_ERRORS: Final = frozenset({errno.EIO})
_WRITE_ERRORS: Final = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS})
_BLOCK_BYTES: Final = 1 << 20
_CRASHES: Final = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE})


def error_from_message(header: Header, source: Path | None, out: Path | None, *, confined: bool) -> Exception:
    """Exception to raise for a message of the kind ``error``.

    Args:
        header: the message.
        source: the untrusted file.
        out: the result, if the operation writes one.
        confined: True when the child has begun to read the file. From then on its messages may be controlled by the
            author of the file, who could make a worker wait for a disk that has no fault. So a system error counts
            only if this process meets it too.
    """
    number, code = header.get("errno"), header.get("code")
    detail = "".join(one if one.isprintable() else " " for one in str(header.get("detail"))[:_MAX_DETAIL_CHARS])
    if isinstance(number, int) and number in errno.errorcode:
        if not confined:
            return OSError(number, os.strerror(number), detail)
        return reproduce_disk_error(number, source, out) or MediaError(
            f"The file cannot be read: its decoder reported an error ({os.strerror(number)}).", "unreadable"
        )
    known: tuple[MediaCode, ...] = get_args(MediaCode)
    for one in known:
        if one == code:
            return MediaError(detail, one, "out" if header.get("field") == "out" else "video")
    return protocol_error(ValueError(f"an error of the kind {code!r:.100}"))


def error_from_exit_status(status: int, limits: MediaLimits) -> MediaError:
    """Exception to raise for a child that ended without an answer; ``status`` is that of subprocess.Popen."""
    if status == -signal.SIGXCPU:
        return MediaError(f"Reading the file takes more than {limits.cpu_s} s of CPU time, the limit.", "budget")
    if status == -signal.SIGKILL:
        return MediaError("The system ended the file's decoder, probably because it needed too much memory.", "budget")
    if -status in _CRASHES:
        return MediaError("The file crashes its decoder.", "unreadable")
    if status == -signal.SIGSYS:
        return MediaError("The file makes its decoder do something forbidden.", "unreadable")
    return MediaError("The file cannot be read: its decoder ended early.", "unreadable")


def reproduce_disk_error(number: int, source: Path | None, out: Path | None) -> OSError | None:
    """Repeat the operation that is said to have failed, and return this process's own error, or None without one.

    The free space that the system reports is not enough of a check: it shows neither quotas nor the limits of network
    disks.

    Args:
        number: the reported errno.
        source: the file that was read; it is read again completely.
        out: the file that was written; a block is appended to it, so it is unusable afterwards.
    """
    if number in _WRITE_ERRORS and out is not None and (error := _append_error(out)):
        return error
    return _read_error(source) if number in _READ_ERRORS and source is not None else None


def _append_error(out: Path) -> OSError | None:
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


def _read_error(source: Path) -> OSError | None:
    try:
        with open_regular_file(source) as file:
            while file.read(_BLOCK_BYTES):
                pass
    except OSError as error:
        return OSError(error.errno, error.strerror, str(source))
    return None


def open_regular_file(path: Path) -> IO[bytes]:
    """Open the untrusted file for reading. Pipes and devices, which could block forever, are refused.

    Raises:
        MediaError: unreadable, when there is no regular file.
        OSError: the system does not allow to open it.
    """
    refused = MediaError("The file does not exist or is not a regular file.", "unreadable")
    if not path.is_file():
        raise refused
    # The path may have become a pipe since: hence O_NONBLOCK, and a second check of the open file.
    file = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0)  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise refused
    return file
