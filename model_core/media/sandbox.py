"""One child process per call, in which a file from outside is decoded.

The child is a fresh interpreter that imports numpy and PyAV alone: forking the caller would share its torch and its
secrets, and a limit on its address space would break both. The child sets its own limits (inside/main.py) before it
opens the file; the caller keeps the clock.
"""

import errno
import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self, get_args

from model_core.media.types import MediaCode, MediaError, MediaLimits
from model_core.media.wire import HEADER_MAX_BYTES, Header, pack, unpack

log = logging.getLogger(__name__)

_BOOT: Final = "import sys; sys.path.append(sys.argv[1]); from model_core.media.inside.main import main; main()"
_ROOT: Final = Path(__file__).resolve().parents[2]
_STDERR_KEPT_BYTES: Final = 8192
_READ_BYTES: Final = 1 << 18
_CRASHES: Final = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE})


class Sandbox:
    """A child that runs one operation; leaving the ``with`` block ends it and reaps it, whatever happened.

    Args:
        operation: name of one of the operations in inside/main.py.
        arguments: its arguments, anything that JSON can say.
        limits: what it may cost.
        largest_payload: bytes of the longest message that the caller expects; a longer one is refused.
        writes_files: whether it may write files of up to ``limits.file_bytes``; otherwise none.
    """

    def __init__(
        self,
        operation: str,
        arguments: Mapping[str, object],
        limits: MediaLimits,
        largest_payload: int = 0,
        writes_files: bool = False,
    ) -> None:
        rlimits = {**asdict(limits), "file_bytes": limits.file_bytes if writes_files else 0}
        self._request = pack({"operation": operation, "arguments": dict(arguments), "limits": rlimits})
        self._limits = limits
        self._largest_payload = largest_payload
        self._wall_left = limits.wall_s
        self._received = bytearray()
        self._stderr = bytearray()

    def __enter__(self) -> Self:
        # No secret of the caller's environment reaches the child; one arena and one BLAS thread keep its address
        # space close to what it really uses.
        environment = {"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1"}
        if "LD_LIBRARY_PATH" in os.environ:
            environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _BOOT, str(_ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=environment,
            start_new_session=True,  # Ctrl-C in a terminal reaches the caller alone, which then ends the child
        )
        self._stdin, self._stdout, self._errors = (
            _pipe(self._process.stdin),
            _pipe(self._process.stdout),
            _pipe(self._process.stderr),
        )
        os.set_blocking(self._stdin.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stdout, selectors.EVENT_READ)
        self._selector.register(self._errors, selectors.EVENT_READ)
        try:
            self.send(self._request)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._selector.close()
        self._process.kill()
        for pipe in (self._stdin, self._stdout, self._errors):
            pipe.close()
        self._process.wait()

    def send(self, data: bytes | memoryview) -> bool:
        """Write to the child's stdin; False when the child reads no more, and then ``receive`` tells why."""
        left = memoryview(data).cast("B")
        self._selector.register(self._stdin, selectors.EVENT_WRITE)
        try:
            while left:
                if self._stdin in self._ready(ignoring=self._stdout):
                    left = left[os.write(self._stdin.fileno(), left) :]
        except BrokenPipeError:
            return False
        finally:
            self._selector.unregister(self._stdin)
        return True

    def receive(self) -> tuple[Header, bytes]:
        """The next message; MediaError when the child refused the file, broke a limit or died."""
        line = self._take_line()
        try:
            header, size = unpack(line)
            if size > self._largest_payload:
                raise ValueError(f"a payload of {size} bytes where {self._largest_payload} are the most")
        except ValueError as error:
            log.warning("the media sandbox broke its protocol: %s", error)
            raise MediaError("cannot be read: the decoder went astray", "unreadable") from error
        while len(self._received) < size:
            self._fill()
        payload = bytes(memoryview(self._received)[:size])
        del self._received[:size]
        if header.get("kind") == "error":
            raise _refusal(header)
        return header, payload

    def _take_line(self) -> bytes:
        while (end := self._received.find(b"\n")) < 0:
            if len(self._received) > HEADER_MAX_BYTES:
                return b""
            self._fill()
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line

    def _fill(self) -> None:
        """Add what the child wrote next to ``_received``; raise the reason when it wrote its last."""
        while self._stdout not in self._ready():
            pass
        chunk = os.read(self._stdout.fileno(), _READ_BYTES)
        if not chunk:
            raise self._death()
        self._received += chunk

    def _ready(self, ignoring: IO[bytes] | None = None) -> list[object]:
        """Wait for a pipe, on the clock of the wall budget; what the child says on stderr is kept on the way."""
        if ignoring is not None:
            self._selector.unregister(ignoring)
        try:
            started = time.monotonic()
            events = self._selector.select(max(0.0, self._wall_left))
            self._wall_left -= time.monotonic() - started
        finally:
            if ignoring is not None:
                self._selector.register(ignoring, selectors.EVENT_READ)
        if not events:
            self._report("ran past its time")
            raise MediaError(f"takes longer than {self._limits.wall_s:g} s to read, which is the limit", "budget")
        pipes = [key.fileobj for key, _ in events]
        if self._errors in pipes:
            said = os.read(self._errors.fileno(), _READ_BYTES)
            self._stderr = (self._stderr + said)[-_STDERR_KEPT_BYTES:]
            if not said:
                self._selector.unregister(self._errors)
        return list(pipes)

    def _death(self) -> Exception:
        """Why the child closed its pipe without an answer."""
        try:
            status = self._process.wait(timeout=max(1.0, min(10.0, self._wall_left)))
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._report(f"ended with status {status}")
        if status == -signal.SIGXCPU:
            return MediaError(f"takes more than {self._limits.cpu_s} s of processor time, which is the limit", "budget")
        if status == -signal.SIGKILL:
            return MediaError("was given up: the system ended its decoder, most likely for its memory", "budget")
        if -status in _CRASHES:
            return MediaError("makes its decoder crash, so it cannot be read", "unreadable")
        return MediaError("cannot be read: its decoder ended early", "unreadable")

    def _report(self, what: str) -> None:
        said = self._stderr.decode(errors="replace").strip()
        log.warning("the media sandbox %s%s", what, f"; it said: {said}" if said else "")


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise OSError(errno.EBADF, "the sandbox has no pipe")
    return pipe


def _refusal(header: Header) -> Exception:
    """The error that the child described."""
    number, detail, code = header.get("errno"), str(header.get("detail")), header.get("code")
    if isinstance(number, int):
        return OSError(number, os.strerror(number), detail)
    known: tuple[MediaCode, ...] = get_args(MediaCode)
    for one in known:
        if one == code:
            return MediaError(detail, one, str(header.get("field", "video")))
    return MediaError("cannot be read: the decoder went astray", "unreadable")
