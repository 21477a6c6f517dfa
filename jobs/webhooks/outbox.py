"""Which ends of jobs are yet to be told: a sorted set in Redis, by the time that each is due.

A job enters it in the step that ends the job (`jobs.transitions`), and leaves it in the step that notes how telling it came
out. In between it is only ever moved to a later time, so whoever dies meanwhile, nothing is lost.
"""

from dataclasses import dataclass
from datetime import timedelta
from random import uniform
from typing import Final, cast

from pydantic_core import to_json
from redis import Redis

from jobs.record import JobRecord, Webhook, now
from jobs.repository import WEBHOOKS_KEY, JobRecords

# KEYS: 1 the outbox. ARGV: 1 seconds of the lease, 2 how many at most. The answer: the ids of those that are due.
_CLAIM: Final = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local due = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, id in ipairs(due) do redis.call('ZADD', KEYS[1], now + ARGV[1], id) end
return due
"""

# KEYS: 1 the outbox, 2 the record. ARGV: 1 the job's id, 2 the webhook as JSON, 3 its attempts before this one,
# 4 seconds until the next try, or '' for none. A second answer to the same question changes nothing.
_NOTE: Final = """
local old = redis.call('HGET', KEYS[2], 'webhook')
if not old or old == 'null' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  return 0
end
if cjson.decode(old)['attempts'] ~= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[2], 'webhook', ARGV[2])
if ARGV[4] == '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  local clock = redis.call('TIME')
  redis.call('ZADD', KEYS[1], clock[1] + clock[2] / 1000000 + ARGV[4], ARGV[1])
end
return 1
"""

_PUT_OFF: Final = """
local clock = redis.call('TIME')
return redis.call('ZADD', KEYS[1], 'XX', clock[1] + clock[2] / 1000000 + ARGV[2], ARGV[1])
"""


@dataclass(frozen=True)
class Outcome:
    """How one try came out.

    Attributes:
        status: of the answer; None when there was none.
        error: why it was none that counts; None when it was delivered.
        final: nobody should try again.
    """

    status: int | None = None
    error: str | None = None
    final: bool = False


class Outbox:
    """What is to be told, and how telling it came out. RedisError when Redis is out."""

    def __init__(self, redis: Redis, records: JobRecords, lease_s: float) -> None:
        """``lease_s``: who has claimed a job's end is left alone with it for so many seconds."""
        self._redis = redis
        self._records = records
        self._lease_s = lease_s
        self._claim = redis.register_script(_CLAIM)
        self._note = redis.register_script(_NOTE)
        self._put_off = redis.register_script(_PUT_OFF)

    def claim(self, limit: int) -> list[str]:
        """The ids of at most ``limit`` jobs whose end is due to be told, the longest due first, now with a lease."""
        ids = self._claim(keys=[WEBHOOKS_KEY], args=[self._lease_s, limit])
        return [job_id.decode() for job_id in cast("list[bytes]", ids)]

    def put_off(self, job_id: str, delay_s: float) -> None:
        """Gives a claim back, untried: it is due again after about so many seconds, and not all at the same time."""
        self._put_off(keys=[WEBHOOKS_KEY], args=[job_id, delay_s * uniform(0.5, 1.5)])

    def drop(self, job_id: str) -> None:
        """There is nothing to tell any more."""
        self._redis.zrem(WEBHOOKS_KEY, job_id)

    def note(self, record: JobRecord, before: Webhook, outcome: Outcome, next_s: float | None) -> None:
        """Notes a try, once, and when the next one is due: after ``next_s`` seconds, or never.

        ``before`` is the webhook as it was before the try. What another one has noted in its place stays.
        """
        webhook = _after(before, outcome, next_s)
        delay = "" if next_s is None else str(next_s)
        keys = [WEBHOOKS_KEY, self._records.key(record.id)]
        self._note(keys=keys, args=[record.id, to_json(webhook), before.attempts, delay])


def _after(before: Webhook, outcome: Outcome, next_s: float | None) -> Webhook:
    at = now()
    return before.model_copy(
        update={
            "attempts": before.attempts + 1,
            "delivered_at": at if outcome.error is None else None,
            "given_up_at": at if outcome.error is not None and next_s is None else None,
            "next_at": None if next_s is None else at + timedelta(seconds=next_s),
            "last_status": outcome.status,
            "last_error": outcome.error,
        }
    )
