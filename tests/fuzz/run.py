"""The run: many files at a time through one service, and the count of what became of them."""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from tests.fuzz.canary import Watch
from tests.fuzz.cases import Case
from tests.fuzz.remains import faults_of_end, faults_of_stop
from tests.fuzz.service import running
from tests.fuzz.trial import Fault, Outcome, attempt
from tests.processes import ROOT

FOUND: Final = ROOT / "out/fuzz"
CLIENTS: Final = 4
WORKERS: Final = 2
_BAD: Final = ("lost", "doubled", "crashed", "left behind")


@dataclass(frozen=True)
class Report:
    """What a run found.

    Attributes:
        outcomes: of every case.
        faults: of the run as a whole; those of a case are in its outcome.
        seconds: what it took.
        resident_bytes: the API's memory at the start and at the end.
    """

    outcomes: list[Outcome]
    faults: list[Fault]
    seconds: float
    resident_bytes: tuple[int, int]

    def all_faults(self) -> Iterator[tuple[str, Fault]]:
        """With the name of the case, or of the run."""
        for outcome in self.outcomes:
            yield from ((outcome.case.name, fault) for fault in outcome.faults)
        yield from (("the run", fault) for fault in self.faults)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled, crashed or left behind."""
        return not any(True for _ in self.all_faults())

    def line(self) -> str:
        """The counts."""
        ends = Counter(outcome.end for outcome in self.outcomes)
        bad = Counter(fault.sort for _, fault in self.all_faults())
        counts = [f"{end} {ends[end]}" for end in ("refused", "completed", "failed")]
        counts += [f"{sort} {bad[sort]}" for sort in _BAD]
        return f"tries {len(self.outcomes)}, {', '.join(counts)}"


def fuzz(cases: Iterable[Case], keep: Path | None = None, tell: Callable[[str], None] = lambda line: None) -> Report:
    """Sends every case through a service of its own. What breaks a rule is kept in FOUND, everything in ``keep``."""
    with Watch() as watch, tempfile.TemporaryDirectory(prefix="v2m-fuzz-") as name, running(WORKERS) as service:
        began = time.monotonic()
        at_start = service.resident_bytes()
        outcomes: list[Outcome] = []
        with httpx.Client(base_url=service.url, timeout=150) as client, ThreadPoolExecutor(CLIENTS) as pool:

            def one(case: Case) -> Outcome:
                data = case.data()
                if keep is not None:
                    (keep / case.name).write_bytes(data)
                return attempt(case, data, client, Path(name))

            for outcome in pool.map(one, cases):
                outcomes.append(outcome)
                if outcome.faults:
                    _keep(outcome)
                if len(outcomes) % 100 == 0:
                    tell(f"{len(outcomes)} files in {time.monotonic() - began:.0f} s")
        at_end = service.resident_bytes()
        faults = faults_of_end(service, outcomes, watch, at_start)
        faults += faults_of_stop(service)
        return Report(outcomes, faults, time.monotonic() - began, (at_start, at_end))


def _keep(outcome: Outcome) -> None:
    """Files from chance are few: the name alone would do, but not when the damage is written differently later."""
    FOUND.mkdir(parents=True, exist_ok=True)
    (FOUND / outcome.case.name).write_bytes(outcome.case.data())
    told = "\n".join(f"{fault.sort}: {fault.text}" for fault in outcome.faults)
    (FOUND / f"{outcome.case.name}.txt").write_text(f"{told}\n{outcome.said}\n")
    print(f"{outcome.case.name}: {told}", file=sys.stderr)
