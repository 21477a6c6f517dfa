"""What the doctor says of this machine: the store's disk, the packages, the model, and the API's port."""

import http.server
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.doctor import Check, Deployment, Finding, machine, service
from cli.serve import listen
from jobs.infra.processes import new_name
from jobs.infra.settings import Settings
from jobs.store import ArtifactStore
from model_core.media.sandbox.confinement import MEANS, Confinement
from tests.conftest import MakeSettings


def look(check: Check, settings: Settings) -> list[Finding]:
    return list(check(Deployment(settings, None)))


def first_trouble(check: Check, settings: Settings) -> Finding:
    return next(finding for finding in look(check, settings) if finding.state != "ok")


def test_a_store_that_is_not_there_is_not_made(settings: Settings) -> None:
    (finding,) = look(machine.check_store, settings)
    assert finding.state == "warn"
    assert not settings.state_dir.exists()


@pytest.fixture
def stored(make_settings: MakeSettings, tmp_path: Path) -> MakeSettings:
    """Settings with a store that holds three MiB."""
    opened = ArtifactStore.open(make_settings(), new_name())
    upload = tmp_path / "upload"
    upload.write_bytes(bytes(3 * 2**20))
    opened.put_upload("0" * 32, upload)
    opened.close()
    return make_settings


def test_a_store_tells_what_it_holds_and_is_left_as_it_is(stored: MakeSettings) -> None:
    settings = stored(min_free_bytes=0, max_upload_bytes=1)
    before = sorted(settings.state_dir.rglob("*"))
    found = look(machine.check_store, settings)
    assert [finding.state for finding in found] == ["ok"] * 3
    assert found[-1].found == "3.0 MiB in use, no quota"
    assert sorted(settings.state_dir.rglob("*")) == before


@pytest.mark.parametrize(
    ("changes", "state", "found"),
    [
        ({"min_free_bytes": 2**60}, "fail", "must stay free: uploads are refused"),
        ({"min_free_bytes": 0, "max_upload_bytes": 2**60}, "warn", "too little for the largest upload"),
        ({"max_upload_bytes": 1, "min_free_bytes": 0, "store_max_bytes": 3 * 2**20}, "warn", "100% of the quota"),
        ({"store": "ftp://somewhere"}, "fail", "must be file:///folder or s3://bucket/prefix"),
    ],
)
def test_a_store_without_room_is_told(stored: MakeSettings, changes: dict[str, Any], state: str, found: str) -> None:
    trouble = first_trouble(machine.check_store, stored(**changes))
    assert trouble.state == state
    assert found in trouble.found
    assert trouble.advice


def test_a_store_that_cannot_be_written_is_told(stored: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = stored()
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path).name != "scratch")
    trouble = first_trouble(machine.check_store, settings)
    assert trouble.state == "fail"
    assert trouble.found == f"{settings.state_dir}/store/scratch cannot be written to"


def test_the_build_of_torch_is_read_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, told in (("cpu", "cuda: Optional[str] = None\nhip = None\n"), ("gpu", "cuda: Optional[str] = '12.8'\n")):
        folder = tmp_path / name / "torch"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("raise AssertionError('it was imported')\n")
        (folder / "version.py").write_text(f"__version__ = '2.13.0'\n{told}")
    monkeypatch.delitem(__import__("sys").modules, "torch", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path / "cpu"))
    assert machine.cuda_of_torch() is None
    monkeypatch.syspath_prepend(str(tmp_path / "gpu"))
    assert machine.cuda_of_torch() == "12.8"


def of_packages(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, cuda: str | None, without: str = "", **versions: str
) -> list[tuple[str, str]]:
    installed = {name: "1.0" for name in ("torch", *machine.MODELS) if name != without} | versions
    monkeypatch.setattr(machine, "_version", installed.get)
    monkeypatch.setattr(machine, "cuda_of_torch", lambda: cuda)
    return [(finding.state, finding.found) for finding in look(machine.check_packages, settings)]


def test_packages_that_go_together_are_well(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(machine, "GPU", tmp_path / "none")
    assert of_packages(monkeypatch, settings, None) == [("ok", "torch 1.0, built for the CPU")]
    monkeypatch.setattr(machine, "GPU", tmp_path)
    assert of_packages(monkeypatch, settings, "12.8", torchaudio="1.0") == [("ok", "torch 1.0, built for CUDA 12.8")]


def test_packages_that_do_not_go_together_are_told(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings, on_gpu = make_settings(), make_settings(device="cuda:1")
    monkeypatch.setattr(machine, "GPU", tmp_path / "none")
    assert of_packages(monkeypatch, settings, None, "torch")[0][0] == "warn"
    assert of_packages(monkeypatch, settings, None, "diffusers")[0] == (
        "fail", "a worker cannot run here without diffusers",
    )  # fmt: skip
    assert of_packages(monkeypatch, settings, None, torchaudio="2.11")[1] == (
        "fail", "torchaudio 2.11 is installed beside a torch for the CPU, which breaks imports",
    )  # fmt: skip
    assert of_packages(monkeypatch, settings, "12.8")[1][0] == "warn"
    assert of_packages(monkeypatch, on_gpu, "12.8")[1][0] == "fail"
    monkeypatch.setattr(machine, "GPU", tmp_path)
    assert of_packages(monkeypatch, on_gpu, None)[1] == ("fail", "V2M_DEVICE is cuda:1, but torch is built for the CPU")
    assert of_packages(monkeypatch, settings, None)[1] == ("warn", "there is a GPU that torch cannot use")
    assert len(of_packages(monkeypatch, on_gpu, "12.8")) == 1


def test_what_is_installed_here_is_looked_up(settings: Settings) -> None:
    assert look(machine.check_packages, settings)[0].found.startswith("torch 2.")


def test_a_model_folder_is_checked(make_settings: MakeSettings, tmp_path: Path) -> None:
    (fine,) = look(machine.check_model, make_settings())
    assert fine.state == "ok"
    (broken,) = look(machine.check_model, make_settings(model=tmp_path))
    assert broken.state == "fail"
    assert str(tmp_path) in broken.found


def test_a_whole_model_folder_is_named(make_settings: MakeSettings) -> None:
    folder = Path(machine.__file__).parents[2] / "model_core" / "assets" / "models" / "v2m-embedded-1"
    (finding,) = look(machine.check_model, make_settings(model=folder))
    assert finding.state == "ok"
    assert finding.found.endswith("embedded-score, complete")


def test_a_video_is_really_opened(settings: Settings) -> None:
    found = look(machine.check_media, settings)
    assert found[0].found.startswith("the sandbox is confined by rlimits, no_new_privs")
    assert (found[-1].state, found[-1].found.partition(" (")[0]) == ("ok", "the sandbox opens videos")


def test_what_the_sandbox_lacks_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = ("rlimits", "no_new_privs", "capabilities", "ipc_namespace")
    missing = tuple((means, "not here") for means in MEANS if means not in taken)
    monkeypatch.setattr(machine, "confinement", lambda: Confinement(taken, missing))
    found = look(machine.check_media, settings)
    assert [finding.state for finding in found] == ["ok", *["warn"] * 4, *["fail"] * 3, "ok"]
    assert [
        finding.found.partition(" could ")[2].partition(":")[0] for finding in found if finding.state == "fail"
    ] == [
        "reach the network",
        "read all files of this user",
        "start programs, and end other processes of this user",
    ]


def test_a_sandbox_that_cannot_start_is_a_failure(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> Confinement:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(machine, "confinement", refused)
    (finding,) = look(machine.check_media, settings)
    assert finding.state == "fail"
    assert "Operation not permitted" in finding.found


@contextmanager
def answering(answers: dict[str, tuple[int, Any]]) -> Iterator[int]:
    """A server that gives these answers; yields its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.get(self.path, (404, "nothing here"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            """Tests have nothing to log."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


READY = {"/healthz": (200, {"status": "ok"}), "/readyz": (200, {"status": "ready", "workers": 2})}
NOT_READY = READY | {"/readyz": (503, {"missing": {"worker": "none has shown itself lately"}})}


@pytest.mark.parametrize(
    ("answers", "state", "found"),
    [
        (READY, "ok", "is ready; live workers: 2"),
        (NOT_READY, "fail", "is not ready: worker none has shown itself lately"),
        ({}, "fail", "is not this API"),
        ({"/healthz": (200, ["a list"])}, "fail", "is not this API"),
    ],
)
def test_an_api_that_answers_says_how_it_is(
    make_settings: MakeSettings, answers: dict[str, tuple[int, Any]], state: str, found: str
) -> None:
    with answering(answers) as port:
        last = look(service.check_api, make_settings(port=port, host="0.0.0.0"))[-1]
    assert last.state == state
    assert last.found.endswith(found)


def test_an_api_that_does_not_answer_is_a_warning(make_settings: MakeSettings) -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
    assert [finding.state for finding in look(service.check_api, make_settings(port=port))] == ["warn"]
    assert [finding.state for finding in look(service.check_api, make_settings(port=0))] == ["warn"]
