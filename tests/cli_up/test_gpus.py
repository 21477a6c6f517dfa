"""`v2m up` starts one worker for each GPU; nvidia-smi is a script here."""

import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.stack import run_stack
from cli.workers import gpus_for_workers, list_gpus
from jobs.infra.settings import Settings
from tests.conftest import MakeSettings
from tests.processes import ROOT
from tests.stable_audio.tiny_model import tiny_folder

UUIDS = ["GPU-9d5c1a52-0b6e-4b3e-8f3c-0d6b0f6f1a01", "GPU-0a4c7d11-5a2f-4f77-9f0e-3f1f2f0b7b02"]
LISTED = f"""\
GPU 0: NVIDIA H200 (UUID: {UUIDS[0]})
  MIG 1g.18gb     Device  0: (UUID: MIG-1f2f2f0b-5a2f-4f77-9f0e-0d6b0f6f1a01)
GPU 1: NVIDIA H200 (UUID: {UUIDS[1]})
"""
Fake = Callable[..., None]


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Puts an nvidia-smi first in PATH that prints ``text`` for -L."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def put(text: str, status: int = 0) -> None:
        script = tmp_path / "bin" / "nvidia-smi"
        script.parent.mkdir(exist_ok=True)
        script.write_text(f'#!/bin/sh\n[ "$*" = -L ] || exit 9\ncat <<"END"\n{text}END\nexit {status}\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")

    return put


def test_gpus_are_listed_by_uuid(nvidia_smi: Fake) -> None:
    nvidia_smi(LISTED)
    assert list_gpus() == UUIDS


def test_where_nvidia_smi_fails_or_is_missing_there_are_none(
    nvidia_smi: Fake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nvidia_smi(LISTED, status=9)
    assert list_gpus() == []
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list_gpus() == []


@pytest.mark.parametrize(("value", "gpus"), [("2,3", ["2", "3"]), ("", []), ("-1", []), (UUIDS[1], [UUIDS[1]])])
def test_cuda_visible_devices_is_obeyed(
    nvidia_smi: Fake, monkeypatch: pytest.MonkeyPatch, value: str, gpus: list[str]
) -> None:
    nvidia_smi(LISTED)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert list_gpus() == gpus


@pytest.mark.parametrize(
    ("changes", "gpus"),
    [
        ({}, UUIDS),
        ({"gpus": 1}, UUIDS[:1]),
        ({"gpus": 0}, []),
        ({"gpus": 8}, UUIDS),
        ({"device": "cuda"}, UUIDS),
        ({"device": "cuda:1"}, []),
        ({"device": "cpu"}, []),
    ],
)
def test_how_many_get_a_worker(
    nvidia_smi: Fake, make_settings: MakeSettings, tmp_path: Path, changes: dict[str, object], gpus: list[str]
) -> None:
    nvidia_smi(LISTED)
    assert gpus_for_workers(make_settings(model=tiny_folder(tmp_path), **changes)) == gpus


def test_without_nvidia_smi_the_setting_is_the_number(
    nvidia_smi: Fake, make_settings: MakeSettings, tmp_path: Path
) -> None:
    nvidia_smi("", status=9)
    assert gpus_for_workers(make_settings(model=tiny_folder(tmp_path), gpus=2)) == ["0", "1"]


def test_the_embedded_model_runs_on_the_cpu(nvidia_smi: Fake, settings: Settings) -> None:
    nvidia_smi(LISTED)
    assert gpus_for_workers(settings) == []


@pytest.mark.usefixtures("own_signals")
def test_each_gpu_has_a_worker_and_a_metrics_port(
    nvidia_smi: Fake,
    make_settings: MakeSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    nvidia_smi(LISTED)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    given = tmp_path / "given"
    given.mkdir()
    worker = f"""
import json, os, pathlib, time
from jobs.infra.redis_connection import connect
from jobs.infra.processes import new_name
from jobs.infra.processes import record_heartbeat
names = ("CUDA_VISIBLE_DEVICES", "V2M_WORKER_METRICS_PORT")
pathlib.Path({str(given)!r}, str(os.getpid())).write_text(json.dumps([os.environ[name] for name in names]))
redis, name = connect(os.environ["REDIS_URL"]), new_name()
while True:
    record_heartbeat(redis, name)
    time.sleep(0.1)
"""
    _stop_once_two_are_ready(monkeypatch)
    settings = make_settings(model=tiny_folder(tmp_path), port=0, worker_metrics_port=9500)
    assert run_stack(settings, [sys.executable, "-c", worker]) == 0
    assert sorted(json.loads(path.read_text()) for path in given.iterdir()) == sorted(
        [[UUIDS[0], "9500"], [UUIDS[1], "9501"]]
    )
    said = capsys.readouterr().out
    assert "2 workers load the model" in said
    assert "each further worker on the next port, up to 9501" in said
    assert said.count("v2m: try: curl") == 1


def _stop_once_two_are_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    ready: set[str] = set()

    def say(line: str) -> None:
        print(f"v2m: {line}")
        if line.startswith("ready: the worker"):
            ready.add(line.split(" has")[0])
        if len(ready) == 2:
            os.kill(os.getpid(), 15)

    monkeypatch.setattr("cli.stack.say", say)
