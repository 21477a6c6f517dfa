"""`v2m submit` against a real API: the whole way with a worker, one line and an exit status where it does not go."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from cli.app import app
from jobs.infra.settings import Settings
from jobs.record import JobStatus
from service.auth.keys import digest, new_key
from service.dependencies import Services
from tests.conftest import MakeSettings
from tests.processes import start_worker, until
from tests.service.conftest import serving
from tests.video_factory import make_clip


@pytest.fixture
def own_clip(tmp_path: Path) -> Path:
    """A video in a folder of its own."""
    folder = tmp_path / "videos"
    folder.mkdir()
    return make_clip(folder / "my clip.mp4", duration=1.0, fps=12, size=(64, 48))


@contextmanager
def quiet_api(settings: Settings) -> Iterator[str]:
    """The address of a real API in this process, whose log does not mix with what the command prints."""
    with capture_logs(), serving(settings) as http:
        yield str(http.base_url)


@pytest.fixture
def api(settings: Settings) -> Iterator[str]:
    """One with the usual settings."""
    with quiet_api(settings) as url:
        yield url


@pytest.fixture
def worker(settings: Settings, redis: Redis) -> Iterator[subprocess.Popen[bytes]]:
    """The fake one."""
    process = start_worker(settings, redis)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """For looking behind the API."""
    opened = Services.open(settings)
    yield opened
    opened.close()


def submit(api: str, *arguments: object, key: str = "") -> Result:
    """Runs it in this process."""
    return CliRunner().invoke(app, ["submit", *map(str, arguments)], env={"V2M_URL": api, "V2M_API_KEY": key})


def refused(done: Result) -> str:
    """The one line of something that was given wrong."""
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.output
    return done.stderr


@pytest.mark.usefixtures("worker")
def test_from_a_clip_to_its_results(api: str, own_clip: Path) -> None:
    folder = own_clip.parent
    first = submit(api, own_clip, "--prompt", "calm")
    assert (first.exit_code, first.stdout) == (0, f"{folder / 'my clip-scored.mp4'}\n"), first.output
    assert (folder / "my clip-scored.mp4").read_bytes() == own_clip.read_bytes()

    more = submit(
        api, own_clip, "--seed", 7, "--option", "steps=9", "--option", "negative_prompt=drums", "--prompt", "calm",
        "--variant", "video", "--variant", "report",
    )  # fmt: skip
    assert more.stdout.splitlines() == [str(folder / "my clip-scored-2.mp4"), str(folder / "my clip-report.json")]
    told = json.loads((folder / "my clip-report.json").read_text())
    assert (told["seed"], told["prompt"]) == (7, "calm")

    named = submit(api, own_clip, "--variant", "midi", "--out", folder / "notes.mid")
    assert named.stdout == f"{folder / 'notes.mid'}\n"
    assert (folder / "notes.mid").read_bytes() == b"MThd"

    left = submit(api, own_clip, "--no-wait")
    job_id = left.stdout.strip()
    assert len(job_id) == 32
    assert submit(api, folder / "my clip.mp4", "--job", job_id).stdout == f"{folder / 'my clip-scored-3.mp4'}\n"

    existing = refused(submit(api, own_clip, "--out", folder / "notes.mid", "--variant", "midi"))
    assert "already exists. Use another name, or --force" in existing
    again = submit(api, own_clip, "--out", folder / "notes.mid", "--variant", "midi", "--force")
    assert (again.exit_code, again.stderr) == (0, "")

    full = submit(api, own_clip, "--job", job_id, "--out", "/dev/full")
    assert (full.exit_code, full.stdout) == (1, "")
    assert full.stderr == (
        f"v2m: cannot write /dev/full: No space left on device. The job {job_id} is completed. To download its result: "
        f"v2m submit '{own_clip}' --job {job_id} --url {api} --out FILE\n"
    )

    for size in (240, 255):  # the longest names, of which none has room for "-scored"
        long_clip = shutil.copy(own_clip, folder / f"{'x' * (size - 4)}.mp4")
        scored = submit(api, long_clip)
        assert scored.exit_code == 0, scored.output
        name = f"{'x' * min(244, size - 4)}-scored.mp4"
        assert scored.stdout == f"{folder / name}\n"
        assert ("shortened to" in scored.stderr) == (size > 248)
        kept = shutil.copy(folder / name, folder / f"{'y' * 251}.mp4")
        assert submit(api, own_clip, "--job", job_id, "--out", kept, "--force").exit_code == 0

    failed = submit(api, own_clip, "--prompt", "refuse")
    assert (failed.exit_code, failed.stdout) == (1, "")
    assert "failed (refused): prompt: names no music" in failed.stderr
    assert len(failed.stderr.splitlines()) == 1

    curve = submit(api, own_clip, "--curve")
    assert (curve.exit_code, curve.stdout) == (0, f"{folder / 'my clip-curve.json'}\n"), curve.output
    job_id = submit(api, own_clip, "--curve", "--no-wait").stdout.strip()
    assert submit(api, own_clip, "--job", job_id).stdout == f"{folder / 'my clip-curve-2.json'}\n"
    assert f"{job_id} has no midi; it has curve" in refused(submit(api, own_clip, "--job", job_id, "--variant", "midi"))
    assert [path.name for path in folder.glob(".*")] == [], "nothing in the making is left"


@pytest.mark.usefixtures("worker")
def test_ctrl_c_leaves_the_job_and_says_how_to_go_on(api: str, own_clip: Path, services: Services) -> None:
    command = [sys.executable, "-m", "cli.main", "submit", str(own_clip), "--prompt", "slow 60"]

    def running() -> str | None:
        found = [job.id for job in services.records.list_page(None, 1) if job.status is JobStatus.IN_PROGRESS]
        return found[0] if found else None

    environment = {**os.environ, "V2M_URL": api}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            job_id = until(running, "the job to be in progress")
            process.send_signal(signal.SIGINT)
            said, told = process.communicate()
        finally:
            process.kill()
    assert (process.returncode, said) == (130, "")
    again = f"v2m submit '{own_clip}' --job {job_id} --url {api}"
    assert told == f"v2m: The job {job_id} goes on. To wait for it again: {again}\n"
    record = services.records.get(job_id)
    assert record is not None
    assert record.status is JobStatus.IN_PROGRESS
    assert not record.cancel_requested
    services.queue.cancel(job_id)
    canceled = submit(api, own_clip, "--job", job_id)
    assert (canceled.exit_code, canceled.stderr) == (1, f"v2m: the job {job_id} was canceled\n")


def test_what_is_given_wrong_is_told_in_one_line(api: str, own_clip: Path, redis: Redis) -> None:
    text = own_clip.with_name("text.mp4")
    text.write_text("no video " * 1000)
    assert "there is no file" in refused(submit(api, own_clip.with_name("none.mp4")))
    assert "is not a video" in refused(submit(api, text))
    assert "options.seed" in refused(submit(api, own_clip, "--seed", -1))
    assert "options.sead" in refused(submit(api, own_clip, "--option", "sead=1"))
    assert "NAME=VALUE" in refused(submit(api, own_clip, "--option", "seed"))
    assert "/proc" in refused(submit(api, own_clip, "--out", "/proc/x.mp4"))
    assert "is a folder" in refused(submit(api, own_clip.parent))
    assert "is the input video" in refused(submit(api, own_clip, "--out", own_clip))
    assert "one file" in refused(submit(api, own_clip, "--out", "x.mp4", "--variant", "midi", "--variant", "audio"))
    assert "no prompt" in refused(submit(api, own_clip, "--curve", "--prompt", "x"))
    assert "--job" in refused(submit(api, own_clip, "--job", "../x"))
    assert "No job has this id" in refused(submit(api, own_clip, "--job", "0" * 32))
    assert "--url" in refused(submit("ftp://127.0.0.1", own_clip))
    assert "V2M_API_KEY" in refused(submit(api, own_clip, key="two words"))
    assert redis.keys("v2m:job:*") == []


def test_the_key_comes_from_the_environment(make_settings: MakeSettings, own_clip: Path) -> None:
    key = new_key()
    with quiet_api(make_settings(api_keys=f"alice:{digest(key.encode()).hex()}")) as url:
        assert len(submit(url, own_clip, "--no-wait", key=key).stdout.strip()) == 32
        assert "needs a valid API key" in refused(submit(url, own_clip))


def test_an_api_that_is_not_there(own_clip: Path) -> None:
    done = submit("http://127.0.0.1:1", own_clip)
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert "http://127.0.0.1:1 does not answer" in done.stderr


def test_it_loads_neither_torch_nor_the_service() -> None:
    program = "import sys, cli.submit; print(*{name.partition('.')[0] for name in sys.modules})"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(shown.stdout.split())
    assert {"v2m_client", "httpx"} <= loaded
    assert loaded.isdisjoint({"torch", "service", "fastapi", "redis", "rq", "worker"})
