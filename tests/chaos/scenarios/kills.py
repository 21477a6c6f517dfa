"""SIGKILL of the worker at every place of a job: it is found, and done again where it was not done."""

from typing import Final

from tests.chaos.ground import Ground
from tests.chaos.stack import Stack

_NOT_STARTED: Final = ("taken", "execution noted", "execution prepared", "before start")
_STARTED: Final = (
    "started", "before the video", "stage probe", "in the sandbox", "stage curve", "analyzed", "stage plan",
    "stage generate", "stage render", "stage mux", "writing", "before publish", "first file", "before the rename",
    "renamed", "published", "before complete",
)  # fmt: skip
_COMPLETED: Final = (
    "completed",
    "old results removed",
    "before the bookkeeping",
    "in the bookkeeping",
    "after the bookkeeping",
)
LIMIT_S: Final = 90.0


def kills(ground: Ground) -> None:
    """With the default heartbeat and maintenance, one stack for all places."""
    with ground.stack("kills", quick=False) as stack:
        for place in (*_NOT_STARTED, *_STARTED, *_COMPLETED):
            ground.say(f"kill at {place!r}")
            killed_at(ground, stack, place)
            stack.restart()  # ends the supervisor's growing pauses between starts
        for elsewhere in (_idle, _in_the_pulse, _sandbox_ends, _keeping_house, _found_twice):
            ground.say(elsewhere.__name__.strip("_"))
            elsewhere(ground, stack)
            stack.restart()
    if ground.tally.slowest_s > LIMIT_S:
        ground.tally.add("lost", f"a job ran again only after {ground.tally.slowest_s:.1f} s")


def killed_at(ground: Ground, stack: Stack, place: str) -> None:
    """One job whose worker dies at one place."""
    stack.order(place)
    job = stack.accepted("slow 0.3", attempts=(2,) if place in _STARTED else (1,), about=place)
    died = stack.reached(place)
    started = stack.started_at(job)
    if place not in _COMPLETED:
        ground.tally.ran_again(started - died, place)


def _idle(_ground: Ground, stack: Stack) -> None:
    stack.kill("worker")
    stack.ended(stack.accepted(attempts=(1,), about="idle"))


def _in_the_pulse(ground: Ground, stack: Stack) -> None:
    job = stack.accepted(f"slow {1.5 * stack.settings.heartbeat_s:g}", attempts=(2,), about="in the heartbeat")
    stack.in_stage(job)
    stack.order("in the heartbeat")
    died = stack.reached("in the heartbeat")
    ground.tally.ran_again(stack.started_at(job) - died, "in the heartbeat")


def _sandbox_ends(ground: Ground, stack: Stack) -> None:
    """The process that decodes does not outlive the worker that waits for it."""
    stack.order("in the sandbox", "wait")
    job = stack.accepted(attempts=(2,), about="in the sandbox")
    stack.reached("in the sandbox")
    children = stack.children("worker")
    if not children:
        ground.tally.add("lost", "there was no sandbox to be seen")
    stack.kill("worker")
    stack.until(lambda: not stack.running(children), "the sandbox to end with its worker", 20)
    stack.ended(job)


def _keeping_house(ground: Ground, stack: Stack) -> None:
    """Killed again by what it does about the first kill."""
    for place in ("before reconcile", "found lost", "requeued lost", "restoring", "in expire"):
        ground.say(f"kill at {place!r}")
        stack.order("stage generate")
        job = stack.accepted("slow 0.3", attempts=(2,), about=place)
        died = stack.reached("stage generate")
        stack.order(place)  # the next worker takes seconds to start
        stack.reached(place)
        ground.tally.ran_again(stack.started_at(job) - died, f"{place} after stage generate")
        stack.restart()


def _found_twice(ground: Ground, stack: Stack) -> None:
    """Taken and not started, and the worker that puts it back dies of that."""
    stack.order("taken")
    stack.order("restoring")
    job = stack.accepted("slow 0.3", attempts=(1,), about="found twice")
    stack.reached("taken")
    died = stack.reached("restoring")
    ground.tally.ran_again(stack.started_at(job) - died, "restoring")
