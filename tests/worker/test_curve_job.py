"""Curve jobs, which run only the first two stages of a score."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.infra.settings import Settings
from jobs.record import JobKind, JobRecord, JobStatus
from model_core.assets import asset
from model_core.errors import InputError
from model_core.options import ProgressCallback, ScoreOptions
from model_core.results import Variant
from service.dependencies import Services
from tests.processes import until
from tests.worker.house import list_stored, read, results, submit_job
from tests.worker.tasks import WORKER, Behave, Scorer, new_runner
from worker.attempt import Stop
from worker.scorer import PipelineScorer, VideoAnalysis


def submit_curve(services: Services, upload: bytes = b"video", duration: float = 2.0) -> str:
    """A queued curve job."""
    record = JobRecord.new("", ScoreOptions(), {"duration": duration}, kind=JobKind.CURVE)
    with services.store.scratch.file(io.BytesIO(upload), 1 << 30) as received:
        services.store.put_upload(record.id, received)
    services.queue.submit(record)
    return record.id


def never(out: Path, progress: ProgressCallback) -> dict[str, Path]:
    raise AssertionError("a curve job must not score")


class Analyzer(Scorer):
    """Scorer that calls ``during`` in each analysis and must not score."""

    def __init__(self, during: Callable[[ProgressCallback], None], behave: Behave = never) -> None:
        super().__init__(behave)
        self._during = during

    def analyze(self, video: Path, prompt: str, options: ScoreOptions, progress: ProgressCallback) -> VideoAnalysis:
        self._during(progress)
        return super().analyze(video, prompt, options, progress)


def test_only_the_curve_is_published(services: Services) -> None:
    job, seen = submit_curve(services), []

    def during(progress: ProgressCallback) -> None:
        for stage, fraction in (("probe", 0.0), ("curve", 0.0), ("probe", 1.0), ("curve", 1.0)):
            progress(stage, fraction)
            record = read(services, job)
            seen.append((record.stage, round(record.progress, 2)))

    assert new_runner(services, Analyzer(during)).run(job, WORKER) is None
    record = read(services, job)
    assert (record.status, record.progress, set(record.artifacts)) == (JobStatus.COMPLETED, 1.0, {Variant.CURVE})
    assert seen == [("probe", 0.0), ("curve", 0.08), ("probe", 0.08), ("curve", 1.0)]
    (curve,) = [json.loads(text) for text in results(services, job).values()]
    assert set(curve) == {"video"}
    assert (curve["video"]["times_s"], curve["video"]["values"]) == ([0, 1, 2], [0, 0, 0])
    assert list_stored(services, job) == {"upload", "results/1/curve.json"}


def test_curve_job_can_be_canceled(services: Services) -> None:
    job = submit_curve(services)

    def during(progress: ProgressCallback) -> None:
        services.queue.cancel(job)
        progress("curve", 0.5)

    new_runner(services, Analyzer(during)).run(job, WORKER)
    assert (read(services, job).status, list_stored(services, job)) == (JobStatus.CANCELED, {"upload"})


def test_curve_job_is_requeued_when_its_worker_stops(services: Services) -> None:
    job = submit_curve(services)
    scorer = Analyzer(lambda progress: progress("curve", 0.5))
    assert new_runner(services, scorer, Stop("shutdown")).run(job, WORKER) is not None
    assert (read(services, job).status, read(services, job).progress) == (JobStatus.QUEUED, 0.0)


def test_bad_video_fails_the_job(services: Services) -> None:
    job = submit_curve(services)

    def during(progress: ProgressCallback) -> None:
        raise InputError("video", "holds no frame", "no_frames")

    new_runner(services, Analyzer(during)).run(job, WORKER)
    error = read(services, job).error
    assert error is not None
    assert (error.code, error.field) == ("no_frames", "video")


def test_curve_job_is_prefetched(services: Services) -> None:
    first = submit_job(services)
    services.queue.remove(first)
    job = submit_curve(services)

    def behave(out: Path, progress: ProgressCallback) -> dict[str, Path]:
        progress("generate", 0.5)
        until(lambda: len(scorer.threads) == 2, "the prefetch")
        (out / "v.mp4").write_bytes(b"scored")
        return {"video": out / "v.mp4"}

    scorer = Scorer(behave)
    runner = new_runner(services, scorer, prefetch=True)
    runner.run(first, WORKER)
    runner.run(job, WORKER)
    assert scorer.threads == ["MainThread", "prefetch"]
    assert set(read(services, job).artifacts) == {Variant.CURVE}
    runner.prefetcher.disable()


def test_completed_job_gives_the_estimate_of_the_next(services: Services) -> None:
    first, second = submit_curve(services), submit_curve(services, duration=4.0)
    runner = new_runner(services, Analyzer(lambda progress: progress("probe", 0.0)))
    services.queue.remove(first)
    runner.run(first, WORKER)
    services.records.start(second, Scorer.model, WORKER)
    eta_s = services.paces.forecast(queue=False).eta_s(read(services, second))
    assert eta_s is not None
    learned = services.paces.forecast(queue=False).paces["curve fake 1"].stages
    assert set(learned) == {"probe", "publish"}
    assert eta_s == pytest.approx(4.0 * sum(learned.values()))


@pytest.mark.parametrize("error", [InputError("video", "holds no frame"), RuntimeError("secret")])
def test_failed_job_changes_no_pace(services: Services, error: Exception) -> None:
    job = submit_curve(services)

    def during(progress: ProgressCallback) -> None:
        progress("probe", 0.0)
        raise error

    new_runner(services, Analyzer(during)).run(job, WORKER)
    assert services.paces.forecast(queue=False).paces == {}


def test_curve_of_the_demo_clip_finds_its_cuts(services: Services) -> None:
    """With the real model."""
    clip = asset("demo/montage.mp4")
    job = submit_curve(services, clip.read_bytes())
    new_runner(services, PipelineScorer(Settings(model=None))).run(job, WORKER)
    record = read(services, job)
    assert (record.status, record.error) == (JobStatus.COMPLETED, None)
    events = [event["time_s"] for event in json.loads(results(services, job)[Variant.CURVE])["video"]["events"]]
    cuts = json.loads(asset("demo/cuts.json").read_text())["cuts"]
    assert all(min(abs(cut - event) for event in events) <= 0.05 for cut in cuts)
