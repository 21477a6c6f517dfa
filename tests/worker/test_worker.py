"""A real worker process with a real Redis server: crashes, stops and timeouts lose no job."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from rq.command import send_stop_job_command
from rq.serializers import JSONSerializer

from jobs.queue import QUEUE_NAME
from jobs.record import JobRecord, JobStatus
from model_core.results import Variant
from service.dependencies import Services
from tests.conftest import MakeSettings
from tests.processes import ROOT, environment, until
from tests.worker.fake_scorer import MODEL
from tests.worker.house import list_scratch, list_stored, read, results, submit_job

NewWorker = Callable[..., "subprocess.Popen[bytes]"]


def submit(services: Services, video: Path, prompt: str = "") -> str:
    return submit_job(services, video.read_bytes(), prompt, seed=7)


def ended(services: Services, job_id: str) -> JobRecord:
    """The record once the job is over."""

    def ask() -> JobRecord | None:
        record = read(services, job_id)
        return record if record.is_final else None

    return until(ask, "the job to end")


def in_the_middle(services: Services, job_id: str, attempt: int = 1) -> JobRecord:
    """The record once the job's attempt has come some way."""

    def ask() -> JobRecord | None:
        record = read(services, job_id)
        return record if record.stage == "generate" and record.attempt == attempt else None

    return until(ask, "the job to be running")


def test_job_is_scored_and_published(services: Services, new_worker: NewWorker, clip: Path) -> None:
    job_id = submit(services, clip, "any")
    new_worker(services.settings)
    record = ended(services, job_id)
    assert (record.status, record.progress, record.attempt) == (JobStatus.COMPLETED, 1.0, 1)
    assert record.model == MODEL
    found = results(services, job_id)
    assert set(found) == set(Variant)
    assert found[Variant.VIDEO] == clip.read_bytes()
    assert b'"seed": 7' in found[Variant.REPORT]
    assert list_scratch(services.settings) == []


def test_job_that_fails_fails_alone(services: Services, new_worker: NewWorker, clip: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"this is no video" * 100)
    jobs = [submit(services, broken), submit(services, clip, "crash"), submit(services, clip, "refuse")]
    good = submit(services, clip)
    worker = new_worker(services.settings)
    records = [ended(services, job_id) for job_id in jobs]
    assert [record.status for record in records] == [JobStatus.FAILED] * 3
    errors = [record.error for record in records]
    assert [(error.code, error.field) for error in errors if error] == [
        ("not_a_video", "video"),
        ("internal", None),
        ("refused", "prompt"),
    ]
    assert "crash" not in str(errors[1]), "internal details belong in the log only"
    assert ended(services, good).status is JobStatus.COMPLETED
    assert list_stored(services, jobs[1]) == {"upload"}, "the upload is kept after an internal error"
    assert worker.poll() is None


def test_foreign_job_is_refused_and_the_next_one_runs(
    services: Services, new_worker: NewWorker, clip: Path, redis: Redis, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    foreign = Queue(QUEUE_NAME, connection=redis, serializer=JSONSerializer)
    refused = foreign.enqueue_call("os.mkdir", args=(str(marker),))
    pickled = Queue(QUEUE_NAME, connection=redis).enqueue_call("os.mkdir", args=(str(marker),))
    good = submit(services, clip)
    worker = new_worker(services.settings)
    assert ended(services, good).status is JobStatus.COMPLETED
    assert not marker.exists()
    assert refused.is_failed
    assert pickled.is_failed
    assert worker.poll() is None


def test_job_of_a_killed_worker_is_finished_by_the_next(services: Services, new_worker: NewWorker, clip: Path) -> None:
    job_id = submit(services, clip, "slow 1.0")
    first = new_worker(services.settings)
    in_the_middle(services, job_id)
    first.kill()
    first.wait()
    new_worker(services.settings)
    record = ended(services, job_id)
    assert (record.status, record.attempt) == (JobStatus.COMPLETED, 2)


def test_killed_worker_of_another_machine_is_lost_after_six_heartbeats(
    services: Services, new_worker: NewWorker, clip: Path, redis: Redis
) -> None:
    job_id = submit(services, clip, "slow 1.0")
    first = new_worker(services.settings)
    in_the_middle(services, job_id)
    first.kill()
    first.wait()
    # another machine, whose processes cannot be checked
    redis.hset(services.records.key(job_id), "worker", '"0123456789ab-1-00000000"')
    new_worker(services.settings)
    record = ended(services, job_id)
    assert (record.status, record.attempt) == (JobStatus.COMPLETED, 2)


def test_job_whose_workers_keep_dying_fails(make_settings: MakeSettings, new_worker: NewWorker, clip: Path) -> None:
    services = Services.open(make_settings(max_crashes=2))
    deadly, harmless = submit(services, clip, "slow 30"), submit(services, clip)
    for attempt in (1, 2):
        worker = new_worker(services.settings)
        in_the_middle(services, deadly, attempt)
        worker.kill()
        worker.wait()
    new_worker(services.settings)
    record = ended(services, deadly)
    assert record.error is not None
    assert (record.status, record.error.code) == (JobStatus.FAILED, "worker_lost")
    assert ended(services, harmless).status is JobStatus.COMPLETED
    services.redis.close()


def test_stopped_worker_requeues_its_job(services: Services, new_worker: NewWorker, clip: Path) -> None:
    job_id, other = submit(services, clip, "slow 2"), submit(services, clip)
    for attempt in range(1, 4):  # more often than a job may lose its worker
        worker = new_worker(services.settings)
        in_the_middle(services, job_id, attempt)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
        record = read(services, job_id)
        assert (record.status, record.stage, services.queue.position(job_id)) == (JobStatus.QUEUED, None, 1)
    new_worker(services.settings)
    assert ended(services, job_id).status is JobStatus.COMPLETED
    assert ended(services, other).status is JobStatus.COMPLETED


def test_worker_that_cannot_stop_in_time_requeues_its_job(
    services: Services, new_worker: NewWorker, make_settings: MakeSettings, clip: Path
) -> None:
    job_id = submit(services, clip, "deaf 600")
    worker = new_worker(make_settings(stop_grace_s=1.0))
    until(lambda: read(services, job_id).stage == "curve", "the analysis")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    record = read(services, job_id)
    assert (record.status, record.crashes, services.queue.position(job_id)) == (JobStatus.QUEUED, 0, 1)


def test_idle_worker_stops_at_once_and_is_no_longer_counted(
    services: Services, new_worker: NewWorker, redis: Redis
) -> None:
    worker = new_worker(services.settings)
    worker.send_signal(signal.SIGINT)
    assert worker.wait(30) == 0
    assert redis.zcard("v2m:workers") == 0


@pytest.mark.parametrize("how", ["our cancel", "stop command of RQ"])
def test_job_can_be_stopped(services: Services, new_worker: NewWorker, clip: Path, redis: Redis, how: str) -> None:
    stopped, good = submit(services, clip, "slow 30"), submit(services, clip)
    new_worker(services.settings)
    in_the_middle(services, stopped)
    if how == "our cancel":
        services.queue.cancel(stopped)
    else:
        send_stop_job_command(redis, stopped, serializer=JSONSerializer)
    assert ended(services, stopped).status is JobStatus.CANCELED
    assert ended(services, good).status is JobStatus.COMPLETED
    assert list_stored(services, stopped) == {"upload"}


@pytest.mark.parametrize(("look_ahead", "by"), [("auto", "prefetch"), ("off", "MainThread")])
def test_next_job_is_prefetched_during_this_one(
    make_settings: MakeSettings, new_worker: NewWorker, clip: Path, look_ahead: str, by: str
) -> None:
    services = Services.open(make_settings(look_ahead=look_ahead))
    jobs = [submit(services, clip, "slow 1.5"), submit(services, clip)]
    new_worker(services.settings)
    assert [ended(services, job_id).status for job_id in jobs] == [JobStatus.COMPLETED] * 2
    reports = [json.loads(results(services, job_id)[Variant.REPORT]) for job_id in jobs]
    assert [report["analyzed_by"] for report in reports] == ["MainThread", by]
    services.redis.close()


def test_invalid_video_fails_with_prefetch_as_without(
    services: Services, new_worker: NewWorker, clip: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"this is no video" * 100)
    good, bad, last = submit(services, clip, "slow 1"), submit(services, broken), submit(services, clip)
    new_worker(services.settings)
    records = [ended(services, job_id) for job_id in (good, bad, last)]
    assert [record.status for record in records] == [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.COMPLETED]
    assert records[1].error is not None
    assert (records[1].error.code, records[1].error.field) == ("not_a_video", "video")


def test_job_over_its_time_fails_and_the_next_one_runs(
    make_settings: MakeSettings, new_worker: NewWorker, clip: Path
) -> None:
    services = Services.open(make_settings(job_timeout_s=5))
    late, good = submit(services, clip, "deaf 60"), submit(services, clip)
    new_worker(services.settings)
    record = ended(services, late)
    assert record.error is not None
    assert (record.status, record.error.code) == (JobStatus.FAILED, "timeout")
    assert ended(services, good).status is JobStatus.COMPLETED
    services.redis.close()


@pytest.mark.parametrize("what", ["redis", "store"])
def test_worker_that_cannot_start_says_so(make_settings: MakeSettings, tmp_path: Path, what: str) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    nobody = f"unix://{tmp_path}/nobody.sock"
    settings = make_settings(redis_url=nobody) if what == "redis" else make_settings(state_dir=blocked)
    done = subprocess.run(
        [sys.executable, "-m", "tests.worker.fake_worker"],
        cwd=ROOT,
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "worker_not_started" in done.stderr
    assert "Traceback" not in done.stderr
