"""The stages of each kind of job, and one number over all of them that only grows."""

from collections.abc import Mapping
from itertools import takewhile
from typing import Final

from jobs.record import JobKind

# Share of the wall time that each stage takes on a CPU, roughly; they need not be exact, only steady.
_SHARES: Final[Mapping[JobKind, Mapping[str, float]]] = {
    JobKind.SCORE: {"probe": 0.02, "curve": 0.23, "plan": 0.02, "generate": 0.5, "render": 0.13, "mux": 0.1},
    JobKind.CURVE: {"probe": 0.08, "curve": 0.92},
}
PUBLISH: Final = "publish"
"""What comes after the last stage: the results go to the store. Records do not tell of it."""


def stages_of(kind: JobKind) -> list[str]:
    """The stages in their order, ``PUBLISH`` last."""
    return [*_SHARES[kind], PUBLISH]


def overall(kind: JobKind, stage: str, fraction: float) -> float:
    """Progress of the whole job in 0..1, with ``fraction`` of ``stage`` done; KeyError for a stage it does not have."""
    share = _SHARES[kind][stage]
    return min(1.0, _before(kind, stage) + share * min(max(fraction, 0.0), 1.0))


def fraction_of(kind: JobKind, stage: str, progress: float) -> float:
    """The inverse of ``overall``: how much of ``stage`` is done, in 0..1, at this progress of the whole job."""
    return min(1.0, max(0.0, (progress - _before(kind, stage)) / _SHARES[kind][stage]))


def _before(kind: JobKind, stage: str) -> float:
    shares = _SHARES[kind]
    return sum(shares[name] for name in takewhile(lambda name: name != stage, shares))
