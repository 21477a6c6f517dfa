"""Heartbeats of workers."""

from redis import Redis

from jobs.infra.processes import heartbeat_ages, live_workers, record_heartbeat, remove_worker


def test_worker_is_live_from_its_heartbeat_until_it_is_removed(redis: Redis) -> None:
    assert live_workers(redis, 60) == []
    record_heartbeat(redis, "a")
    record_heartbeat(redis, "b")
    assert sorted(live_workers(redis, 60)) == ["a", "b"]
    remove_worker(redis, "a")
    assert live_workers(redis, 60) == ["b"]


def test_worker_without_heartbeat_is_removed(redis: Redis) -> None:
    record_heartbeat(redis, "silent")
    redis.zadd("v2m:workers", {"silent": 1.0})
    record_heartbeat(redis, "loud")
    assert live_workers(redis, 60) == ["loud"]
    assert redis.zcard("v2m:workers") == 1


def test_reading_heartbeat_ages_removes_no_worker(redis: Redis) -> None:
    record_heartbeat(redis, "loud")
    redis.zadd("v2m:workers", {"silent": 1.0})
    found = heartbeat_ages(redis)
    assert found.keys() == {"loud", "silent"}
    assert found["loud"] < 60 < found["silent"]
    assert redis.zcard("v2m:workers") == 2
