"""The parts of `v2m up` that are quick to test alone."""

import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from cli.stack import RedisServer
from cli.supervisor import Service, Supervisor
from tests.processes import descendants, is_running, until


def test_a_service_that_dies_is_started_again_later_and_later() -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append, grace_s=10)
    supervisor.add(Service("thing", [sys.executable, "-c", "raise SystemExit(7)"], {}))

    def three_deaths() -> bool:
        supervisor.tend()
        return len(said) == 3

    until(three_deaths, "three deaths")
    supervisor.stop()
    assert said == [
        "the thing ended with status 7; starting it again in 0.5 s",
        "the thing ended with status 7 (2 times in a row); starting it again in 1 s",
        "the thing ended with status 7 (3 times in a row); starting it again in 2 s",
    ]


def test_a_service_that_lived_for_a_while_starts_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.supervisor._STEADY_S", 0.0)
    said: list[str] = []
    supervisor = Supervisor(said.append, grace_s=10)
    supervisor.add(Service("thing", [sys.executable, "-c", ""], {}))

    def two_deaths() -> bool:
        supervisor.tend()
        return len(said) == 2

    until(two_deaths, "two deaths")
    supervisor.stop()
    assert said == 2 * ["the thing ended with status 0; starting it again"]


def test_a_service_that_is_given_up_is_killed_and_starts_again() -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append, grace_s=10)
    service = Service("thing", [sys.executable, "-c", "import time; time.sleep(600)"], {})
    supervisor.add(service)
    first = service.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    supervisor.kill(service, "sleeps")

    def another() -> bool:
        supervisor.tend()
        return service.pid not in (None, first)

    until(another, "another process")
    supervisor.stop()
    assert not is_running(first)
    assert said == ["the thing sleeps; killing it", "the thing was killed by SIGKILL; starting it again in 0.5 s"]


def test_what_a_service_started_ends_with_it() -> None:
    sleeper = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    service = Service("thing", [sys.executable, "-c", sleeper], {})
    service.start()
    assert service.pid is not None
    pid = service.pid
    (below,) = until(lambda: descendants(pid), "the process below")
    service.stop(10)
    until(lambda: not is_running(below), "the process below to end")
    assert not is_running(pid)
    assert service.pid is None


def test_a_service_that_will_not_stop_is_killed(tmp_path: Path) -> None:
    deaf = tmp_path / "deaf"
    stubborn = f"import signal, time; signal.signal(15, signal.SIG_IGN); open({str(deaf)!r}, 'w'); time.sleep(600)"
    service = Service("thing", [sys.executable, "-c", stubborn], {})
    service.start()
    assert service.process is not None
    process = service.process
    until(deaf.exists, "the process to be deaf to SIGTERM")
    service.stop(0.5)
    assert process.returncode == -signal.SIGKILL


def test_the_socket_of_the_embedded_redis_is_never_too_long(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    server = RedisServer(deep)
    assert len(str(server.socket)) < 100
    assert str(server.socket).startswith(tempfile.gettempdir())
    server.close()
    assert not server.socket.parent.exists()
    with tempfile.TemporaryDirectory() as folder:
        near = RedisServer(Path(folder))
        assert near.socket.is_relative_to(Path(folder).resolve())
        assert "unix://" in near.url
        command = near.command()
        assert command[command.index("--appendonly") + 1] == "yes"
        assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
        assert command[command.index("--port") + 1] == "0"
