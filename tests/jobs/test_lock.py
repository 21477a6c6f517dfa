"""A lock that is one holder's, lasts as long as the work, and is no one else's to release."""

from redis import Redis

from jobs.infra.lock import hold_lock
from tests.processes import until

NAME = "a lock"


def test_one_at_a_time(redis: Redis) -> None:
    with hold_lock(redis, NAME, wait_s=0) as first:
        with hold_lock(redis, NAME, wait_s=0) as second:
            assert (first, second) == (True, False)
        assert redis.exists(NAME), "it was not the second's to release"
    assert not redis.exists(NAME)
    with hold_lock(redis, NAME, wait_s=0) as third:
        assert third


def test_it_is_renewed_while_the_work_lasts(redis: Redis) -> None:
    with hold_lock(redis, NAME, wait_s=0, ttl_s=1):
        redis.pexpire(NAME, 1_000_000)
        until(lambda: redis.pttl(NAME) <= 1000, "the renewal")
        assert redis.exists(NAME)


def test_it_is_short(redis: Redis) -> None:
    with hold_lock(redis, NAME, wait_s=0):
        assert 0 < redis.pttl(NAME) <= 15_000


def test_who_lost_it_takes_it_from_nobody(redis: Redis) -> None:
    with hold_lock(redis, NAME, wait_s=0, ttl_s=0.3):
        redis.set(NAME, "another's")
    assert redis.get(NAME) == b"another's"


def test_one_that_waits_gets_it_when_it_is_free(redis: Redis) -> None:
    redis.set(NAME, "one that died", px=200)
    with hold_lock(redis, NAME, wait_s=600) as alone:
        assert alone
