"""The worker's second thread."""

import subprocess
import sys

from redis import Redis
from redis.exceptions import RedisError

from jobs.identity import new_name
from jobs.liveness import beat
from jobs.settings import Settings
from tests.conftest import MakeSettings
from tests.processes import ROOT, until
from worker.health import is_healthy
from worker.pulse import HUNG_EXIT_STATUS, Pulse

HANGS = """
import time
from worker.pulse import Pulse
pulse = Pulse(0.02, lambda: None)
pulse.start()
with pulse.watching(lambda: None, limit_s=0.1, on_hung=lambda: print("told", flush=True)):
    time.sleep(600)
"""


def test_a_job_that_hangs_ends_with_its_process() -> None:
    done = subprocess.run([sys.executable, "-c", HANGS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == HUNG_EXIT_STATUS
    assert done.stdout.splitlines()[-1] == "told"


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

    pulse = Pulse(0.01, unsteady)
    pulse.start()
    with pulse.watching(lambda: claims.append(None), limit_s=600, on_hung=lambda: None):
        until(lambda: len(claims) > 3, "claims")
    more(2)  # the beat that was under way may still have held the claim
    held = len(claims)
    more(3)
    assert len(claims) == held
    pulse.stop()


def test_health_means_that_a_worker_of_this_machine_lives(
    redis: Redis, settings: Settings, make_settings: MakeSettings
) -> None:
    beat(redis, "0123456789ab-1-00000000")
    assert not is_healthy(settings)
    beat(redis, new_name())
    assert is_healthy(settings)
    assert not is_healthy(make_settings(redis_url="unix:///nowhere/redis.sock"))
