"""A small part of `make chaos`, and that the count of it sees what is wrong."""

import shutil

from jobs.repository import LEASES_KEY
from tests.chaos.ground import Ground
from tests.chaos.scenarios.cancels import canceled_at
from tests.chaos.scenarios.kills import killed_at
from tests.chaos.scenarios.terms import terminated_twice
from tests.chaos.stack import Stack, short_folder
from tests.chaos.verdict import Tally, judge
from tests.video_factory import make_clip


def test_nothing_is_lost() -> None:
    ground = Ground()
    with ground.stack("test") as stack:
        canceled_at(ground, stack, "published")
        stack.order("completed", "time-out")
        stack.ended(stack.accepted(attempts=(1,), about="a time-out after completion"))
        terminated_twice(ground, stack, "stage generate")
        for place in ("taken", "stage generate"):
            killed_at(ground, stack, place)
    assert ground.tally.faults == []
    assert str(ground.tally) == "tries 5, lost 0, doubled 0, crashed 0, left behind 0"


def test_what_is_wrong_is_counted() -> None:
    tally = Tally()
    with short_folder() as folder:
        clip = make_clip(folder / "clip.mp4", duration=1.0, fps=12, size=(64, 48), audio=True)
        stack = Stack(folder, clip, model=False, settings={"heartbeat_s": 0.2, "maintenance_s": 1})
        try:
            _harm(stack)
            judge(stack, "harmed", tally, patience_s=0.0)
        finally:
            stack.abandon()
    assert [fault.split(": ", 2)[0] for fault in tally.faults].count("crashed") == tally.crashed == 1
    told = "\n".join(tally.faults)
    assert "ended as completed instead of failed" in told
    assert "its video is answered by 503" in told
    assert "went on after its end: ['queued', 'completed', 'failed:x', 'completed']" in told
    assert f"a lease of {'0' * 32}" in told
    assert "stray" in told
    assert (tally.tries, tally.doubled, tally.left_behind) == (3, 1, 7), told


def _harm(stack: Stack) -> None:
    unexpected, emptied, wavering = (stack.accepted(about=about) for about in ("unexpected", "emptied", "wavering"))
    for job in (unexpected, emptied, wavering):
        stack.ended(job)
    unexpected.may_end = frozenset({"failed"})
    shutil.rmtree(stack.store / "jobs" / emptied.id / "results" / "1")
    stack.until(lambda: wavering.is_over, "its end to be seen")
    wavering.seen[:] = ["queued", "completed", "failed:x"]
    (stack.store / "stray").touch()
    stack.redis.zadd(LEASES_KEY, {"0" * 32: 1})
    stack.kill("worker")
    stack.caused["worker"] -= 1
    stack.until(lambda: stack.deaths, "`v2m up` to see that its worker has died")
