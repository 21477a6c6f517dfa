"""A job is canceled at every place: it ends canceled, once, and leaves no result."""

from typing import Final

from tests.chaos.ground import Ground
from tests.chaos.scenarios.disks import file_limit
from tests.chaos.stack import Stack

_PLACES: Final = (
    "started", "in the sandbox", "stage curve", "analyzed", "stage plan", "stage generate", "stage render", "stage mux",
    "before publish", "before the rename", "published", "before complete",
)  # fmt: skip


def cancels(ground: Ground) -> None:
    """One stack for all."""
    with ground.stack("cancels") as stack:
        for place in _PLACES:
            ground.say(f"cancel at {place!r}")
            canceled_at(ground, stack, place)
        for elsewhere in (_waiting, _too_late, _of_a_dead_worker, _while_put_off):
            ground.say(elsewhere.__name__.strip("_"))
            elsewhere(ground, stack)


def canceled_at(ground: Ground, stack: Stack, place: str) -> None:
    """One job that is under way, canceled twice."""
    stack.order(place, "wait")
    job = stack.accepted("slow 0.3", ends="canceled", attempts=(1,), about=f"canceled at {place}")
    stack.reached(place)
    _answers(ground, [stack.cancel(job), stack.cancel(job)], [202, 202])
    stack.go(place)
    stack.ended(job)
    _answers(ground, [stack.cancel(job)], [202])


def _waiting(ground: Ground, stack: Stack) -> None:
    before = stack.accepted("slow 30", ends="canceled", about="canceled in the end")
    stack.in_stage(before)
    job = stack.accepted(ends="canceled", attempts=(0,), about="canceled while it waits")
    _answers(ground, [stack.cancel(job), stack.cancel(job), stack.cancel(before)], [202] * 3)


def _too_late(ground: Ground, stack: Stack) -> None:
    job = stack.accepted(about="canceled after completion")
    stack.ended(job)
    _answers(ground, [stack.cancel(job), stack.cancel(job)], [409, 409])


def _of_a_dead_worker(ground: Ground, stack: Stack) -> None:
    for place in ("stage generate", "published", "taken"):
        stack.order(place)
        job = stack.accepted("slow 0.3", ends="canceled", about=f"canceled after a kill at {place}")
        stack.reached(place)
        _answers(ground, [stack.cancel(job)], [202])
        stack.ended(job)


def _while_put_off(ground: Ground, stack: Stack) -> None:
    with file_limit(stack.pid("worker"), 1000):
        job = stack.accepted("slow 0.1", ends="canceled", about="canceled while it waits for the store")
        stack.in_stage(job, "waiting")
        _answers(ground, [stack.cancel(job)], [202])
        stack.ended(job)


def _answers(ground: Ground, answers: list[int], right: list[int]) -> None:
    if answers != right:
        ground.tally.add("lost", f"cancel was answered by {answers} instead of {right}")
