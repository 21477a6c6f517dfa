"""Which workers are alive."""

from redis import Redis

from jobs.infra.liveness import heartbeat_ages, live_workers, record_heartbeat, remove_worker


def test_a_worker_lives_from_its_beat_until_it_leaves(redis: Redis) -> None:
    assert live_workers(redis, 60) == []
    record_heartbeat(redis, "a")
    record_heartbeat(redis, "b")
    assert sorted(live_workers(redis, 60)) == ["a", "b"]
    remove_worker(redis, "a")
    assert live_workers(redis, 60) == ["b"]


def test_a_silent_worker_is_forgotten(redis: Redis) -> None:
    record_heartbeat(redis, "silent")
    redis.zadd("v2m:workers", {"silent": 1.0})
    record_heartbeat(redis, "loud")
    assert live_workers(redis, 60) == ["loud"]
    assert redis.zcard("v2m:workers") == 1


def test_asking_for_silences_forgets_nobody(redis: Redis) -> None:
    record_heartbeat(redis, "loud")
    redis.zadd("v2m:workers", {"silent": 1.0})
    found = heartbeat_ages(redis)
    assert found.keys() == {"loud", "silent"}
    assert found["loud"] < 60 < found["silent"]
    assert redis.zcard("v2m:workers") == 2
