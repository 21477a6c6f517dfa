"""Hurts real processes in every way we know, and counts what was lost: ``python -m tests.chaos``, `make chaos`."""

import argparse
import signal
import sys
import time

from tests.chaos.ground import Ground
from tests.chaos.scenarios import ALL, WITH_MODEL


def main() -> int:
    """The exit status: 1 when anything was lost, doubled, crashed or left behind."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="only this scenario; may be given again")
    parser.add_argument("--seed", type=int, default=0, help="for what is left to chance")
    parser.add_argument("--model", action="store_true", help="hurt the real worker with the embedded model")
    asked = parser.parse_args()
    scenarios = WITH_MODEL if asked.model else ALL
    unknown = set(asked.only or ()) - set(scenarios)
    if unknown:
        parser.error(f"there is no scenario {', '.join(sorted(unknown))}; there are {', '.join(scenarios)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no stack is left running
    ground = Ground(asked.seed, model=asked.model, talks=True)
    for name in asked.only or scenarios:
        began, before = time.monotonic(), len(ground.tally.faults)
        ground.say(f"== {name}")
        scenarios[name](ground)
        for fault in ground.tally.faults[before:]:
            print(fault)
        print(f"{name}: {ground.tally} ({time.monotonic() - began:.0f} s)", flush=True)
    for skipped in ground.tally.skipped:
        print(f"skipped: {skipped}")
    if ground.tally.slowest_at:
        print(f"longest until a job ran again: {ground.tally.slowest_s:.1f} s, at {ground.tally.slowest_at}")
    print(ground.tally)
    return 0 if ground.tally.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
