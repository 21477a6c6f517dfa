"""A decoder that was taken over: what it can still do, with all that this kernel has and with each means alone."""

import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from model_core.media import Confinement, confinement
from model_core.media.sandbox.confinement import MEANS, log_confinement

ROOT = Path(__file__).resolve().parents[2]
RUN = "import sys; sys.path.append(sys.argv[1]); from tests.media.attempts import main; main()"
REFUSALS = {
    "network_namespace": "unshare",
    "capabilities": "capset",
    "landlock": "landlock_create_ruleset",
    "seccomp": "seccomp",
}
"""Which call has to fail for which means to be missing."""
ANOTHER_USER = 12345
NEEDED = {"import", "thread", "signal itself"}
BY_SECCOMP = {
    **dict.fromkeys(("tcp", "udp", "unix", "abstract", "socketpair", "fork", "execve"), "EPERM"),
    **dict.fromkeys(("truncate", "rename", "remove", "make a folder", "link", "symlink", "chmod"), "EPERM"),
    **dict.fromkeys(("kill the parent", "ptrace the parent", "read the parent's memory", "limit the parent"), "EPERM"),
    **dict.fromkeys(("signal by a pipe", "unshare", "mount", "personality", "setuid"), "EPERM"),
    **dict.fromkeys(("outlive the parent", "memfd", "io_uring", "bpf"), "EPERM"),
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
    said = _said({"refused": refused, "folder": str(folder), "port": port, "omitted": omitted})
    return said["taken"], said["results"]


def _many_threads_of_a_user(without: tuple[str, ...]) -> dict[str, Any]:
    """What comes of them for a user that is not root, whose threads the kernel does not count."""
    uid = ANOTHER_USER if os.getuid() == 0 else 0
    refused = [REFUSALS[means] for means in without]
    return _said({"refused": refused, "folder": "/", "port": 0, "only": ["many threads"], "uid": uid})


def _said(orders: dict[str, Any]) -> dict[str, Any]:
    told = json.dumps({"only": [], "omitted": [], "uid": 0, "pid": os.getpid(), **orders})
    command = [sys.executable, "-I", "-c", RUN, str(ROOT), told]
    # As the sandbox starts its child: no other thread runs, and threads take little of the address space.
    alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, timeout=60, env=alone)
    said: dict[str, Any] = json.loads(done.stdout or '{"taken": [], "results": {"execve": "done"}}')
    return said


def _chosen(results: dict[str, str], expected: dict[str, str]) -> dict[str, str]:
    return {name: result for name, result in results.items() if name in expected}


def test_all_together_leave_nothing_but_what_a_decoder_needs(tmp_path: Path, port: int) -> None:
    for means in ("landlock", "seccomp"):
        _needs(means)
    taken, results = _try_all(tmp_path, port)
    allowed = NEEDED if "task_limit" in taken else NEEDED | {"many threads"}
    assert {name for name, result in results.items() if result == "done"} == allowed
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


def test_in_a_user_namespace_of_its_own_threads_are_counted() -> None:
    if tuple(int(part) for part in os.uname().release.split(".")[:2]) < (5, 14):
        pytest.skip("this kernel counts the tasks of a user over all namespaces")
    said = _many_threads_of_a_user(without=())
    if "network_namespace" not in said["taken"]:
        pytest.skip("this system gives a user no namespace")
    assert "task_limit" in said["taken"]
    assert said["results"] == {"many threads": "EAGAIN"}


def test_elsewhere_no_limit_counts_the_threads_of_others() -> None:
    said = _many_threads_of_a_user(without=("network_namespace",))
    assert dict(said["missing"])["task_limit"] == "the kernel counts all tasks of this user together"
    assert said["results"] == {"many threads": "done"}


def test_a_caller_that_is_gone_already_is_seen() -> None:
    module = "model_core.media.sandbox.confinement.privileges"
    code = f"import sys; from {module} import die_with_parent; die_with_parent(int(sys.argv[1]))"
    ended = [subprocess.run([sys.executable, "-c", code, str(pid)], cwd=ROOT).returncode for pid in (os.getpid(), 1)]
    assert ended == [0, 1]


@pytest.mark.parametrize(
    ("lacking", "danger"),
    [
        (("network_namespace", "seccomp"), "reach the network"),
        (("landlock",), "read all files of this user"),
        (("seccomp",), "start programs, and end other processes"),
    ],
)
def test_what_a_decoder_could_do_is_a_warning(
    caplog: pytest.LogCaptureFixture, lacking: tuple[str, ...], danger: str
) -> None:
    taken = tuple(means for means in MEANS if means not in lacking)
    log_confinement(Confinement(taken, tuple((means, f"not while {danger} is tested") for means in lacking)))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"a compromised decoder could {danger}" in record.getMessage()


def test_what_leaves_no_danger_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    taken = ("rlimits", "no_new_privs", "landlock", "seccomp")
    log_confinement(Confinement(taken, tuple((means, "not in this test") for means in MEANS if means not in taken)))
    assert [record.levelno for record in caplog.records] == [logging.INFO]
