"""What tests of fine-tuning share: a tiny model, music with loud events, and a work folder in which it is cached."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState
from typer.testing import CliRunner, Result

from cli.app import app
from tests.training.audio.loud_music import listening_model, write_music

Train = Callable[..., Result]
QUICK = ("--seconds", "4", "--batch", "4", "--listen-every", "0", "--lora", "4", "--learning-rate", "3e-3")


@pytest.fixture(autouse=True)
def one_accelerator() -> Iterator[None]:
    """accelerate keeps its state, precision included, as long as the process lives. Session fixtures train as well."""
    AcceleratorState._reset_state(True)
    yield
    AcceleratorState._reset_state(True)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return listening_model(tmp_path_factory.mktemp("listening"))


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_music(tmp_path_factory.mktemp("loud") / "music")


@pytest.fixture(scope="session")
def cached(model: Path, music: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder whose cache is full."""
    work = tmp_path_factory.mktemp("cached")
    done = run(model, music, work / "out", work, *QUICK, "--steps", "1")
    assert done.exit_code == 0, done.output
    return work


@pytest.fixture(scope="session")
def finished(model: Path, music: Path, cached: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder in which a short run is through."""
    work = tmp_path_factory.mktemp("finished")
    shutil.copytree(cached / "music", work / "music")
    listening = ("--listen-every", "20", "--validate-every", "15", "--steps", "30")
    done = run(model, music, work / "out", work, *QUICK, *listening)
    assert done.exit_code == 0, done.output
    assert "audio-curve: wrote tiny 1+30." in done.output.splitlines()[-1]
    return work


@pytest.fixture
def train(model: Path, music: Path, cached: Path, tmp_path: Path) -> Train:
    """Runs `v2m train curve` in WORK, by default tmp_path/work, on the music's cache, and writes WORK/out."""

    def train(*arguments: str, work: Path = tmp_path / "work") -> Result:
        if not work.exists():
            shutil.copytree(cached / "music", work / "music")
        return run(model, music, work / "out", work, *arguments)

    return train


def run(model: Path, music: Path, out: Path, work: Path, *arguments: str) -> Result:
    told = ("--model", str(model), "--data", str(music), "--out", str(out), "--work", str(work))
    return CliRunner().invoke(app, ["train", "curve", *told, *arguments])
