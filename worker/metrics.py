"""Prometheus metrics of a worker: jobs, the stages they go through, the model, and the memory of its GPUs."""

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from jobs.infra.monitoring import serve_metrics
from jobs.infra.settings import Settings

REGISTRY: Final = CollectorRegistry()
"""Registry of the one worker in this process."""

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

_ALLOCATED: Final = "v2m_gpu_memory_allocated_bytes"
_RESERVED: Final = "v2m_gpu_memory_reserved_bytes"
_HIGHEST: Final = "v2m_gpu_memory_highest_bytes"
_TOTAL: Final = "v2m_gpu_memory_total_bytes"
_GPU_HELP: Final = {
    _ALLOCATED: "Memory held by tensors.",
    _RESERVED: "Memory held by torch, for tensors and in reserve.",
    _HIGHEST: "Highest memory held by tensors since the worker started.",
    _TOTAL: "Memory of the GPU, whichever process uses it.",
}


def observe_stage(stage: str, seconds: float) -> None:
    """Adds the time that a job spent in a stage."""
    _STAGE.labels(stage).observe(seconds)


def observe_job(seconds: float) -> None:
    """Adds the duration of an attempt that ended its job."""
    _JOB.observe(seconds)


def count_ended(status: Literal["completed", "failed", "canceled"], code: str = "") -> None:
    """Counts a job that has ended; ``code``: error code of a failed job, otherwise empty."""
    _ENDED.labels(status, code).inc()


def count_requeued(reason: Literal["crash", "store", "stop"]) -> None:
    """Counts a job that went back into the queue: lost worker, failing store, or shutdown of this worker."""
    _REQUEUED.labels(reason).inc()


def set_model(title: str, kind: str, seconds: float) -> None:
    """Sets the loaded model and the time that loading it took."""
    _LOAD.set(seconds)
    _MODEL.info({"model": title, "kind": kind})


def serve(settings: Settings) -> int | None:
    """Serves the metrics from a thread until the process ends; returns the port, or None when none is served."""
    server = serve_metrics(REGISTRY, settings.metrics_host, settings.worker_metrics_port)
    return None if server is None else server.port


class StageTimer:
    """Measures the time of each stage from a job's steps of progress.

    A stage that occurs again, as sampling does when a part is inpainted, is counted once, with its total time.
    """

    def __init__(
        self, observe: Callable[[str, float], None] = observe_stage, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``observe`` is called once for each stage at the end, with its seconds; ``clock`` returns seconds."""
        self._observe = observe
        self._clock = clock
        self._seconds: dict[str, float] = {}
        self._stage: str | None = None
        self._since = 0.0

    def enter(self, stage: str) -> None:
        """Records that the job is in this stage now."""
        if stage == self._stage:
            return
        self._close()
        self._stage = stage

    def end(self) -> dict[str, float]:
        """Ends the measurement, whatever the outcome of the job; returns the seconds of each stage.

        A second call returns an empty dictionary and observes nothing.
        """
        self._close()
        self._stage = None
        measured, self._seconds = self._seconds, {}
        for stage, seconds in measured.items():
            self._observe(stage, seconds)
        return measured

    def _close(self) -> None:
        now = self._clock()
        if self._stage is not None:
            self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + now - self._since
        self._since = now


class GpuMemory(Collector):
    """Collector of the GPU memory of this process: one sample for each GPU, or none when the process uses no GPU.

    A scrape must not use memory itself, so it never imports torch, and never initializes an unused GPU.
    """

    def describe(self) -> list[GaugeMetricFamily]:
        """The metrics without samples."""
        return list(_gpu_families().values())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The metrics with their current samples."""
        cuda = _cuda_in_use()
        if cuda is None:
            return
        families = _gpu_families()
        for index in range(cuda.device_count()):
            device = [f"cuda:{index}"]
            families[_ALLOCATED].add_metric(device, cuda.memory_allocated(index))
            families[_RESERVED].add_metric(device, cuda.memory_reserved(index))
            families[_HIGHEST].add_metric(device, cuda.max_memory_allocated(index))
            families[_TOTAL].add_metric(device, cuda.get_device_properties(index).total_memory)
        yield from families.values()


def _gpu_families() -> dict[str, GaugeMetricFamily]:
    return {name: GaugeMetricFamily(name, text, labels=["device"]) for name, text in _GPU_HELP.items()}


def _cuda_in_use() -> Any | None:
    """torch.cuda, if this process has used a GPU through it."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    # While the worker's own thread is still importing torch, some of its functions are missing.
    is_initialized = getattr(cuda, "is_initialized", None)
    return cuda if is_initialized is not None and is_initialized() else None


REGISTRY.register(GpuMemory())
ProcessCollector(registry=REGISTRY)
