"""Heartbeat thread of a worker, and its health check."""

import subprocess
import sys

from redis import Redis
from redis.exceptions import RedisError

from jobs.infra.processes import new_name, record_heartbeat
from jobs.infra.settings import Settings
from tests.conftest import MakeSettings
from tests.processes import ROOT, until
from worker.health import is_healthy
from worker.heartbeat import HUNG_EXIT_STATUS, Heartbeat, WatchedJob

HANGS = """
import time
from worker.heartbeat import Heartbeat, WatchedJob
heartbeat = Heartbeat(0.02, lambda: None, is_stopping=lambda: {stopping}, patience_s={patience_s})
heartbeat.start()
def say(what): print(what, flush=True); return True
with heartbeat.watch(WatchedJob(lambda: None, lambda: say("hung"), lambda: say("stuck")), limit_s={limit_s}):
    {before}
    time.sleep(600)
"""


def _run_hanging_job(stopping: bool, limit_s: float, patience_s: float = 0.1, before: str = "pass") -> tuple[int, str]:
    """Exit status and last line of a process whose job never ends."""
    script = HANGS.format(stopping=stopping, limit_s=limit_s, patience_s=patience_s, before=before)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()[-1]


def test_process_of_a_hung_job_ends() -> None:
    assert _run_hanging_job(stopping=False, limit_s=0.1) == (HUNG_EXIT_STATUS, "hung")


def test_job_that_does_not_stop_with_its_worker_is_requeued() -> None:
    assert _run_hanging_job(stopping=True, limit_s=600) == (0, "stuck")


def test_job_without_deadline_may_wait_beyond_its_limit() -> None:
    assert _run_hanging_job(stopping=True, limit_s=1.0, patience_s=2.0, before="heartbeat.clear_deadline()") == (
        0,
        "stuck",
    )


def test_lease_is_renewed_during_the_block_only_and_after_outages() -> None:
    heartbeats: list[None] = []
    renewals: list[None] = []

    def unsteady() -> None:
        heartbeats.append(None)
        if len(heartbeats) == 2:
            raise RedisError("gone for a moment")

    def more(number: int) -> None:
        wanted = len(heartbeats) + number
        until(lambda: len(heartbeats) >= wanted, "more heartbeats")

    heartbeat = Heartbeat(0.01, unsteady)
    heartbeat.start()
    with heartbeat.watch(WatchedJob(lambda: renewals.append(None), lambda: None, lambda: False), limit_s=600):
        until(lambda: len(renewals) > 3, "renewals")
    more(2)  # the heartbeat that was running may still have renewed the lease
    count = len(renewals)
    more(3)
    assert len(renewals) == count
    heartbeat.stop()


def test_health_requires_a_live_worker_on_this_machine(
    redis: Redis, settings: Settings, make_settings: MakeSettings
) -> None:
    record_heartbeat(redis, "0123456789ab-1-00000000")
    assert not is_healthy(settings)
    record_heartbeat(redis, new_name())
    assert is_healthy(settings)
    assert not is_healthy(make_settings(redis_url="unix:///nowhere/redis.sock"))
