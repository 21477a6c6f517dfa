"""Scorer with a real model: where it runs, and its errors when the memory is too small."""

import gc
import weakref
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from jobs.infra.settings import Settings
from model_core.curves.event_curve import EventCurve
from model_core.errors import DeviceMemoryError, InputError, ModelError
from model_core.media import VideoInfo
from model_core.models.score import KIND
from model_core.models.stable_audio import AUDIO_KIND
from model_core.models.stable_audio.model import StableAudioModel
from model_core.options import ModelInfo, ScoreOptions
from model_core.pipeline import Pipeline
from model_core.runtime import Runtime, run_within_memory
from tests.conftest import MakeSettings
from tests.stable_audio.tiny_model import tiny_folder
from worker.scorer import PipelineScorer


class Held:
    """Something large."""


def test_memory_error_is_raised_after_the_memory_is_free() -> None:
    held: list[weakref.ref[Held]] = []

    def work() -> None:
        large = Held()
        held.append(weakref.ref(large))
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 5.00 GiB")

    gc.disable()
    try:
        with pytest.raises(DeviceMemoryError, match="V2M_WINDOW_S") as told:
            run_within_memory(work)
        assert held[0]() is None
    finally:
        gc.enable()
    assert told.value.__context__ is None
    assert "\n" not in str(told.value)


def test_other_errors_and_results_pass() -> None:
    assert run_within_memory(lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        run_within_memory(lambda: 1 / 0)


@pytest.fixture(scope="module")
def scorer() -> PipelineScorer:
    """With the embedded model."""
    return PipelineScorer(Settings(model=None))


def ignored(stage: str, fraction: float) -> None:
    """Progress callback that ignores its arguments."""


def test_embedded_model_does_not_prefetch(scorer: PipelineScorer) -> None:
    assert not scorer.prefetches
    assert scorer.model.kind == KIND


def test_unsupported_option_is_refused_before_the_video_is_opened(scorer: PipelineScorer, tmp_path: Path) -> None:
    def report(stage: str, fraction: float) -> None:
        raise AssertionError("it got as far as the video")

    with pytest.raises(InputError) as told:
        scorer.analyze(tmp_path / "none.mp4", "", ScoreOptions(negative_prompt="drums"), report)
    assert (told.value.field, told.value.code) == ("negative_prompt", "not_supported")


def test_both_halves_report_too_little_memory(
    scorer: PipelineScorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Pipeline, "analyze", full)
    monkeypatch.setattr(Pipeline, "score_curve", full)
    with pytest.raises(DeviceMemoryError):
        scorer.analyze(tmp_path, "", ScoreOptions(), ignored)
    info = VideoInfo(1.0, 64, 48, 0, 12.0, False, "h264", None, "mov", 12)
    analysis = info, EventCurve(np.zeros(3), np.zeros(3), "none")
    with pytest.raises(DeviceMemoryError):
        scorer.score(analysis, tmp_path, "", ScoreOptions(), tmp_path, ignored)


def test_load_that_finds_the_memory_taken_says_so(
    make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    folder = tiny_folder(tmp_path)
    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(DeviceMemoryError):
        PipelineScorer(make_settings(model=folder, device="cpu"))


def test_model_that_is_none_is_a_model_error(make_settings: MakeSettings, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"v2m\.json"):
        PipelineScorer(make_settings(model=tmp_path))


def test_audio_model_runs_where_the_settings_say(make_settings: MakeSettings, tmp_path: Path) -> None:
    folder = tiny_folder(tmp_path)
    scorer = PipelineScorer(make_settings(model=folder, device="cpu", precision="bfloat16", window_s=10.0))
    musician = scorer._pipeline.model
    assert isinstance(musician, StableAudioModel)
    assert (musician.model.transformer.device.type, musician.model.transformer.dtype) == ("cpu", torch.bfloat16)
    assert musician.flow.longest_s == 10.0
    assert (scorer.model.title, scorer.model.kind) == ("tiny 0", AUDIO_KIND)
    assert not scorer.prefetches, "on a processor it would take from the job under way"
    with pytest.raises(ModelError, match="device cuda:99"):
        PipelineScorer(make_settings(model=folder, device="cuda:99"))


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_audio_model_prefetches_on_a_gpu(
    make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    info = ModelInfo(name="one", version="1", kind=AUDIO_KIND, licence="CC0-1.0")

    def load(model: Path, runtime: Runtime) -> SimpleNamespace:
        return SimpleNamespace(info=info, model=SimpleNamespace(uses_gpu=runtime.device == "cuda"))

    monkeypatch.setattr(Pipeline, "load", load)
    scorer = PipelineScorer(make_settings(model=tmp_path, device=device))
    assert (scorer.model, scorer.prefetches) == (info, device == "cuda")
