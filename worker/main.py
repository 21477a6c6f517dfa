"""Entry point of a worker process: loads the model and works until a signal stops it."""

import signal
import sys
import time
from collections.abc import Callable
from typing import Final

import structlog
from redis.exceptions import RedisError

from jobs.estimates import Paces
from jobs.infra import processes
from jobs.infra.monitoring import configure_logs
from jobs.infra.redis_connection import connect
from jobs.infra.settings import Settings
from jobs.queue import JobQueue
from jobs.recovery import Reconciler
from jobs.repository import JobRecords
from jobs.retention import Retention
from jobs.store import ArtifactStore, StoreError
from model_core.errors import DeviceMemoryError, ModelError
from worker import metrics
from worker.attempt import Stop
from worker.housekeeping import Housekeeping
from worker.prefetch import Prefetcher
from worker.scorer import PipelineScorer, Scorer
from worker.task import TaskRunner
from worker.worker import ScoreWorker

log: Final = structlog.get_logger(__name__)
NOT_USABLE: Final = 2
"""Exit status when Redis, the store or the model cannot be used; one line of the log gives the reason."""


def run(settings: Settings, make_scorer: Callable[[], Scorer] | None = None) -> int:
    """Runs a worker until SIGTERM or SIGINT; returns the exit status.

    ``make_scorer`` loads the model; by default the embedded one, or what ``settings.model`` names.
    """
    processes.deny_inspection()
    configure_logs(settings.log_format, settings.log_level)
    # RQ handles signals later; until then there is no job to finish, so a signal during the load just exits
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    redis = connect(settings.redis)
    name = processes.new_name()
    metrics.serve(settings)
    try:
        redis.ping()
        store = ArtifactStore.open(settings, name)
        began = time.monotonic()
        scorer = make_scorer() if make_scorer else PipelineScorer(settings)
    except (RedisError, StoreError, OSError, ModelError, DeviceMemoryError) as error:
        log.error("worker_not_started", error=str(error))
        return NOT_USABLE
    except ModuleNotFoundError as error:  # the package is installed without the extras of the models
        log.error("worker_not_started", error=f"{error}: a worker needs v2m-zero[cpu] or v2m-zero[gpu]")
        return NOT_USABLE
    seconds = round(time.monotonic() - began, 2)
    log.info("model_loaded", worker=name, model=scorer.model.title, kind=scorer.model.kind, seconds=seconds)
    metrics.set_model(scorer.model.title, scorer.model.kind, seconds)
    records = JobRecords(redis, settings.record_retention_s)
    queue = JobQueue(redis, records, settings)
    reconciler = Reconciler(redis, records, queue, settings, name)
    housekeeping = Housekeeping(redis, reconciler, Retention(redis, records, store, settings), settings.maintenance_s)
    prefetcher = Prefetcher(queue.rq, records, store, scorer, on=settings.looks_ahead(scorer.prefetches))
    paces = Paces(redis, records, settings.heartbeat_ttl_s)
    runner = TaskRunner(records, store, scorer, prefetcher, paces, Stop(), settings.max_retries)
    # RQ gets its own client: it waits for jobs longer than the socket timeout of `redis`, and would see an outage.
    ScoreWorker(name, connect(settings.redis), queue, runner, housekeeping, settings).work(logging_level="WARNING")
    log.info("worker_stopped")
    return 0
