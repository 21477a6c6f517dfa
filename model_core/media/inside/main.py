"""Entry of the child: set the limits, do the one operation that was asked for, say what came of it."""

import errno
import os
import resource
import sys
import traceback
from collections.abc import Callable
from typing import Any, Final

from model_core.media.inside.channel import Channel
from model_core.media.types import MediaError, MediaLimits
from model_core.media.wire import unpack

_OPEN_FILES: Final = 32
_OF_THE_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EIO, errno.ENOENT})


def main() -> None:
    """Read the request from stdin, answer on stdout; the exit status is 0 whenever an answer was given."""
    channel = Channel.on_standard_streams()
    header, _ = unpack(channel.read_line())
    numbers: Any = header["limits"]
    limits = MediaLimits(**numbers)
    confine(limits)
    try:
        operation = _operation(str(header["operation"]))
        arguments: Any = header["arguments"]
        operation(channel, limits, **arguments)
    except MediaError as error:
        channel.send({"kind": "error", "code": error.code, "detail": error.detail, "field": error.field})
    except MemoryError:
        mebibytes = limits.memory_bytes >> 20
        detail = f"takes more than {mebibytes} MiB of memory to read, which is the limit"
        channel.send({"kind": "error", "code": "budget", "detail": detail})
    except OSError as error:
        traceback.print_exc()
        channel.send(_of_system(error, limits))
    except Exception as error:
        # Whatever a broken file makes of a library is that file's fault; the trace goes to the caller's log.
        traceback.print_exc()
        channel.send({"kind": "error", "code": "unreadable", "detail": f"cannot be read: {error}"})


def confine(limits: MediaLimits) -> None:
    """Set this process's limits; they cannot be raised again."""
    for which, amount in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(which)[1]
        allowed = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        # One second between SIGXCPU, which the caller can tell from other deaths, and SIGKILL.
        spare = 1 if which == resource.RLIMIT_CPU and (hard == resource.RLIM_INFINITY or hard > allowed) else 0
        resource.setrlimit(which, (allowed, allowed + spare))


def _operation(name: str) -> Callable[..., None]:
    """The operation of that name. Imported after the limits are set: from here on PyAV is in the process."""
    from model_core.media.inside import digest, pictures, probe, remux, sound, tags

    known: dict[str, Callable[..., None]] = {
        "probe": probe.probe,
        "frames": pictures.frames,
        "read_audio": sound.read_audio,
        "read_tags": tags.read_tags,
        "mux": remux.mux,
        "digest": digest.digest,
    }
    return known[name]


def _of_system(error: OSError, limits: MediaLimits) -> dict[str, object]:
    """PyAV's errors are OSErrors too: the disk's troubles stay OSErrors in the caller, the rest is the file's."""
    if error.errno == errno.ENOMEM:
        detail = f"takes more than {limits.memory_bytes >> 20} MiB of memory to read, which is the limit"
        return {"kind": "error", "code": "budget", "detail": detail}
    if error.errno == errno.EFBIG:
        detail = f"makes a result of more than {limits.file_bytes} bytes, which is the limit"
        return {"kind": "error", "code": "budget", "detail": detail}
    if error.errno in _OF_THE_DISK:
        return {"kind": "error", "errno": error.errno, "detail": str(error.filename or "")}
    reason = error.strerror or os.strerror(error.errno or 0)
    return {"kind": "error", "code": "unreadable", "detail": f"cannot be read: {reason}"}


if __name__ == "__main__":
    sys.exit("this module is started by model_core.media.sandbox")
