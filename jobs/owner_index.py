"""The lists of the owners' jobs, freed from those whose record has gone with age.

Redis removes a record by itself and leaves its id in the list. Whoever reads the list's old end tidies it on the way,
but nobody may ever do so.
"""

from typing import Final, cast

from redis import Redis

from jobs.repository import OWNERS_KEY, JobRecords, owned_key

_AT_ONCE: Final = 1000


def tidy(redis: Redis, at_once: int = _AT_ONCE) -> None:
    """Takes the ids without a record out of every list, from its old end to the first ``at_once`` that all have one.

    Records go about in the order of making, so hardly any are left beyond. RedisError.
    """
    for owner in cast("set[bytes]", redis.smembers(OWNERS_KEY)):
        _tidy(redis, owned_key(owner.decode()), at_once)


def _tidy(redis: Redis, key: str, at_once: int) -> None:
    kept = 0
    while job_ids := cast("list[bytes]", redis.zrange(key, kept, kept + at_once - 1)):
        with redis.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.exists(JobRecords.key(job_id.decode()))
            found = cast("list[int]", pipeline.execute())
        # A record appears together with its place in the list and never comes again, so what is gone now stays gone.
        gone = [job_id for job_id, there in zip(job_ids, found, strict=True) if not there]
        if not gone:
            return
        redis.zrem(key, *gone)
        kept += len(job_ids) - len(gone)
