"""What a decoder that was taken over would try. Run in a process of its own, which confines itself like a sandbox."""

import _thread
import ctypes
import errno
import fcntl
import json
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from model_core.media.sandbox.confinement import steps
from model_core.media.types import MediaLimits
from tests.media import weak_kernel

_MANY = 64
_LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Confine this process, try everything, and print what came of it.

    {"taken": [...], "missing": [...], "results": {name: "done" or an errno}}
    """
    orders = json.loads(sys.argv[2])
    weak_kernel.refuse(orders["refused"])
    if orders["uid"]:
        weak_kernel.become(orders["uid"])
    attempts = _attempts(Path(orders["folder"]), orders["port"], orders["pid"])
    sys.stdin.close()
    confinement = steps.finish(steps.begin(MediaLimits(file_bytes=1 << 20), os.getppid()))
    chosen = {name: attempts[name] for name in orders["only"] or attempts if name not in orders["omitted"]}
    results = {name: _try(attempt) for name, attempt in chosen.items()}
    print(json.dumps({"taken": confinement.taken, "missing": confinement.missing, "results": results}))


def _try(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


def _attempts(folder: Path, port: int, parent: int) -> dict[str, Callable[[], object]]:
    def tcp() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
            one.connect(("127.0.0.1", port))

    def udp() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(b"a secret", ("127.0.0.1", port))

    def unix() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
            one.connect(str(folder / "socket"))

    def abstract() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
            one.connect(f"\0v2m-test-{parent}")

    def fork() -> None:
        if not os.fork():
            os._exit(0)

    def thread() -> None:
        seen: list[int] = []
        one = threading.Thread(target=seen.append, args=(1,))
        one.start()
        one.join()
        if not seen:
            raise OSError(errno.EIO, "the thread did not run")

    def many_threads() -> None:
        gate, before = _thread.allocate_lock(), threading.stack_size(1 << 16)
        with gate:
            try:
                for _ in range(_MANY):
                    _thread.start_new_thread(gate.acquire, ())
            except RuntimeError as error:
                raise OSError(errno.EAGAIN, str(error)) from error
            finally:
                threading.stack_size(before)

    def abort_itself() -> None:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    return {
        "tcp": tcp,
        "udp": udp,
        "unix": unix,
        "abstract": abstract,
        "socketpair": socket.socketpair,
        "fork": fork,
        "read a secret": (folder / "secret").read_bytes,
        "read passwd": Path("/etc/passwd").read_bytes,
        "list a folder": lambda: os.listdir(folder),
        "write a file": lambda: (folder / "secret").write_bytes(b"overwritten"),
        "make a file": lambda: (folder / "new").write_bytes(b"new"),
        "truncate": lambda: os.truncate(folder / "secret", 1),
        "rename": lambda: (folder / "secret").rename(folder / "moved"),
        "remove": lambda: (folder / "victim").unlink(),
        "make a folder": lambda: (folder / "inner").mkdir(),
        "link": lambda: os.link(folder / "secret", folder / "linked"),
        "symlink": lambda: (folder / "linked").symlink_to("/etc/passwd"),
        "chmod": lambda: (folder / "secret").chmod(0o777),
        "kill the parent": lambda: os.kill(parent, 0),
        "ptrace the parent": lambda: _system("ptrace", 0x4206, parent, 0, 0),
        "read the parent's memory": lambda: _system("process_vm_readv", parent, 0, 0, 0, 0, 0),
        "limit the parent": lambda: resource.prlimit(parent, resource.RLIMIT_CORE, (0, 0)),
        "signal by a pipe": lambda: fcntl.fcntl(1, fcntl.F_SETOWN, parent),
        "unshare": lambda: _system("unshare", 0x00020000),
        "mount": lambda: _system("mount", 0, b"/", 0, 0, 0),
        "personality": lambda: _system("personality", 0),
        "setuid": lambda: os.setuid(os.getuid()),
        "outlive the parent": lambda: _system("prctl", 1, 0, 0, 0, 0),
        "memfd": lambda: os.memfd_create("program"),
        "io_uring": lambda: _system("syscall", 425, 1, 0),
        "bpf": lambda: _system("syscall", 321 if os.uname().machine == "x86_64" else 280, 0, 0, 0),
        "clone3": lambda: _system("syscall", 435, 0, 0),
        "a call to come": lambda: _system("syscall", 463, 0, 0),
        "getpid of x32": lambda: _system("syscall", 0x40000000 + 39),
        "import": lambda: __import__("wave"),
        "thread": thread,
        "many threads": many_threads,
        "signal itself": abort_itself,
        "execve": lambda: os.execv("/bin/true", ["true"]),
    }


def _system(name: str, *arguments: int | bytes) -> None:
    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    if getattr(_LIBC, name)(*words) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name)
