"""Redis stands still, or dies, at every stage of a job, while uploads go on."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from tests.chaos.ground import Ground
from tests.chaos.stack import Stack
from tests.processes import is_running

_PAUSE_S: Final = 1.0
_MAY_BE_ANSWERED: Final = frozenset({202, 503})


def redis_out(ground: Ground) -> None:
    """Stopped for a while, for longer than the client's time-out, and killed."""
    for seconds in (3.0, 12.0, None):
        # the default heartbeat: an outage of these lengths is no reason to take a worker for lost
        with ground.stack("redis_out", quick=False, maintenance_s=2) as stack:
            for when in (_while_idle, _while_a_job_runs, _at_its_end, _in_the_books):
                ground.say(f"Redis {'killed' if seconds is None else f'stopped for {seconds:g} s'} {when.__name__[1:]}")
                when(ground, stack, seconds)


def outages_beyond_the_lease(ground: Ground) -> None:
    """Workers that live do not make a job pay for outages that are longer than their leases."""
    with ground.stack("outages_beyond_the_lease", heartbeat_s=1) as stack:
        stack.add_worker()  # which looks for lost jobs, too
        job = stack.accepted("slow 60", about="outages beyond the lease")
        stack.in_stage(job)
        for _ in range(2):
            with stack.stopped("Redis"):
                time.sleep(2 * stack.settings.heartbeat_ttl_s)
            time.sleep(1)
        for _ in range(5):
            stack.kill("Redis")  # again and again: each time it is started later
            stack.until(lambda: stack.redis.ping(), "Redis to be back")
            time.sleep(0.5)
        record = stack.ended(job)
        if record.crashes:
            ground.tally.add("lost", f"{job} paid with {record.crashes} crashes for workers that never died")


def stop_while_redis_is_out(ground: Ground) -> None:
    """SIGTERM of the worker during an outage: the job is found and done again, never failed."""
    with ground.stack("stop_while_redis_is_out") as stack:
        for place in ("execution noted", "stage generate", "before complete"):
            ground.say(f"SIGTERM at {place!r} while Redis is out")
            stack.order(place, "wait")
            job = stack.accepted("slow 0.3", about=f"SIGTERM at {place} while Redis is out")
            stack.reached(place)
            worker = stack.pid("worker")
            redis = stack.kill("Redis")
            stack.until(partial(_is_gone, redis), "Redis to end")
            stack.terminate_worker(worker)
            stack.caused["worker"] += 1
            stack.go(place)
            stack.ended(job)


def _is_gone(pid: int) -> bool:
    return not is_running(pid)


def _while_idle(ground: Ground, stack: Stack, seconds: float | None) -> None:
    with _out(ground, stack, seconds):
        pass
    stack.ended(stack.accepted(about="after an outage"))


def _while_a_job_runs(ground: Ground, stack: Stack, seconds: float | None) -> None:
    job = stack.accepted(f"slow {2 + (seconds or 0) / 2:g}", about="an outage while it runs")
    stack.in_stage(job)
    with _out(ground, stack, seconds):
        pass
    stack.ended(job)


def _at_its_end(ground: Ground, stack: Stack, seconds: float | None) -> None:
    _at(ground, stack, seconds, "before complete")


def _in_the_books(ground: Ground, stack: Stack, seconds: float | None) -> None:
    _at(ground, stack, seconds, "in the bookkeeping")


def _at(ground: Ground, stack: Stack, seconds: float | None, place: str) -> None:
    stack.order(place, "wait")
    job = stack.accepted("slow 0.3", about=f"an outage at {place}")
    stack.reached(place)
    with _out(ground, stack, seconds):
        stack.go(place)
    stack.ended(job)


@contextmanager
def _out(ground: Ground, stack: Stack, seconds: float | None) -> Iterator[None]:
    """The outage; it begins before the block and is over, with all its uploads answered, after it."""
    before, api = dict(stack.answers), stack.pid("API")
    over = threading.Event()

    def upload() -> None:
        while not over.wait(_PAUSE_S):
            stack.upload(about="uploaded during an outage")

    uploader = threading.Thread(target=upload)
    uploader.start()
    time.sleep(1.2 * _PAUSE_S)  # one is on its way
    if seconds is None:
        stack.kill("Redis")
        yield
        time.sleep(5)
    else:
        with stack.stopped("Redis"):
            yield
            time.sleep(seconds)
    stack.until(lambda: stack.client.get("/readyz").status_code == 200, "the API to work again by itself", 60)
    over.set()
    uploader.join()
    wrong = {
        status: count
        for status, count in stack.answers.items()
        if count != before.get(status, 0) and status not in _MAY_BE_ANSWERED
    }
    if wrong:
        ground.tally.add("lost", f"uploads during an outage were answered by {wrong}")
    if stack.pid("API") != api:
        ground.tally.add("crashed", "the API was started again by an outage of Redis")
