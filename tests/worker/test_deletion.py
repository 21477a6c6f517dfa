"""Deletion of jobs: no other process brings a deleted job back."""

from pathlib import Path
from typing import Any, NoReturn, cast

import pytest
from redis import Redis
from structlog.testing import capture_logs

from jobs.record import JobRecord
from jobs.recovery import Reconciler
from jobs.repository import IllegalTransitionError
from jobs.store import ArtifactStore, StoreError
from model_core.options import ProgressCallback
from service.dependencies import Services
from tests.processes import until
from tests.worker.house import list_stored, read, submit_job
from tests.worker.tasks import WORKER, Scorer, good, new_runner
from worker.prefetch import Prefetcher


def delete(services: Services, job_id: str) -> JobRecord:
    """Deletes a job as the API does."""
    record = read(services, job_id)
    services.retention.delete(record)
    services.queue.remove(job_id)
    return record


def traces(redis: Redis, job_id: str) -> list[str]:
    """Redis keys that contain the id in their name, or in their list or set."""
    found = [key for key in texts(redis.keys()) if job_id in key]
    for key in texts(redis.keys()):
        kind = redis.type(key)
        members = redis.zrange(key, 0, -1) if kind == b"zset" else redis.lrange(key, 0, -1) if kind == b"list" else []
        found += [key for member in texts(members) if job_id in member]
    return found


def texts(answer: Any) -> list[str]:
    return [item.decode() for item in cast("list[bytes]", answer)]


def test_queued_job_leaves_nothing(services: Services, redis: Redis) -> None:
    job, other = submit_job(services), submit_job(services)
    delete(services, job)
    assert traces(redis, job) == []
    assert (list_stored(services, job), services.queue.list_waiting()) == (set(), [other])


def test_finished_job_leaves_nothing(services: Services, redis: Redis) -> None:
    job = submit_job(services)
    services.queue.remove(job)
    new_runner(services, Scorer(good)).run(job, WORKER)
    delete(services, job)
    assert (traces(redis, job), list_stored(services, job)) == ([], set())


def test_worker_that_took_a_deleted_job_skips_it(services: Services, redis: Redis) -> None:
    job = submit_job(services)
    redis.lmove(services.queue.rq.key, services.queue.rq.intermediate_queue_key, "LEFT", "RIGHT")
    delete(services, job)
    scorer = Scorer(good)
    assert new_runner(services, scorer).run(job, WORKER) is None
    assert (scorer.threads, services.records.get(job), list_stored(services, job)) == ([], None, set())


def test_reconciler_restores_no_deleted_job(services: Services, redis: Redis) -> None:
    job = submit_job(services)
    redis.lmove(services.queue.rq.key, services.queue.rq.intermediate_queue_key, "LEFT", "RIGHT")
    delete(services, job)
    reconciler = Reconciler(redis, services.records, services.queue, services.settings, WORKER)
    for _ in range(2):
        reconciler.run()
    assert not services.queue.restore(job)
    assert (services.queue.list_waiting(), services.queue.list_taken(), services.records.get(job)) == ([], [], None)


def test_slow_worker_counted_as_lost_leaves_nothing(services: Services, redis: Redis) -> None:
    """It was canceled as the job of a worker that had died, and deleted, while the worker was only slow."""
    job = submit_job(services)
    services.queue.rq.remove(job)

    def behave(out: Path, progress: ProgressCallback) -> dict[str, Path]:
        files = good(out, progress)
        services.records.request_cancel(job)
        services.records.requeue(job, 1)
        delete(services, job)
        return files

    assert new_runner(services, Scorer(behave)).run(job, WORKER) is None
    assert (services.records.get(job), list_stored(services, job), redis.exists("v2m:pace")) == (None, set(), 0)


def test_prefetch_of_a_deleted_job_ends(services: Services) -> None:
    job = submit_job(services)
    began: list[str] = []

    class Slow(Scorer):
        def analyze(self, video: Path, prompt: str, options: object, progress: ProgressCallback) -> NoReturn:
            began.append(video.name)
            while True:
                progress("curve", 0.5)

    prefetcher = Prefetcher(services.queue.rq, services.records, services.store, Slow(good), on=True)
    with capture_logs() as lines:
        prefetcher.start()
        until(lambda: began, "the analysis to begin")
        delete(services, job)
        until(lambda: [line for line in lines if line["event"] == "look_ahead_ended"], "the analysis to end")
        prefetcher.disable()


def test_job_in_progress_is_not_deleted(services: Services, job: str) -> None:
    def behave(out: Path, progress: ProgressCallback) -> dict[str, Path]:
        with pytest.raises(IllegalTransitionError):
            delete(services, job)
        return good(out, progress)

    new_runner(services, Scorer(behave)).run(job, WORKER)
    assert read(services, job).artifacts


def test_files_that_could_not_be_removed_are_tried_again(
    services: Services, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit_job(services)

    def broken(store: ArtifactStore, job_id: str) -> None:
        raise StoreError("the disk is away")

    with monkeypatch.context() as patch:
        patch.setattr(ArtifactStore, "remove", broken)
        delete(services, job)
    assert (traces(redis, job), list_stored(services, job)) == (["v2m:to-remove"], {"upload"})
    (gone,) = services.retention.expire()
    assert (gone.job_id, gone.reason) == (job, "expired before")
    assert (traces(redis, job), list_stored(services, job)) == ([], set())


def test_lost_answer_leaves_no_file(services: Services) -> None:
    job = submit_job(services)
    record = read(services, job)
    services.records.remove(record)  # takes effect, and the client repeats it
    services.retention.delete(record)
    assert list_stored(services, job) == set()
