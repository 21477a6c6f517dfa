"""What the doctor says of Redis: the embedded server, with one thing after the other set wrong."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from cli.doctor import Deployment, Finding
from cli.doctor.service import check_redis, find_redis
from cli.stack import RedisServer
from jobs.infra.settings import Settings
from tests.processes import until


@pytest.fixture(scope="module")
def state_dir() -> Iterator[Path]:
    """The state folder of an embedded server that runs."""
    with tempfile.TemporaryDirectory(prefix="v2m-") as folder:
        server = RedisServer(Path(folder))
        process = subprocess.Popen(server.command())
        until(server.socket.exists, "the server")
        yield Path(folder)
        process.kill()  # a log that is switched on again is being written anew, and then it would not stop if asked to
        process.wait()


@pytest.fixture
def deployment(state_dir: Path) -> Iterator[Deployment]:
    """What the doctor finds in the state folder."""
    redis, finding = find_redis(Settings(redis_url=None, state_dir=state_dir))
    assert (finding.state, finding.found) == ("ok", f"unix://{state_dir.resolve()}/redis/redis.sock answers")
    assert redis is not None
    yield Deployment(Settings(state_dir=state_dir), redis)
    redis.close()


def troubles(deployment: Deployment) -> list[Finding]:
    found = list(check_redis(deployment))
    assert found
    return [finding for finding in found if finding.state != "ok"]


def server(deployment: Deployment) -> Redis:
    assert deployment.redis is not None
    return deployment.redis


def test_the_embedded_server_is_as_it_should_be(deployment: Deployment) -> None:
    assert troubles(deployment) == []
    told = [finding.found for finding in check_redis(deployment)]
    assert any(line.startswith("Valkey") for line in told)
    assert any(line.startswith("its clock agrees") for line in told)


@pytest.mark.parametrize(
    ("settings", "state", "found"),
    [
        ({"appendonly": "no"}, "fail", "keeps no log of its writes: a restart loses jobs"),
        ({"maxmemory-policy": "allkeys-lru"}, "warn", "maxmemory-policy is allkeys-lru: it may drop records of jobs"),
        (
            {"maxmemory-policy": "allkeys-lru", "maxmemory": "100mb"},
            "fail",
            "maxmemory-policy is allkeys-lru: it may drop records of jobs",
        ),
    ],
)
def test_a_wrong_setting_is_named(deployment: Deployment, settings: dict[str, str], state: str, found: str) -> None:
    redis = server(deployment)
    before = {name: str(redis.config_get(name)[name]) for name in settings}
    try:
        for name, value in settings.items():
            redis.config_set(name, value)
        (trouble,) = troubles(deployment)
    finally:
        for name, value in before.items():
            redis.config_set(name, value)
    assert (trouble.state, trouble.subject, trouble.found) == (state, "redis", found)
    assert trouble.advice


def test_memory_that_is_nearly_used_up_is_told(deployment: Deployment) -> None:
    redis = server(deployment)
    try:
        redis.config_set("maxmemory", int(redis.info()["used_memory"] * 1.1))
        (trouble,) = troubles(deployment)
    finally:
        redis.config_set("maxmemory", 0)
    assert trouble.state == "warn"
    assert "of maxmemory are in use" in trouble.found


def test_what_an_old_or_ailing_server_tells_of_itself(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    redis = server(deployment)
    told = dict(redis.info())
    told |= {"redis_version": "6.2.14", "role": "slave", "aof_last_write_status": "err"}
    del told["valkey_version"]
    monkeypatch.setattr(redis, "info", lambda: told)
    assert [(trouble.state, trouble.found) for trouble in troubles(deployment)] == [
        ("fail", "Redis 6.2.14 is too old"),
        ("fail", "is a replica, which cannot be written to"),
        ("fail", "aof_last_write_status is err"),
    ]


def test_clocks_that_differ_are_told(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    redis = server(deployment)
    monkeypatch.setattr(redis, "time", lambda: (1_000_000_000, 0))
    (trouble,) = troubles(deployment)
    assert (trouble.state, trouble.found.partition(" by ")[0]) == ("warn", "its clock differs from this machine's")


@pytest.mark.parametrize("url", [None, "redis://me:secret@127.0.0.1:1/0"])
def test_one_that_does_not_answer_is_a_finding(
    tmp_path: Path, url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.infra.settings.DEFAULT_REDIS_URL", "redis://127.0.0.1:1/0")
    redis, finding = find_redis(Settings(redis_url=url, state_dir=tmp_path))
    assert redis is None
    assert finding.state == "fail"
    assert finding.found.startswith("redis://127.0.0.1:1/0 does not answer: ")
    assert "secret" not in finding.found
    assert list(tmp_path.iterdir()) == [], "nothing is made"
    assert list(check_redis(Deployment(Settings(state_dir=tmp_path), None))) == []


def test_a_socket_that_a_dead_server_left_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "redis.sock").touch()
    redis, finding = find_redis(Settings(redis_url=None, state_dir=tmp_path))
    assert redis is None
    assert finding.advice is not None
    assert str(tmp_path) in finding.advice
