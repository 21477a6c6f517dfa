"""Housekeeping thread of a worker: it survives errors, and one worker at a time removes expired files."""

import threading
from collections.abc import Callable, Iterator
from typing import cast

import pytest
from redis import Redis
from redis.exceptions import RedisError

from jobs.recovery import Reconciler, Repairs
from jobs.retention import Retention
from jobs.store import StoreError
from tests.processes import until
from worker.housekeeping import Housekeeping


class Rounds:
    """Fake reconciler and retention, which count their calls and run the test's callbacks."""

    grace_s = 0.01

    def __init__(self) -> None:
        self.reconciled = 0
        self.expired = 0
        self.each: Callable[[], Repairs] = Repairs
        self.expiring: Callable[[], object] = lambda: None

    def run(self) -> Repairs:
        self.reconciled += 1
        return self.each()

    def expire(self) -> None:
        self.expired += 1
        self.expiring()


@pytest.fixture
def rounds() -> Rounds:
    return Rounds()


Keep = Callable[..., Housekeeping]


@pytest.fixture
def keep(redis: Redis, rounds: Rounds) -> Iterator[Keep]:
    """Starts housekeeping threads, and stops them in the end."""
    started: list[Housekeeping] = []

    def start(interval_s: float = 0.02) -> Housekeeping:
        parts = cast("Reconciler", rounds), cast("Retention", rounds)
        started.append(Housekeeping(redis, *parts, interval_s))
        started[-1].start()
        return started[-1]

    yield start
    for housekeeping in started:
        housekeeping.stop()
    until(lambda: all(thread.name != "housekeeping" for thread in threading.enumerate()), "the thread to end")


def test_first_round_runs_at_once_and_others_follow(keep: Keep, rounds: Rounds) -> None:
    keep()
    until(lambda: rounds.reconciled > 2 and rounds.expired > 2, "some rounds")


def test_round_is_repeated_soon_when_a_rerun_is_needed(keep: Keep, rounds: Rounds) -> None:
    rounds.each = lambda: Repairs(needs_rerun=rounds.reconciled < 3)
    keep(interval_s=3600.0)
    until(lambda: rounds.reconciled == 3, "the second and the third round")


@pytest.mark.parametrize("error", [RedisError("gone"), StoreError("gone"), RuntimeError("internal error")])
def test_no_error_ends_it(keep: Keep, rounds: Rounds, error: Exception) -> None:
    def fail() -> Repairs:
        raise error

    rounds.each = rounds.expiring = fail
    keep()
    until(lambda: rounds.reconciled > 2 and rounds.expired > 2, "rounds after the error")


def test_one_worker_at_a_time_removes_expired_files(keep: Keep, rounds: Rounds) -> None:
    may_end = threading.Event()
    rounds.expiring = may_end.wait
    for _ in range(2):
        keep()
    until(lambda: rounds.reconciled > 8, "rounds of both")
    assert rounds.expired == 1
    may_end.set()
    until(lambda: rounds.expired > 1, "the next expiry")
