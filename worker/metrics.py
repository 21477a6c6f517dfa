"""What a worker counts for Prometheus: jobs, the stages they go through, the model, and the memory of its GPUs."""

import time
from collections.abc import Callable
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

from jobs.infra import metrics_server
from jobs.infra.settings import Settings
from worker.metrics import GpuMemory

REGISTRY: Final = CollectorRegistry()
"""Of the one worker in this process."""

_BUCKETS_S: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800)
_STAGE: Final = Histogram(
    "v2m_stage_seconds", "Time that a job spent in one stage.", ["stage"], buckets=_BUCKETS_S, registry=REGISTRY
)
_JOB: Final = Histogram(
    "v2m_job_seconds", "Time from a job's start to its end, of one attempt.", buckets=_BUCKETS_S, registry=REGISTRY
)
_ENDED: Final = Counter(
    "v2m_jobs_ended", "Jobs that this worker brought to an end.", ["status", "code"], registry=REGISTRY
)
_REQUEUED: Final = Counter(
    "v2m_jobs_requeued", "Jobs that this worker put back into the queue.", ["reason"], registry=REGISTRY
)
_LOAD: Final = Gauge("v2m_model_load_seconds", "Time that loading the model took.", registry=REGISTRY)
_MODEL: Final = Info("v2m_model", "The model that is loaded.", registry=REGISTRY)
REGISTRY.register(GpuMemory())
ProcessCollector(registry=REGISTRY)


def stage_done(stage: str, seconds: float) -> None:
    """A job has spent ``seconds`` in a stage."""
    _STAGE.labels(stage).observe(seconds)


def job_seconds(seconds: float) -> None:
    """An attempt that brought its job to an end took this long."""
    _JOB.observe(seconds)


def job_ended(status: Literal["completed", "failed", "canceled"], code: str = "") -> None:
    """A job is over; ``code`` says why it failed, and is empty unless it did."""
    _ENDED.labels(status, code).inc()


def job_requeued(reason: Literal["crash", "store", "stop"]) -> None:
    """A job is back in the queue: its worker was lost, the store does not work, or this worker stops."""
    _REQUEUED.labels(reason).inc()


def model_loaded(title: str, kind: str, seconds: float) -> None:
    """The model is there."""
    _LOAD.set(seconds)
    _MODEL.info({"model": title, "kind": kind})


def serve(settings: Settings) -> int | None:
    """Serves all this from a thread until the process ends; returns the port, None when it is off or not to be had."""
    server = metrics_server.serve(REGISTRY, settings.metrics_host, settings.worker_metrics_port)
    return None if server is None else server.port


class Stages:
    """Turns the steps of progress of one job into the time that each stage took.

    A stage that is come back to, as drawing some bars again does, is counted once, with all its time.
    """

    def __init__(
        self, done: Callable[[str, float], None] = stage_done, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``done`` is called once for each stage, at the end; ``clock`` gives seconds."""
        self._done = done
        self._clock = clock
        self._seconds: dict[str, float] = {}
        self._stage: str | None = None
        self._since = 0.0

    def at(self, stage: str) -> None:
        """The job is in this stage now."""
        if stage == self._stage:
            return
        self._close()
        self._stage = stage

    def end(self) -> dict[str, float]:
        """The job is over, however it ended: the seconds of each stage. A second call says nothing."""
        self._close()
        self._stage = None
        told, self._seconds = self._seconds, {}
        for stage, seconds in told.items():
            self._done(stage, seconds)
        return told

    def _close(self) -> None:
        now = self._clock()
        if self._stage is not None:
            self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + now - self._since
        self._since = now
