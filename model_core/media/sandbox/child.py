"""Main function of the child process: confines itself, runs the requested operation, and answers."""

import errno
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from model_core.media.sandbox.confinement import steps as confine
from model_core.media.sandbox.messages import Channel, Source, describe_error, unpack
from model_core.media.types import MediaError, MediaLimits

_DISK_ERRORS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EIO, errno.ENOENT})


def main() -> None:
    """Read the request from stdin and answer on stdout; the exit status is 0 whenever an answer was given.

    The first message says how this process is confined. The file is read only after it.
    """
    channel = Channel.on_standard_streams()
    header, _ = unpack(channel.read_line())
    numbers: Any = header["limits"]
    parent: Any = header["parent"]
    limits = MediaLimits(**numbers)
    try:
        steps = confine.begin(limits, parent)
    except OSError as error:
        channel.send({"kind": "error", "errno": error.errno, "detail": f"the sandbox: {error.filename or 'rlimits'}"})
        return
    try:
        operation = _operation(str(header["operation"]))
        channel.send({"kind": "confined", **asdict(confine.finish(steps))})
        arguments: Any = header["arguments"]
        if header["source"] is not None:
            source: Any = header["source"]
            arguments["source"] = Source(**source)
        operation(channel, limits, **arguments)
    except MediaError as error:
        channel.send({"kind": "error", "code": error.code, "detail": error.detail, "field": error.field})
    except MemoryError:
        mebibytes = limits.memory_bytes >> 20
        detail = f"Reading the file takes more than {mebibytes} MiB of memory, the limit."
        channel.send({"kind": "error", "code": "budget", "detail": detail})
    except OSError as error:
        traceback.print_exc()
        channel.send(_describe_os_error(error, limits))
    except Exception as error:
        # Any error of a library on a broken file is the file's fault; the traceback goes to the caller's log.
        traceback.print_exc()
        channel.send(
            {"kind": "error", "code": "unreadable", "detail": f"The file cannot be read: {describe_error(error)}."}
        )


def _operation(name: str) -> Callable[..., None]:
    """Import the operations and return the one with that name.

    PyAV is imported after the limits are set, but before the rest of the confinement: the packages may be readable
    only with root's capabilities.
    """
    from model_core.media.operations import audio, frames, mux, probe

    known: dict[str, Callable[..., None]] = {
        "probe": probe.probe,
        "frames": frames.frames,
        "read_audio": audio.read_audio,
        "read_tags": audio.read_tags,
        "mux": mux.mux,
        "digest": probe.digest,
        "nothing": _nothing,
    }
    return known[name]


def _nothing(channel: Channel, limits: MediaLimits) -> None:
    """Operation for a caller that only needs to know how it would be confined."""
    channel.send({"kind": "end"})


def _describe_os_error(error: OSError, limits: MediaLimits) -> dict[str, object]:
    """Message for an OSError: disk errors stay OSErrors in the caller, PyAV's errors are the file's fault."""
    if error.errno == errno.ENOMEM:
        detail = f"Reading the file takes more than {limits.memory_bytes >> 20} MiB of memory, the limit."
        return {"kind": "error", "code": "budget", "detail": detail}
    if error.errno == errno.EFBIG:
        detail = f"The result would have more than {limits.file_bytes} bytes, the limit."
        return {"kind": "error", "code": "budget", "detail": detail}
    if error.errno in _DISK_ERRORS:
        return {"kind": "error", "errno": error.errno, "detail": str(error.filename or "")}
    return {"kind": "error", "code": "unreadable", "detail": f"The file cannot be read: {describe_error(error)}."}


if __name__ == "__main__":
    sys.exit("this module is started by model_core.media.sandbox.parent")
