"""One child process per call, in which a file from outside is decoded.

The child is a fresh interpreter that imports numpy and PyAV alone: forking the caller would share its torch and its
secrets, and a limit on its address space would break both. The child confines itself (inside/confine.py) before it
looks at the file; the caller keeps the clock.
"""

import errno
import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from model_core.media.sandbox.answers import Confinement, report, told
from model_core.media.sandbox.errors import refusal
from model_core.media.sandbox.opening import opened_file
from model_core.media.sandbox.wire import HEADER_MAX_BYTES, Header, astray, pack, unpack
from model_core.media.types import MediaError, MediaLimits

log = logging.getLogger(__name__)

_BOOT: Final = "import sys; sys.path.append(sys.argv[1]); from model_core.media.sandbox.child.main import main; main()"
_ROOT: Final = Path(__file__).resolve().parents[2]
_STDERR_KEPT_BYTES: Final = 8192
_READ_BYTES: Final = 1 << 18
_THREADS_OF_BLAS: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
_CRASHES: Final = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE})


class Sandbox:
    """A child that runs one operation; leaving the ``with`` block ends it and reaps it, whatever happened.

    The kernel also ends it when the thread that entered the block ends, so one thread has to go through all of it.

    Args:
        operation: name of one of the operations in inside/main.py.
        arguments: its arguments, anything that JSON can say.
        limits: what it may cost.
        source: the untrusted file. It is opened here, and the child gets it open: it may open no file itself.
        out: the file that the operation writes, of up to ``limits.file_bytes``; without one it may write none.
        largest_payload: bytes of the longest message that the caller expects; a longer one is refused.

    Attributes:
        confinement: how the child is confined, once ``receive`` has returned; None before.
    """

    def __init__(
        self,
        operation: str,
        arguments: Mapping[str, object],
        limits: MediaLimits,
        *,
        source: Path | None = None,
        out: Path | None = None,
        largest_payload: int = 0,
    ) -> None:
        self._operation, self._arguments = operation, arguments
        self._limits = limits
        self._source, self._out = source, out
        self._largest_payload = largest_payload
        self._wall_left = limits.wall_s
        self._received = bytearray()
        self._stderr = bytearray()
        self.confinement: Confinement | None = None

    def __enter__(self) -> Self:
        with ExitStack() as handed_over:  # the child has its own once it runs
            source = handed_over.enter_context(opened_file(self._source)) if self._source else None
            out = handed_over.enter_context(self._out.open("r+b", buffering=0)) if self._out else None
            files = [file.fileno() for file in (source, out) if file]
            self._process = self._start(files)
            request = self._request(source, out)
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
            self.send(request)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _start(self, files: list[int]) -> subprocess.Popen[bytes]:
        # No secret of the caller's environment reaches the child; one arena and one BLAS thread keep its address
        # space close to what it really uses.
        environment = {"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "2", **dict.fromkeys(_THREADS_OF_BLAS, "1")}
        if "LD_LIBRARY_PATH" in os.environ:
            environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
        return subprocess.Popen(
            [sys.executable, "-I", "-c", _BOOT, str(_ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=environment,
            pass_fds=files,
            start_new_session=True,  # Ctrl-C in a terminal reaches the caller alone, which then ends the child
        )

    def _request(self, source: IO[bytes] | None, out: IO[bytes] | None) -> bytes:
        handed_over = {"out": out.fileno()} if out else {}
        limits = {**asdict(self._limits), "file_bytes": self._limits.file_bytes if out else 0}
        return pack(
            {
                "operation": self._operation,
                "arguments": {**self._arguments, **handed_over},
                "source": {"fd": source.fileno(), "name": self._source.name} if source and self._source else None,
                "limits": limits,
                "parent": os.getpid(),
            }
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._selector.close()
        if self._process.returncode is None:
            self._end()
        for pipe in (self._stdin, self._stdout, self._errors):
            pipe.close()
        self._process.wait()

    def send(self, data: bytes | memoryview) -> bool:
        """Write to the child's stdin; False when the child reads no more, and then ``receive`` tells why."""
        left = memoryview(data).cast("B")
        self._selector.unregister(self._stdout)
        self._selector.register(self._stdin, selectors.EVENT_WRITE)
        try:
            with self._clock():
                while left:
                    if self._stdin in self._ready():
                        left = left[os.write(self._stdin.fileno(), left) :]
        except BrokenPipeError:
            return False
        finally:
            self._selector.unregister(self._stdin)
            self._selector.register(self._stdout, selectors.EVENT_READ)
        return True

    def receive(self) -> tuple[Header, bytes]:
        """The next message; MediaError when the child refused the file, broke a limit or died."""
        with self._clock():
            header, payload = self._message()
            if self.confinement is None and header.get("kind") != "error":
                self.confinement = _first(header)
                report(self.confinement)
                header, payload = self._message()
        if header.get("kind") == "error":
            raise refusal(header, self._source, self._out, confined=self.confinement is not None)
        return header, payload

    def _message(self) -> tuple[Header, bytes]:
        line = self._take_line()
        try:
            header, size = unpack(line)
            if size > self._largest_payload:
                raise ValueError(f"a payload of {size} bytes where {self._largest_payload} are the most")
        except ValueError as error:
            raise astray(error) from error
        while len(self._received) < size:
            self._fill()
        payload = bytes(memoryview(self._received)[:size])
        del self._received[:size]
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

    @contextmanager
    def _clock(self) -> Iterator[None]:
        """Take the time of the block from the wall budget, all of it: also a child that never lets us wait ends."""
        self._ends_at = time.monotonic() + self._wall_left
        try:
            yield
        finally:
            self._wall_left = self._ends_at - time.monotonic()

    def _ready(self) -> list[object]:
        """Wait for a pipe; what the child says on stderr is kept on the way."""
        left = self._ends_at - time.monotonic()
        events = self._selector.select(left) if left > 0 else []
        if not events:
            self._report("ran past its time")
            raise MediaError(f"Reading the file takes longer than {self._limits.wall_s:g} s, the limit.", "budget")
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
            self._end()
            status = self._process.wait()
        self._end()
        self._report(f"ended with status {status}")
        if status == -signal.SIGXCPU:
            return MediaError(
                f"Reading the file takes more than {self._limits.cpu_s} s of CPU time, the limit.", "budget"
            )
        if status == -signal.SIGKILL:
            return MediaError(
                "The system ended the file's decoder, probably because it needed too much memory.", "budget"
            )
        if -status in _CRASHES:
            return MediaError("The file crashes its decoder.", "unreadable")
        if status == -signal.SIGSYS:
            return MediaError("The file makes its decoder do something forbidden.", "unreadable")
        return MediaError("The file cannot be read: its decoder ended early.", "unreadable")

    def _end(self) -> None:
        """Kill the whole group: where seccomp is missing, a decoder that was taken over may have started others."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _report(self, what: str) -> None:
        said = self._stderr.decode(errors="replace").strip()
        log.warning("the media sandbox %s%s", what, f"; it said: {said}" if said else "")


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise OSError(errno.EBADF, "the sandbox has no pipe")
    return pipe


def _first(header: Header) -> Confinement:
    taken: Any = header.get("taken")
    missing: Any = header.get("missing")
    try:
        return told(taken, missing)
    except (TypeError, ValueError) as error:
        raise astray(error) from error
