"""The whole service as a person starts it: one command, plain HTTP, Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from cli.app import app
from jobs.infra.settings import Settings
from tests.cli_up.conftest import Up
from tests.conftest import MakeSettings
from tests.processes import ROOT, environment, until

StartUp = Callable[[Settings], Up]


def post(client: httpx.Client, clip: Path, prompt: str) -> str:
    with clip.open("rb") as video:
        answer = client.post("/v1/jobs", files={"video": ("my clip.mp4", video)}, data={"prompt": prompt})
    assert answer.status_code == 202, answer.text
    return str(answer.headers["location"])


def test_upload_poll_download_and_stop(start_up: StartUp, own_redis: Settings, clip: Path) -> None:
    up = start_up(own_redis)
    with httpx.Client(base_url=up.url, timeout=60) as client:
        assert client.get("/readyz").json()["workers"] == 1
        location = post(client, clip, "calm piano")
        job = up.ended_job(client, location)
        assert (job["status"], job["progress"], job["prompt"]) == ("completed", 1.0, "calm piano")
        assert set(job["content"]) == {"video", "audio", "midi", "curve", "report"}  # type: ignore[call-overload]
        assert client.get(f"{location}/content").content == clip.read_bytes()
        part = client.get(f"{location}/content", params={"variant": "audio"}, headers={"Range": "bytes=0-3"})
        assert (part.status_code, part.content) == (206, bytes(range(4)))
    assert up.end(signal.SIGINT) == 0


def test_jobs_outlive_a_killed_worker_and_a_restart(start_up: StartUp, own_redis: Settings, clip: Path) -> None:
    up = start_up(own_redis)
    with httpx.Client(base_url=up.url, timeout=60) as client:
        location = post(client, clip, "slow 1")
        until(lambda: client.get(location).json()["stage"] == "generate", "the job to be under way")
        os.kill(up.worker(), signal.SIGKILL)
        up.line("the worker was killed by SIGKILL; starting it again")
        up.line("ready: the worker has loaded the model")
        assert up.ended_job(client, location)["status"] == "completed"
        waiting = post(client, clip, "slow 60")
        until(lambda: client.get(waiting).json()["stage"] == "generate", "the job to be under way")
    assert up.end(signal.SIGTERM) == 0
    again = start_up(own_redis)
    with httpx.Client(base_url=again.url, timeout=60) as client:
        assert client.get(location).json()["status"] == "completed"
        until(lambda: client.get(waiting).json()["stage"] == "generate", "the job to be under way again")
    assert again.end(signal.SIGINT) == 0


def test_nothing_is_orphaned_even_by_sigkill(start_up: StartUp, own_redis: Settings) -> None:
    assert start_up(own_redis).end(signal.SIGKILL) == -signal.SIGKILL


def test_an_outside_redis_is_used(start_up: StartUp, make_settings: MakeSettings, clip: Path) -> None:
    settings = make_settings(port=0)
    up = start_up(settings)
    with httpx.Client(base_url=up.url, timeout=60) as client:
        assert up.ended_job(client, post(client, clip, ""))["status"] == "completed"
    assert not (settings.state_dir / "redis").exists()
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(60) == 0


def v2m(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The real command, which must refuse before it starts anything."""
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment(settings), capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("command", ["up", "api"])
def test_a_port_in_use_is_one_line_and_status_2(make_settings: MakeSettings, command: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = v2m(make_settings(redis_url=None), command, "--port", str(port))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert f"127.0.0.1:{port}" in done.stderr


def test_a_state_folder_in_use_is_one_line_and_status_2(start_up: StartUp, own_redis: Settings) -> None:
    start_up(own_redis)
    done = v2m(own_redis, "up", "--port", "0", "--state", str(own_redis.state_dir))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert str(own_redis.state_dir) in done.stderr


def test_an_outside_redis_that_does_not_answer(make_settings: MakeSettings, tmp_path: Path) -> None:
    done = v2m(make_settings(redis_url=f"unix://{tmp_path}/nobody.sock", port=0), "up")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "REDIS_URL" in done.stderr


@pytest.mark.parametrize("command", ["up", "api", "worker"])
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("V2M_PORT", "many", "V2M_PORT must be an integer."), ("REDIS_URL", "http://127.0.0.1", "REDIS_URL: ")],
)
def test_a_setting_that_cannot_be_used_is_named(command: str, name: str, value: str, message: str) -> None:
    done = CliRunner().invoke(app, [command], env={name: value})
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert f"v2m: {message}" in done.stderr
    assert "Value error" not in done.stderr


def test_the_command_line_loads_no_torch() -> None:
    code = "import sys, cli.main; sys.exit(any(name.split('.')[0] == 'torch' for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    ("store", "message"),
    [
        ("/srv/x", "V2M_STORE must be file:///folder or s3://bucket/prefix, not /srv/x. Did you mean file:///srv/x?"),
        ("file://x", "V2M_STORE needs an absolute path, such as file:///var/lib/v2m/store, not file://x."),
        ("file:///proc/v2m", "The folder /proc/v2m/scratch for temporary files cannot be created: "),
    ],
)
def test_a_store_that_cannot_be_used_is_one_line_and_starts_nothing(
    settings: Settings, store: str, message: str
) -> None:
    """It was a loop of restarts, with the cause in a log line of the worker."""
    env = {**environment(settings), "V2M_STORE": store, "V2M_PORT": "0"}
    command_line = [sys.executable, "-m", "cli.main", "up"]
    done = subprocess.run(command_line, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"v2m: {message}")


def test_an_unknown_setting_is_a_warning_with_the_most_similar_one(settings: Settings) -> None:
    env = {**environment(settings), "V2M_MAX_UPLOAD": "5", "V2M_PORT": "many"}
    command_line = [sys.executable, "-m", "cli.main", "up"]
    done = subprocess.run(command_line, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "v2m: warning: V2M_MAX_UPLOAD is not a setting. Did you mean V2M_MAX_UPLOADS?",
        "v2m: V2M_PORT must be an integer.",
    ]
