"""SIGTERM of the worker at every place of a job: it costs the job nothing."""

import os
import signal
import time
from typing import Final

from tests.chaos.ground import Ground
from tests.chaos.jobs import Job
from tests.chaos.stack import Stack

_PLACES: Final = (
    "taken", "execution noted", "before start", "started", "stage probe", "in the sandbox", "stage curve", "analyzed",
    "stage plan", "stage generate", "stage render", "stage mux", "writing", "before publish", "before the rename",
    "published", "before complete", "completed", "in the bookkeeping",
)  # fmt: skip


def terms(ground: Ground) -> None:
    """Once at each place, then twice where the second ends the process at once, and then with a kill."""
    with ground.stack("terms") as stack:
        for count, place in enumerate(_PLACES):
            ground.say(f"SIGTERM at {place!r}")
            terminated_at(ground, stack, place)
            if count % 4 == 3:
                stack.restart()  # ends the supervisor's growing pauses between starts
        for place in ("stage generate", "before complete", "completed"):
            ground.say(f"two SIGTERMs at {place!r}")
            terminated_twice(ground, stack, place)
        stack.restart()
        ground.say("SIGTERM, and SIGKILL once the job is given back")
        _killed_after_it(ground, stack)


def terminated_at(ground: Ground, stack: Stack, place: str) -> None:
    """One job whose worker is asked to stop at one place."""
    stack.order(place, "wait")
    job = stack.accepted("slow 0.3", about=f"SIGTERM at {place}")
    stack.reached(place)
    stack.terminate_worker()
    time.sleep(0.1)
    stack.go(place)
    _costs_nothing(ground, stack, job)


def terminated_twice(ground: Ground, stack: Stack, place: str) -> None:
    """One job whose worker is asked to stop, and then told to at once."""
    stack.order(place, "wait")
    job = stack.accepted("slow 0.3", about=f"two SIGTERMs at {place}")
    stack.reached(place)
    worker = stack.pid("worker")
    stack.terminate_worker()
    time.sleep(1.2)  # RQ takes a second one within a second for the same
    os.kill(worker, signal.SIGTERM)
    _costs_nothing(ground, stack, job)


def _killed_after_it(ground: Ground, stack: Stack) -> None:
    stack.order("requeued")
    job = stack.accepted("slow 30", ends="canceled", about="killed after it was given back")
    stack.in_stage(job)
    stack.terminate_worker()
    stack.caused["worker"] -= 1  # it dies once, of the order
    stack.reached("requeued")
    stack.in_stage(job)
    stack.cancel(job)
    _costs_nothing(ground, stack, job)


def _costs_nothing(ground: Ground, stack: Stack, job: Job) -> None:
    record = stack.ended(job)
    if record.crashes or record.retries:
        ground.tally.add("lost", f"{job} paid with {record.crashes} crashes, {record.retries} retries")
