"""Sandbox: a child process that decodes one untrusted file, seen from the caller.

The child is a fresh interpreter that imports only numpy and PyAV. A fork of the caller would share its torch and its
secrets, and would not work under a limit on its address space. The child confines itself (confinement/steps.py) before
it reads the file; the caller measures the time.
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

from model_core.media.sandbox.confinement import Confinement, log_confinement, parse_confinement
from model_core.media.sandbox.errors import error_from_exit_status, error_from_message, open_regular_file
from model_core.media.sandbox.messages import HEADER_MAX_BYTES, Header, pack, protocol_error, unpack
from model_core.media.types import MediaError, MediaLimits

log = logging.getLogger(__name__)

_BOOT: Final = "import sys; sys.path.append(sys.argv[1]); from model_core.media.sandbox.child import main; main()"
_ROOT: Final = Path(__file__).resolve().parents[3]
_STDERR_KEPT_BYTES: Final = 8192
_READ_BYTES: Final = 1 << 18
_THREADS_OF_BLAS: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class Sandbox:
    """Context manager of a child that runs one operation; leaving the block always ends the child.

    The kernel also ends it when the thread that entered the block ends, so the whole block must run in one thread.

    Args:
        operation: name of an operation in child.py.
        arguments: its arguments, ready for JSON.
        limits: resource limits.
        source: the untrusted file. It is opened here, since the child cannot open files.
        out: file that the operation writes, of up to ``limits.file_bytes``; without one it cannot write files.
        largest_payload: longest payload that the caller expects, in bytes; a longer one is refused.

    Attributes:
        confinement: confinement of the child, after the first ``receive``; None before.
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
        with ExitStack() as handed_over:  # the child has its own copies once it runs
            source = handed_over.enter_context(open_regular_file(self._source)) if self._source else None
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
        # The child gets none of the secrets in the caller's environment. One arena and one BLAS thread keep its address
        # space close to the memory that it uses.
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
            start_new_session=True,  # Ctrl-C in a terminal reaches only the caller, which then ends the child
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
            self._kill()
        for pipe in (self._stdin, self._stdout, self._errors):
            pipe.close()
        self._process.wait()

    def send(self, data: bytes | memoryview) -> bool:
        """Write to the child's stdin; False when the child has stopped reading, then ``receive`` gives the reason."""
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
        """Receive the next message; MediaError when the child refused the file, exceeded a limit or died."""
        with self._clock():
            header, payload = self._message()
            if self.confinement is None and header.get("kind") != "error":
                self.confinement = _read_confinement(header)
                log_confinement(self.confinement)
                header, payload = self._message()
        if header.get("kind") == "error":
            raise error_from_message(header, self._source, self._out, confined=self.confinement is not None)
        return header, payload

    def _message(self) -> tuple[Header, bytes]:
        line = self._take_line()
        try:
            header, size = unpack(line)
            if size > self._largest_payload:
                raise ValueError(f"a payload of {size} bytes; the limit is {self._largest_payload}")
        except ValueError as error:
            raise protocol_error(error) from error
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
        """Append the child's next output to ``_received``; raise an error at the end of its output."""
        while self._stdout not in self._ready():
            pass
        chunk = os.read(self._stdout.fileno(), _READ_BYTES)
        if not chunk:
            raise self._exit_error()
        self._received += chunk

    @contextmanager
    def _clock(self) -> Iterator[None]:
        """Subtract the time of the block from the wall clock budget, even if the child is never waited for."""
        self._ends_at = time.monotonic() + self._wall_left
        try:
            yield
        finally:
            self._wall_left = self._ends_at - time.monotonic()

    def _ready(self) -> list[object]:
        """Wait for a pipe that is ready; output on stderr is kept for the log."""
        left = self._ends_at - time.monotonic()
        events = self._selector.select(left) if left > 0 else []
        if not events:
            self._log("exceeded its time")
            raise MediaError(f"Reading the file takes longer than {self._limits.wall_s:g} s, the limit.", "budget")
        pipes = [key.fileobj for key, _ in events]
        if self._errors in pipes:
            text = os.read(self._errors.fileno(), _READ_BYTES)
            self._stderr = (self._stderr + text)[-_STDERR_KEPT_BYTES:]
            if not text:
                self._selector.unregister(self._errors)
        return list(pipes)

    def _exit_error(self) -> Exception:
        """Error for a child that closed its pipe without an answer."""
        try:
            status = self._process.wait(timeout=max(1.0, min(10.0, self._wall_left)))
        except subprocess.TimeoutExpired:
            self._kill()
            status = self._process.wait()
        self._kill()
        self._log(f"ended with status {status}")
        return error_from_exit_status(status, self._limits)

    def _kill(self) -> None:
        """Kill the whole group: without seccomp, a compromised decoder may have started processes."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _log(self, what: str) -> None:
        text = self._stderr.decode(errors="replace").strip()
        log.warning("the media sandbox %s%s", what, f"; stderr: {text}" if text else "")


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise OSError(errno.EBADF, "the sandbox has no pipe")
    return pipe


def _read_confinement(header: Header) -> Confinement:
    taken: Any = header.get("taken")
    missing: Any = header.get("missing")
    try:
        return parse_confinement(taken, missing)
    except (TypeError, ValueError) as error:
        raise protocol_error(error) from error
