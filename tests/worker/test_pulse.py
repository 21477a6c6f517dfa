"""The worker's second thread."""

import subprocess
import sys

from redis import Redis
from redis.exceptions import RedisError

from jobs.infra.liveness import record_heartbeat
from jobs.infra.process_identity import new_name
from jobs.infra.settings import Settings
from tests.conftest import MakeSettings
from tests.processes import ROOT, until
from worker.health import is_healthy
from worker.heartbeat import HUNG_EXIT_STATUS, Heartbeat, WatchedJob

HANGS = """
import time
from worker.heartbeat import Heartbeat, WatchedJob
pulse = Heartbeat(0.02, lambda: None, stopping=lambda: {stopping}, patience_s={patience_s})
pulse.start()
def told(what): print(what, flush=True); return True
with pulse.watching(WatchedJob(lambda: None, lambda: told("hung"), lambda: told("stuck")), limit_s={limit_s}):
    {before}
    time.sleep(600)
"""


def _hanging(stopping: bool, limit_s: float, patience_s: float = 0.1, before: str = "pass") -> tuple[int, str]:
    """Exit status and last line of a process whose job never ends."""
    script = HANGS.format(stopping=stopping, limit_s=limit_s, patience_s=patience_s, before=before)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()[-1]


def test_a_job_that_hangs_ends_with_its_process() -> None:
    assert _hanging(stopping=False, limit_s=0.1) == (HUNG_EXIT_STATUS, "hung")


def test_a_job_that_does_not_stop_with_its_worker_is_given_back() -> None:
    assert _hanging(stopping=True, limit_s=600) == (0, "stuck")


def test_a_job_whose_work_is_over_may_wait_beyond_its_limit() -> None:
    assert _hanging(stopping=True, limit_s=1.0, patience_s=2.0, before="pulse.relax()") == (0, "stuck")


def test_a_claim_is_kept_during_its_block_only_and_outages_are_survived() -> None:
    beats: list[None] = []
    claims: list[None] = []

    def unsteady() -> None:
        beats.append(None)
        if len(beats) == 2:
            raise RedisError("gone for a moment")

    def more(count: int) -> None:
        wanted = len(beats) + count
        until(lambda: len(beats) >= wanted, "more beats")

    pulse = Heartbeat(0.01, unsteady)
    pulse.start()
    with pulse.watching(WatchedJob(lambda: claims.append(None), lambda: None, lambda: False), limit_s=600):
        until(lambda: len(claims) > 3, "claims")
    more(2)  # the record_heartbeat that was under way may still have held the claim
    held = len(claims)
    more(3)
    assert len(claims) == held
    pulse.stop()


def test_health_means_that_a_worker_of_this_machine_lives(
    redis: Redis, settings: Settings, make_settings: MakeSettings
) -> None:
    record_heartbeat(redis, "0123456789ab-1-00000000")
    assert not is_healthy(settings)
    record_heartbeat(redis, new_name())
    assert is_healthy(settings)
    assert not is_healthy(make_settings(redis_url="unix:///nowhere/redis.sock"))
