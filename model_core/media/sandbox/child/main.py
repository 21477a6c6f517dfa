"""Entry of the child: confine itself, do the one operation that was asked for, say what came of it."""

import errno
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from model_core.media.sandbox.child.channel import Channel, Source, reason
from model_core.media.sandbox.confinement import steps as confine
from model_core.media.sandbox.wire import unpack
from model_core.media.types import MediaError, MediaLimits

_OF_THE_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EIO, errno.ENOENT})


def main() -> None:
    """Read the request from stdin, answer on stdout; the exit status is 0 whenever an answer was given.

    The first answer says how this process is confined; only then is the file looked at.
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
        detail = f"takes more than {mebibytes} MiB of memory to read, which is the limit"
        channel.send({"kind": "error", "code": "budget", "detail": detail})
    except OSError as error:
        traceback.print_exc()
        channel.send(_of_system(error, limits))
    except Exception as error:
        # Whatever a broken file makes of a library is that file's fault; the trace goes to the caller's log.
        traceback.print_exc()
        channel.send({"kind": "error", "code": "unreadable", "detail": f"The file cannot be read: {reason(error)}."})


def _operation(name: str) -> Callable[..., None]:
    """The operation of that name. Imported after the limits are set: from here on PyAV is in the process.

    Before the rest of the confinement, though: the packages may lie where root's capabilities alone may read.
    """
    from model_core.media.operations import audio, digest, frames, mux, probe
    from model_core.media.operations import audio as tags

    known: dict[str, Callable[..., None]] = {
        "probe": probe.probe,
        "frames": frames.frames,
        "read_audio": audio.read_audio,
        "read_tags": tags.read_tags,
        "mux": mux.mux,
        "digest": digest.digest,
        "nothing": _nothing,
    }
    return known[name]


def _nothing(channel: Channel, limits: MediaLimits) -> None:
    """For a caller that only asks how it would be confined."""
    channel.send({"kind": "end"})


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
    return {"kind": "error", "code": "unreadable", "detail": f"The file cannot be read: {reason(error)}."}


if __name__ == "__main__":
    sys.exit("this module is started by model_core.media.sandbox.parent")
