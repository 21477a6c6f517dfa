"""A worker that sends no heartbeat is found."""

from cli.supervisor import WorkerWatchdog


class Clock:
    """A clock that the test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def checks(watchdog: WorkerWatchdog, clock: Clock, live: bool | None, seconds: float, pid: int = 7) -> list[bool]:
    """One check a second."""
    found = []
    for _ in range(round(seconds)):
        clock.now += 1
        found.append(watchdog.is_stuck(pid, live))
    return found


def test_a_worker_that_falls_silent_is_given_up_once() -> None:
    clock = Clock()
    watchdog = WorkerWatchdog(10, clock)
    assert not any(checks(watchdog, clock, True, 5))
    assert checks(watchdog, clock, False, 15) == [False] * 10 + [True] + [False] * 4


def test_a_worker_that_still_loads_its_model_is_never_given_up() -> None:
    clock = Clock()
    watchdog = WorkerWatchdog(10, clock)
    assert not any(checks(watchdog, clock, False, 100))
    assert not any(checks(watchdog, clock, True, 1))
    assert not any(checks(watchdog, clock, False, 100, pid=8)), "nor is the one that was started after it"


def test_a_sign_of_life_begins_the_count_again() -> None:
    clock = Clock()
    watchdog = WorkerWatchdog(10, clock)
    checks(watchdog, clock, True, 1)
    for _ in range(3):
        assert not any(checks(watchdog, clock, False, 9))
        assert not any(checks(watchdog, clock, True, 1))


def test_time_without_redis_does_not_count() -> None:
    clock = Clock()
    watchdog = WorkerWatchdog(10, clock)
    checks(watchdog, clock, True, 1)
    assert not any(checks(watchdog, clock, False, 6))
    assert not any(checks(watchdog, clock, None, 100))
    assert checks(watchdog, clock, False, 6) == [False] * 5 + [True], "6 s before it, and 5 s after it"


def test_time_in_which_nobody_looked_counts_little() -> None:
    clock = Clock()
    watchdog = WorkerWatchdog(10, clock)
    checks(watchdog, clock, True, 1)
    clock.now += 3600
    assert not watchdog.is_stuck(7, False)
