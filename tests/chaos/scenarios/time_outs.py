"""RQ's time-out at any place, also where the job is over already."""

from typing import Final

from tests.chaos.ground import Ground

_FAILS: Final = ("started", "analyzed", "stage generate", "writing", "published", "before complete")
_COMPLETES: Final = ("completed", "old results removed")


def time_outs(ground: Ground) -> None:
    """A job that is completed stays so, with its results."""
    with ground.stack("time_outs") as stack:
        for place in (*_FAILS, *_COMPLETES):
            ground.say(f"time-out at {place!r}")
            stack.order(place, "time-out")
            ends = "completed" if place in _COMPLETES else "failed:timeout failed:internal"
            job = stack.accepted("slow 0.3", ends=ends, attempts=(1,), about=f"a time-out at {place}")
            stack.reached(place)
            stack.ended(job)
