"""The RQ worker: one process, one job at a time, the model loaded once. RQ forks for every job; CUDA cannot."""

import signal
import sys
from typing import Any, Final

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.executions import Execution
from rq.job import Job
from rq.job import JobStatus as RqStatus
from rq.registry import StartedJobRegistry, clean_registries
from rq.serializers import JSONSerializer
from rq.utils import now as rq_now
from rq.worker_registration import clean_worker_registry

from jobs.infra import liveness
from jobs.infra.redis_connection import connect
from jobs.infra.settings import Settings
from jobs.queue import JobQueue, ScoreJob
from jobs.record import JobError, JobStatus, is_job_id
from jobs.repository import RecordError
from worker import task
from worker.heartbeat import Heartbeat, WatchedJob
from worker.housekeeping import Housekeeping

log: Final = structlog.get_logger(__name__)
_HUNG_AFTER_S: Final = 60.0  # past the time-out, which should have ended the job
_WAIT_S: Final = 15  # for a job at a time; in between RQ looks whether something else is to be done


class ScoreWorker(SimpleWorker):
    """RQ's SimpleWorker with heartbeats during a job, jobs that can be stopped, and recovery that is ours."""

    def __init__(
        self,
        name: str,
        redis: Redis,
        jobs: JobQueue,
        runner: task.TaskRunner,
        housekeeping: Housekeeping,
        settings: Settings,
    ) -> None:
        """``jobs`` is the one queue it reads: with a single one RQ moves a job atomically and cannot lose it.

        ``redis`` must have no connection yet: RQ gives new ones the patience to wait for jobs, and no others.
        """
        super().__init__(
            [jobs.rq],
            name=name,
            connection=redis,
            job_class=ScoreJob,
            serializer=JSONSerializer,
            maintenance_interval=settings.maintenance_s,
            worker_ttl=_WAIT_S + 15,  # RQ waits for a job for 15 s less than this
        )
        self._jobs = jobs
        self._runner = runner
        self._housekeeping = housekeeping
        self._settings = settings
        # A beat that repeats itself for half a minute comes too late for whoever counts the worker's silence; the
        # next one is the better try. Claims are kept right after a beat has got through.
        hasty = connect(settings.redis, min(5.0, max(1.0, settings.heartbeat_s)), retries=0)
        self._pulse = Heartbeat(
            settings.heartbeat_s,
            lambda: liveness.record_heartbeat(hasty, self.name),
            stopping=lambda: runner.stop.is_final,
            patience_s=settings.stop_grace_s / 2,  # whoever stops us kills us after the whole of it
        )
        runner.settling = self._settling

    def work(self, *args: Any, **kwargs: Any) -> bool:
        """Works until it is told to stop; see rq.worker.BaseWorker.work."""
        try:
            self._pulse.start()
            self._housekeeping.start()
            return bool(super().work(*args, **kwargs))
        finally:
            self._housekeeping.stop()
            self._runner.ahead.turn_off()
            self._pulse.stop()
            liveness.remove_worker(self.connection, self.name)

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        """Runs one job with the pulse watching over it."""
        self._runner.stop.clear_cancel()
        limit_s = float(job.timeout or self._settings.job_timeout_s) + _HUNG_AFTER_S

        def keep_claim() -> None:
            self._runner.hold()
            self.maintain_heartbeats(job, execution)

        hung = JobError(code="timeout", detail=f"ran for over {limit_s:.0f} s.")
        watched = WatchedJob(keep_claim, on_hung=lambda: self._settle(job.id, hung), on_stuck=self._leave)
        with (
            self._pulse.watching(watched, limit_s),
            task.bound(lambda job_id: self._runner.run(job_id, self.name)),
        ):
            return super().perform_job(job, queue, execution)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        """Seconds after which RQ takes a silent worker's job for abandoned; by itself it waits for the time-out."""
        return self._settings.heartbeat_ttl_s

    def kill_horse(self, *args: Any, **kwargs: Any) -> None:
        """On RQ's stop command: ends the job under way at its next step; there is no child process to kill."""
        self._runner.stop.reason = "cancel"

    def handle_warm_shutdown_request(self) -> None:
        """On SIGTERM or SIGINT: the job under way goes back into the queue instead of holding the machine up."""
        self._runner.stop.reason = "shutdown"

    def clean_registries(self) -> None:
        """Tidies RQ's books. Lost jobs are not its business: the housekeeping frees them by the record's lease.

        RQ's own way is under a lock that a killed worker keeps for a quarter of an hour, and it fails a job whose
        worker died between taking and starting it.
        """
        for queue in self.queues:
            clean_registries(queue)
            clean_worker_registry(queue)
        self.last_cleaned_at = rq_now()  # type: ignore[assignment]  # RQ declares None

    def handle_job_failure(
        self,
        job: Job,
        queue: Queue,
        started_job_registry: StartedJobRegistry | None = None,
        exc_string: str = "",
        execution: Execution | None = None,
    ) -> None:
        """As RQ's; then closes our record, should RQ have given the job up without our task having its say.

        A stop and an outage of Redis are nothing that the job did: it is back in the queue, or found lost.
        """
        super().handle_job_failure(job, queue, started_job_registry, exc_string, execution)
        if job.get_status() == RqStatus.FAILED and not isinstance(sys.exception(), SystemExit | RedisError):
            self._settle(job.id, task.INTERNAL)

    def _settling(self) -> None:
        """The outcome of a job may have to wait for Redis longer than its own time: no limit ends that."""
        signal.alarm(0)  # RQ's time-out
        self._pulse.relax()

    def _leave(self) -> bool:
        """Gives the job under way back from outside of its thread, and says goodbye for the process, which ends."""
        job_id = self._runner.leave()
        if job_id is None:
            return False
        self._jobs.put_back(job_id)
        liveness.remove_worker(self._jobs.rq.connection, self.name)
        log.warning("worker_left_its_job", job_id=job_id, reason="it took too long to stop")
        return True

    def _settle(self, job_id: str, error: JobError) -> None:
        if not is_job_id(job_id):
            return
        record = self._runner.records.get(job_id)
        if record is None:
            return
        is_ours = record.status is JobStatus.IN_PROGRESS and record.worker == self.name
        was_never_started = record.status is JobStatus.QUEUED and record.attempt == 0
        if not is_ours and not was_never_started:  # another worker has it by now, or will have it
            return
        try:
            self._runner.records.fail(job_id, error, record.attempt if is_ours else None)
        except RecordError as refusal:
            log.debug("record_already_settled", job_id=job_id, reason=str(refusal))
