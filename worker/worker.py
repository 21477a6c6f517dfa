"""The RQ worker: one process, one job at a time, the model loaded once. RQ forks for every job; CUDA cannot."""

from types import TracebackType
from typing import Any, Final

import structlog
from redis import Redis
from rq import Queue, SimpleWorker
from rq.exceptions import AbandonedJobError
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer

from jobs import liveness
from jobs.queue import ScoreJob
from jobs.record import JobError, is_job_id
from jobs.records import RecordError
from jobs.settings import Settings
from worker import identity, task
from worker.pulse import Pulse

log: Final = structlog.get_logger(__name__)
_HUNG_AFTER_S: Final = 60.0  # past the time-out, which should have ended the job
_SWEEP_MIN_AGE_S: Final = 24 * 3600.0
LOST: Final = JobError(
    code="worker_lost",
    detail="The workers that ran this job died, and it has no attempts left. The upload has been kept.",
)


class ScoreWorker(SimpleWorker):
    """RQ's SimpleWorker with heartbeats during a job, jobs that can be stopped, and lost jobs found soon."""

    def __init__(self, redis: Redis, queue: Queue, runner: task.TaskRunner, settings: Settings) -> None:
        """``queue`` is the one queue it reads: with a single one RQ moves a job atomically and cannot lose it.

        ``redis`` must have no connection yet: RQ gives new ones the patience to wait for jobs, and no others.
        """
        super().__init__(
            [queue],
            name=identity.new_name(),
            connection=redis,
            job_class=ScoreJob,
            serializer=JSONSerializer,
            exception_handlers=[self._note_lost_job],
            maintenance_interval=settings.maintenance_s,
            # RQ waits for a job for worker_ttl - 15 s, and only looks for abandoned ones in between
            worker_ttl=settings.maintenance_s + 15,
        )
        self._runner = runner
        self._settings = settings
        self._pulse = Pulse(settings.heartbeat_s, lambda: liveness.beat(queue.connection, self.name))

    def work(self, *args: Any, **kwargs: Any) -> bool:
        """Works until it is told to stop; see rq.worker.BaseWorker.work."""
        self._pulse.start()
        try:
            return bool(super().work(*args, **kwargs))
        finally:
            self._runner.ahead.turn_off()
            self._pulse.stop()
            liveness.leave(self.connection, self.name)

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        """Runs one job with the pulse watching over it."""
        self._runner.stop.clear_cancel()
        limit_s = float(job.timeout or self._settings.job_timeout_s) + _HUNG_AFTER_S
        with (
            self._pulse.watching(
                keep_claim=lambda: self.maintain_heartbeats(job, execution),
                limit_s=limit_s,
                on_hung=lambda: self._settle(job.id, JobError(code="timeout", detail=f"ran for over {limit_s:.0f} s.")),
            ),
            task.bound(self._runner),
        ):
            return super().perform_job(job, queue, execution)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        """Seconds after which a silent worker's job counts as abandoned; RQ would wait for the job's whole time-out."""
        return self._settings.heartbeat_ttl_s

    def kill_horse(self, *args: Any, **kwargs: Any) -> None:
        """Stops the job under way at its next step: here there is no child process to kill."""
        self._runner.stop.reason = "cancel"

    def handle_warm_shutdown_request(self) -> None:
        """On SIGTERM or SIGINT: the job under way goes back into the queue instead of holding the machine up."""
        self._runner.stop.reason = "shutdown"

    def clean_registries(self) -> None:
        """RQ's maintenance; before it, frees the jobs of dead workers on this machine, and after it, orphaned files."""
        self._expire_jobs_of_dead_neighbours()
        super().clean_registries()  # type: ignore[no-untyped-call]
        for job_id in self._runner.store.sweep(self._runner.records.exists, _SWEEP_MIN_AGE_S):
            log.info("files_removed", job_id=job_id, reason="its retention is over")

    def handle_job_failure(
        self,
        job: Job,
        queue: Queue,
        started_job_registry: StartedJobRegistry | None = None,
        exc_string: str = "",
        execution: Execution | None = None,
    ) -> None:
        """As RQ's; then closes our record, should RQ have given the job up without our task having its say."""
        super().handle_job_failure(job, queue, started_job_registry, exc_string, execution)
        if job.get_status() == JobStatus.FAILED:
            self._settle(job.id, task.INTERNAL)

    def _note_lost_job(
        self, job: Job, kind: type[BaseException], _error: BaseException, _trace: TracebackType | None
    ) -> bool:
        """Called by RQ for each abandoned job, before it retries it or gives it up."""
        if kind is AbandonedJobError and is_job_id(job.id):
            if job.retries_left:
                log.warning("job_requeued", job_id=job.id, reason="its worker was lost", attempts_left=job.retries_left)
                try:
                    self._runner.records.requeue(job.id)
                except RecordError as error:
                    log.info("job_not_requeued", job_id=job.id, reason=str(error))
            else:
                log.error("job_failed", job_id=job.id, code=LOST.code)
                self._settle(job.id, LOST)
        return True

    def _settle(self, job_id: str, error: JobError) -> None:
        if not is_job_id(job_id):
            return
        try:
            self._runner.records.fail(job_id, error)
        except RecordError as refusal:
            log.debug("record_already_settled", job_id=job_id, reason=str(refusal))

    def _expire_jobs_of_dead_neighbours(self) -> None:
        """A killed worker's claim lasts a minute; on the same machine it can be seen at once that it died."""
        for queue in self.queues:
            registry = queue.started_job_registry
            for job_id, execution_id in registry.get_job_and_execution_ids(cleanup=False):
                claim = Execution(execution_id, job_id, self.connection)
                owner = self.connection.hget(claim.key, "worker_name")
                if isinstance(owner, bytes) and identity.is_gone(owner.decode(), self.name):
                    self.connection.zadd(registry.key, {claim.composite_key: 1.0})
