"""RQ worker in one process: one job at a time, with the model loaded once. It does not fork, because CUDA cannot."""

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

from jobs.infra import processes
from jobs.infra.redis_connection import connect
from jobs.infra.settings import Settings
from jobs.queue import JobQueue, ScoreJob
from jobs.record import JobError, JobStatus, is_job_id
from jobs.repository import RecordError
from worker import task
from worker.heartbeat import Heartbeat, WatchedJob
from worker.housekeeping import Housekeeping

log: Final = structlog.get_logger(__name__)
_HUNG_AFTER_S: Final = 60.0  # after the timeout, which should have ended the job
_WAIT_S: Final = 15  # how long RQ blocks for a job before it checks for other work


class ScoreWorker(SimpleWorker):
    """RQ's SimpleWorker with heartbeats during a job, jobs that can be stopped, and recovery by the job record."""

    def __init__(
        self,
        name: str,
        redis: Redis,
        jobs: JobQueue,
        runner: task.TaskRunner,
        housekeeping: Housekeeping,
        settings: Settings,
    ) -> None:
        """``jobs`` is the only queue: from a single queue RQ takes jobs atomically, so it cannot lose one.

        ``redis`` must not be connected yet: RQ sets the longer socket timeout for waiting only on new connections.
        """
        super().__init__(
            [jobs.rq],
            name=name,
            connection=redis,
            job_class=ScoreJob,
            serializer=JSONSerializer,
            maintenance_interval=settings.maintenance_s,
            worker_ttl=_WAIT_S + 15,  # RQ blocks for 15 s less than this
        )
        self._jobs = jobs
        self._runner = runner
        self._housekeeping = housekeeping
        self._settings = settings
        # A heartbeat that is retried for half a minute arrives after the worker counts as lost; sending the next one is
        # better. Leases are renewed right after a heartbeat has succeeded.
        impatient = connect(settings.redis, min(5.0, max(1.0, settings.heartbeat_s)), retries=0)
        self._heartbeat = Heartbeat(
            settings.heartbeat_s,
            lambda: processes.record_heartbeat(impatient, self.name),
            is_stopping=lambda: runner.stop.is_final,
            patience_s=settings.stop_grace_s / 2,  # the supervisor kills the process after the whole grace period
        )
        runner.before_outcome = self._before_outcome

    def work(self, *args: Any, **kwargs: Any) -> bool:
        """Runs jobs until a signal stops the worker; see rq.worker.BaseWorker.work."""
        try:
            self._heartbeat.start()
            self._housekeeping.start()
            return bool(super().work(*args, **kwargs))
        finally:
            self._housekeeping.stop()
            self._runner.prefetcher.disable()
            self._heartbeat.stop()
            processes.remove_worker(self.connection, self.name)

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        """Runs one job while the heartbeat thread watches it."""
        self._runner.stop.clear_cancel()
        limit_s = float(job.timeout or self._settings.job_timeout_s) + _HUNG_AFTER_S

        def renew_lease() -> None:
            self._runner.renew_lease()
            self.maintain_heartbeats(job, execution)

        hung = JobError(code="timeout", detail=f"ran for over {limit_s:.0f} s.")
        watched = WatchedJob(renew_lease, on_hung=lambda: self._fail(job.id, hung), on_stuck=self._requeue_stuck)
        with (
            self._heartbeat.watch(watched, limit_s),
            task.bind_runner(lambda job_id: self._runner.run(job_id, self.name)),
        ):
            return super().perform_job(job, queue, execution)

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        """Seconds without a heartbeat after which RQ counts a job as abandoned; RQ's default is the job's timeout."""
        return self._settings.heartbeat_ttl_s

    def kill_horse(self, *args: Any, **kwargs: Any) -> None:
        """On RQ's stop command: ends the current job at its next step. There is no child process to kill."""
        self._runner.stop.reason = "cancel"

    def handle_warm_shutdown_request(self) -> None:
        """On SIGTERM or SIGINT: the current job goes back into the queue, so that the shutdown does not wait for it."""
        self._runner.stop.reason = "shutdown"

    def clean_registries(self) -> None:
        """Cleans RQ's registries. Lost jobs are left to the housekeeping, which finds them by their leases.

        RQ's own recovery takes a lock that a killed worker keeps for a quarter of an hour, and it fails a job whose
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
        """Calls RQ's handler; then fails the record when RQ failed the job before the task could write an outcome.

        After a shutdown or an outage of Redis the record stays: the job is back in the queue, or will be found as lost.
        """
        super().handle_job_failure(job, queue, started_job_registry, exc_string, execution)
        if job.get_status() == RqStatus.FAILED and not isinstance(sys.exception(), SystemExit | RedisError):
            self._fail(job.id, task.INTERNAL)

    def _before_outcome(self) -> None:
        """Removes all time limits, since writing the outcome may have to wait for Redis."""
        signal.alarm(0)  # RQ's timeout
        self._heartbeat.clear_deadline()

    def _requeue_stuck(self) -> bool:
        """Requeues the current job from the heartbeat thread, before the process ends; False when there is none."""
        job_id = self._runner.requeue_current()
        if job_id is None:
            return False
        self._jobs.restore(job_id)
        processes.remove_worker(self._jobs.rq.connection, self.name)
        log.warning("worker_left_its_job", job_id=job_id, reason="it took too long to stop")
        return True

    def _fail(self, job_id: str, error: JobError) -> None:
        """Fails the record of a job of this worker, or of one that was never started."""
        if not is_job_id(job_id):
            return
        record = self._runner.records.get(job_id)
        if record is None:
            return
        is_ours = record.status is JobStatus.IN_PROGRESS and record.worker == self.name
        was_never_started = record.status is JobStatus.QUEUED and record.attempt == 0
        if not is_ours and not was_never_started:  # another worker runs it, or will run it
            return
        try:
            self._runner.records.fail(job_id, error, record.attempt if is_ours else None)
        except RecordError as refusal:
            log.debug("record_already_settled", job_id=job_id, reason=str(refusal))
