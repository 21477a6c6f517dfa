"""``python -m tests.fuzz``: damaged files through the real service, and one line of what became of them."""

import argparse
import sys
from pathlib import Path
from typing import Final

from tests.fuzz.cases import KINDS, Case, plan
from tests.fuzz.run import Report, fuzz

_SLOWEST: Final = 5


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 1 when anything was lost, doubled, left behind, or crashed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--files", type=int, default=2000, help="how many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="other files for another seed (default %(default)s)")
    parser.add_argument("--kind", nargs="+", metavar="KIND", help=f"these kinds of damage alone: {', '.join(KINDS)}")
    parser.add_argument("--case", nargs="+", metavar="NAME", help="these files alone, by name")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep every file there")
    given = parser.parse_args(arguments)
    unknown = sorted(set(given.kind or ()) - set(KINDS))
    if unknown:
        parser.error(f"no kind of damage: {', '.join(unknown)}")
    try:
        named = [Case.named(name) for name in given.case or ()]
    except ValueError as error:
        parser.error(str(error))
    if given.keep is not None:
        given.keep.mkdir(parents=True, exist_ok=True)
    cases = named or list(plan(given.files, given.seed, given.kind or KINDS))
    report = fuzz(cases, given.keep, lambda line: print(line, file=sys.stderr))
    _tell(report)
    print(report.line())
    return 0 if report.is_clean else 1


def _tell(report: Report) -> None:
    for name, fault in report.all_faults():
        print(f"{fault.sort}: {name}: {fault.text}", file=sys.stderr)
    for outcome in report.outcomes:
        if outcome.end == "failed":
            print(f"failed: {outcome.case.name}: {outcome.said}", file=sys.stderr)
    for outcome in sorted(report.outcomes, key=lambda one: -one.seconds)[:_SLOWEST]:
        print(f"slow: {outcome.case.name}: {outcome.seconds:.1f} s, {outcome.end}", file=sys.stderr)
    start, end = (size >> 20 for size in report.resident_bytes)
    minutes = report.seconds / 60
    print(f"{minutes:.1f} minutes, {len(report.outcomes) / minutes:.0f} files a minute", file=sys.stderr)
    print(f"memory of the API: {start} MiB at the start, {end} MiB at the end", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
