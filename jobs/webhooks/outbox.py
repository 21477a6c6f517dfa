"""Outbox of webhooks: a sorted set in Redis of the ended jobs, by the time at which their next delivery is due.

A job enters it in the script that ends the job (`jobs.transitions`) and leaves it in the script that records the last
attempt. In between its time is only moved forward, so nothing is lost when a process dies.
"""

from dataclasses import dataclass
from datetime import timedelta
from random import uniform
from typing import Final, cast

from pydantic_core import to_json
from redis import Redis

from jobs.record import JobRecord, Webhook, now
from jobs.repository import WEBHOOKS_KEY, JobRecords

# KEYS: 1 the outbox. ARGV: 1 seconds of the lease, 2 the maximum number of jobs. The answer: the ids of due jobs.
_LEASE: Final = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local due = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, id in ipairs(due) do redis.call('ZADD', KEYS[1], now + ARGV[1], id) end
return due
"""

# KEYS: 1 the outbox, 2 the record. ARGV: 1 the job's id, 2 the webhook as JSON, 3 its attempts before this one,
# 4 seconds until the next attempt, or '' for none. Running it twice for the same attempt changes nothing.
_RECORD: Final = """
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

_POSTPONE: Final = """
local clock = redis.call('TIME')
return redis.call('ZADD', KEYS[1], 'XX', clock[1] + clock[2] / 1000000 + ARGV[2], ARGV[1])
"""


@dataclass(frozen=True)
class Outcome:
    """Outcome of one delivery attempt.

    Attributes:
        status: HTTP status of the response; None when there was none.
        error: reason of the failure; None when the webhook was delivered.
        final: True when there must be no further attempt.
    """

    status: int | None = None
    error: str | None = None
    final: bool = False


class Outbox:
    """The due webhooks, and the outcomes of their attempts. Methods raise RedisError."""

    def __init__(self, redis: Redis, records: JobRecords, lease_s: float) -> None:
        """``lease_s``: seconds during which a leased webhook is not given to another process."""
        self._redis = redis
        self._records = records
        self._lease_s = lease_s
        self._lease = redis.register_script(_LEASE)
        self._record = redis.register_script(_RECORD)
        self._postpone = redis.register_script(_POSTPONE)

    def lease_due(self, limit: int) -> list[str]:
        """Leases at most ``limit`` due webhooks, the longest overdue first; returns the ids of their jobs."""
        ids = self._lease(keys=[WEBHOOKS_KEY], args=[self._lease_s, limit])
        return [job_id.decode() for job_id in cast("list[bytes]", ids)]

    def postpone(self, job_id: str, delay_s: float) -> None:
        """Makes a webhook due again after ``delay_s`` seconds, give or take a random half, without an attempt."""
        self._postpone(keys=[WEBHOOKS_KEY], args=[job_id, delay_s * uniform(0.5, 1.5)])

    def remove(self, job_id: str) -> None:
        """Removes a webhook whose job no longer has a record."""
        self._redis.zrem(WEBHOOKS_KEY, job_id)

    def record_attempt(self, record: JobRecord, before: Webhook, outcome: Outcome, next_s: float | None) -> None:
        """Records an attempt once, and makes the next one due after ``next_s`` seconds; None for no further attempt.

        ``before``: the webhook before this attempt. Nothing changes when another process has recorded this attempt.
        """
        webhook = _after(before, outcome, next_s)
        delay = "" if next_s is None else str(next_s)
        keys = [WEBHOOKS_KEY, self._records.key(record.id)]
        self._record(keys=keys, args=[record.id, to_json(webhook), before.attempts, delay])


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
