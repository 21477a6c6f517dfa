"""A decoder that was taken over: what it can still do, with all that this kernel has and with each means alone."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from model_core.media import Confinement, confinement

ROOT = Path(__file__).resolve().parents[2]
RUN = "import sys; sys.path.append(sys.argv[1]); from tests.media.attempts import main; main()"
REFUSALS = {
    "network_namespace": "unshare",
    "capabilities": "capset",
    "landlock": "landlock_create_ruleset",
    "seccomp": "seccomp",
}
"""Which call has to fail for which means to be missing."""
NEEDED = {"import", "thread", "signal itself"}
BY_SECCOMP = {
    **dict.fromkeys(("tcp", "udp", "unix", "abstract", "socketpair", "fork", "execve"), "EPERM"),
    **dict.fromkeys(("truncate", "rename", "remove", "make a folder", "link", "symlink", "chmod"), "EPERM"),
    **dict.fromkeys(("kill the parent", "ptrace the parent", "read the parent's memory", "limit the parent"), "EPERM"),
    **dict.fromkeys(("signal by a pipe", "unshare", "mount", "personality", "setuid"), "EPERM"),
    **dict.fromkeys(("memfd", "io_uring", "bpf"), "EPERM"),
    **dict.fromkeys(("clone3", "a call to come", "getpid of x32"), "ENOSYS"),
    **dict.fromkeys(("write a file", "make a file"), "EACCES"),
}
BY_LANDLOCK = {
    **dict.fromkeys(("read a secret", "read passwd", "list a folder", "write a file", "make a file"), "EACCES"),
    **dict.fromkeys(("remove", "make a folder", "symlink", "execve"), "EACCES"),
    "ptrace the parent": "EPERM",
}
BY_NAMESPACE = {"tcp": "ENETUNREACH", "udp": "ENETUNREACH", "abstract": "ECONNREFUSED"}


@cache
def available() -> Confinement:
    return confinement()


def _needs(means: str) -> None:
    if means not in available().taken:
        pytest.skip(f"this system gives no {means}")


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Everything that the attempts look for, and that anybody else would find: files and three servers."""
    (tmp_path / "secret").write_text("of another user")
    (tmp_path / "victim").write_text("to be removed")
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as unix,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        unix.bind(str(tmp_path / "socket"))
        abstract.bind(f"\0v2m-test-{os.getpid()}")
        for server in (unix, abstract):
            server.listen()
        yield tcp.getsockname()[1]


def _try_all(
    folder: Path, port: int, without: tuple[str, ...] = (), omitted: tuple[str, ...] = ()
) -> tuple[list[str], dict[str, str]]:
    """The means that were taken, and what came of each attempt; an execve that works leaves no answer."""
    refused = [REFUSALS[means] for means in without]
    told = {"refused": refused, "folder": str(folder), "port": port, "pid": os.getpid(), "omitted": omitted}
    orders = json.dumps(told)
    command = [sys.executable, "-I", "-c", RUN, str(ROOT), orders]
    alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # as the sandbox starts its child: no other thread runs
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, timeout=60, env=alone)
    said = json.loads(done.stdout or '{"taken": [], "results": {"execve": "done"}}')
    return said["taken"], said["results"]


def _chosen(results: dict[str, str], expected: dict[str, str]) -> dict[str, str]:
    return {name: result for name, result in results.items() if name in expected}


def test_all_together_leave_nothing_but_what_a_decoder_needs(tmp_path: Path, port: int) -> None:
    for means in ("landlock", "seccomp"):
        _needs(means)
    _, results = _try_all(tmp_path, port)
    assert {name for name, result in results.items() if result == "done"} == NEEDED
    assert (tmp_path / "secret").read_text() == "of another user"
    assert sorted(os.listdir(tmp_path)) == ["secret", "socket", "victim"]


def test_seccomp_alone_refuses_sockets_programs_processes_and_changes(tmp_path: Path, port: int) -> None:
    _needs("seccomp")
    taken, results = _try_all(tmp_path, port, without=("network_namespace", "landlock"))
    assert not {"network_namespace", "landlock"} & set(taken)
    assert _chosen(results, BY_SECCOMP) == BY_SECCOMP
    assert {results[name] for name in NEEDED} == {"done"}
    assert sorted(os.listdir(tmp_path)) == ["secret", "socket", "victim"]


def test_landlock_alone_refuses_files(tmp_path: Path, port: int) -> None:
    _needs("landlock")
    taken, results = _try_all(tmp_path, port, without=("network_namespace", "seccomp"))
    assert not {"network_namespace", "seccomp"} & set(taken)
    assert _chosen(results, BY_LANDLOCK) == BY_LANDLOCK
    assert {results[name] for name in NEEDED} == {"done"}
    assert (tmp_path / "secret").read_text() == "of another user"


def test_a_namespace_alone_has_no_network(tmp_path: Path, port: int) -> None:
    _needs("network_namespace")
    without = ("landlock", "seccomp", "capabilities")
    _, results = _try_all(tmp_path, port, without, omitted=("execve",))  # which works, and would leave no answer
    assert _chosen(results, BY_NAMESPACE) == BY_NAMESPACE
