"""Several workers on one queue, killed and stopped while they work."""

import os
import signal
import time

from jobs.infra.processes import process_of
from tests.chaos.ground import Ground
from tests.chaos.stack import Stack


def many_workers(ground: Ground) -> None:
    """Two and then three workers, thirty quick jobs, a kill every second."""
    for count in (2, 3):
        ground.say(f"{count} workers")
        with ground.stack("many_workers", max_crashes=10) as stack:
            _killed_at_random(ground, stack, count)


def _killed_at_random(ground: Ground, stack: Stack, count: int) -> None:
    extra = [stack.add_worker() for _ in range(count - 1)]
    for number in range(30):
        stack.accepted(f"slow {ground.random.uniform(0, 0.6):.2f}", about=f"one of thirty, {number}")
    while not all(stack.record(job).is_final for job in stack.jobs):
        time.sleep(ground.random.uniform(0.5, 2.0))
        victim = ground.random.randrange(count)
        if victim == 0:
            stack.kill("worker")
        else:
            extra[victim - 1].kill()
            extra[victim - 1] = stack.add_worker()


def paused_workers(ground: Ground) -> None:
    """A worker that is stopped beyond its lease comes back when another one has done its job: that changes nothing."""
    with ground.stack("paused_workers", heartbeat_s=0.5) as stack:
        for place in ("stage generate", "before the rename", "published", "before complete"):
            ground.say(f"stopped at {place!r} beyond the lease")
            paused_at(ground, stack, place)
        ground.say("stopped before it starts the job, and until it is over")
        paused_at(ground, stack, "before start", attempts=(1,))


def paused_at(ground: Ground, stack: Stack, place: str, attempts: tuple[int, ...] = (2,)) -> None:
    """One job of a worker that stands still at one place."""
    stack.order(place, "wait")
    paused = stack.add_worker()
    with stack.stopped("worker"):  # so that the other one gets the job
        job = stack.accepted("slow 0.2", attempts=attempts, about=f"a pause at {place}")
        stack.reached(place)
        paused.send_signal(signal.SIGSTOP)
    name = stack.record(job).worker
    if name is not None and process_of(name) != paused.pid:
        ground.tally.add("lost", f"the job was to be {paused.pid}'s, and is {name}'s")
    stack.ended(job)
    stack.go(place)
    os.kill(paused.pid, signal.SIGCONT)
    time.sleep(1)  # for its late result
    stray = stack.store / "jobs" / job.id / "results" / "1"
    if attempts == (2,):
        stack.until(lambda: not stray.exists(), f"the late result of {job} to be removed", 10)
    paused.kill()
    paused.wait()
