"""Redis lock: one holder, renewed during the work, released by the holder only."""

from redis import Redis

from jobs.infra.redis_connection import hold_lock
from tests.processes import until

NAME = "a lock"


def test_lock_has_one_holder(redis: Redis) -> None:
    with hold_lock(redis, NAME, wait_s=0) as first:
        with hold_lock(redis, NAME, wait_s=0) as second:
            assert (first, second) == (True, False)
        assert redis.exists(NAME), "it was not the second's to release"
    assert not redis.exists(NAME)
    with hold_lock(redis, NAME, wait_s=0) as third:
        assert third


def test_lock_is_renewed_during_the_block(redis: Redis) -> None:
    with hold_lock(redis, NAME, wait_s=0, ttl_s=1):
        redis.pexpire(NAME, 1_000_000)
        until(lambda: redis.pttl(NAME) <= 1000, "the renewal")
        assert redis.exists(NAME)


def test_lock_has_a_short_ttl(redis: Redis) -> None:
    with hold_lock(redis, NAME, wait_s=0):
        assert 0 < redis.pttl(NAME) <= 15_000


def test_holder_that_lost_the_lock_does_not_release_it(redis: Redis) -> None:
    with hold_lock(redis, NAME, wait_s=0, ttl_s=0.3):
        redis.set(NAME, "another's")
    assert redis.get(NAME) == b"another's"


def test_waiting_caller_gets_the_lock_once_it_is_free(redis: Redis) -> None:
    redis.set(NAME, "one that died", px=200)
    with hold_lock(redis, NAME, wait_s=600) as alone:
        assert alone
