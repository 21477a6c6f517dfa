"""The transitions of a job record, each an atomic Lua script on the Redis server.

An answer can get lost, and then the client repeats the request. So a script whose change was already made by the same
attempt gives the same answer as the first time and counts nothing twice.

KEYS of every script: 1 the record, 2 the index of open jobs, 3 the leases, 4 and 5 the ended jobs whose upload and
whose results are kept, 6 the webhook outbox: ended jobs by the time at which their webhook is due. ARGV 1 is always the
job's id. Answers are pairs: an outcome (ok, missing, refused, stale, cancel), and the attempt or the job's status.
"""

from typing import Final

_BEGIN: Final = """
local id, status = ARGV[1], redis.call('HGET', KEYS[1], 'status')
if not status then return {'missing', ''} end
local attempt = redis.call('HGET', KEYS[1], 'attempt')
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local function finish()
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
  redis.call('ZADD', KEYS[4], now, id)
  redis.call('ZADD', KEYS[5], now, id)
  if (redis.call('HGET', KEYS[1], 'webhook') or 'null') ~= 'null' then redis.call('ZADD', KEYS[6], now, id) end
end
local function cancel(finished_at)
  redis.call('HSET', KEYS[1], 'status', 'canceled', 'stage', 'null', 'worker', 'null', 'finished_at', finished_at)
  finish()
end
"""

# ARGV: 2 the worker as JSON, then fields and values.
START: Final = (
    _BEGIN
    + """
if status == 'in_progress' and redis.call('HGET', KEYS[1], 'worker') == ARGV[2] then return {'ok', attempt} end
if status ~= 'queued' then return {'refused', status} end
attempt = redis.call('HINCRBY', KEYS[1], 'attempt', 1)
redis.call('HSET', KEYS[1], 'status', 'in_progress', 'worker', ARGV[2], unpack(ARGV, 3))
redis.call('ZADD', KEYS[3], now, id)
return {'ok', tostring(attempt)}
"""
)

# ARGV: 2 the attempt, then fields and values; without any, only the lease is renewed.
ADVANCE: Final = (
    _BEGIN
    + """
if attempt ~= ARGV[2] then return {'stale', status} end
if status ~= 'in_progress' then return {'refused', status} end
redis.call('ZADD', KEYS[3], now, id)
if ARGV[3] then redis.call('HSET', KEYS[1], unpack(ARGV, 3)) end
if redis.call('HGET', KEYS[1], 'cancel_requested') == 'true' then return {'cancel', status} end
return {'ok', attempt}
"""
)

# From in_progress to a final status; without an attempt also from queued, for a job that can never be started.
# ARGV: 2 the attempt, or ''; 3 the new status; 4 the time as JSON; then fields and values.
FINISH: Final = (
    _BEGIN
    + """
if ARGV[2] ~= '' and attempt ~= ARGV[2] then return {'stale', status} end
local canceled_by_user = redis.call('HGET', KEYS[1], 'cancel_requested') == 'true'
if status == ARGV[3] or (canceled_by_user and status == 'canceled') then return {'ok', attempt} end
if not (status == 'in_progress' or (status == 'queued' and ARGV[2] == '')) then return {'refused', status} end
if canceled_by_user and ARGV[3] == 'completed' then return {'cancel', status} end
if canceled_by_user then  -- a canceled job keeps no error
  cancel(ARGV[4])
  return {'ok', attempt}
end
redis.call('HSET', KEYS[1], 'status', ARGV[3], 'stage', 'null', 'worker', 'null', 'finished_at', ARGV[4],
  unpack(ARGV, 5))
finish()
return {'ok', attempt}
"""
)

# Back into the queue, unless cancellation was requested or the limit of the counter is reached.
# ARGV: 2 the attempt; 3 the time as JSON; 4 the counter to increment, or ''; 5 the count at which the job fails;
# 6 the error of that failure as JSON. The second part of the answer is the new status.
REQUEUE: Final = (
    _BEGIN
    + """
if attempt ~= ARGV[2] then return {'stale', status} end
if status ~= 'in_progress' then
  if status == 'completed' then return {'refused', status} end
  return {'ok', status}
end
if redis.call('HGET', KEYS[1], 'cancel_requested') == 'true' then
  cancel(ARGV[3])
  return {'ok', 'canceled'}
end
if ARGV[4] ~= '' and redis.call('HINCRBY', KEYS[1], ARGV[4], 1) >= tonumber(ARGV[5]) then
  redis.call('HSET', KEYS[1], 'status', 'failed', 'stage', 'null', 'worker', 'null', 'finished_at', ARGV[3],
    'error', ARGV[6])
  finish()
  return {'ok', 'failed'}
end
redis.call('ZREM', KEYS[3], id)
redis.call('HSET', KEYS[1], 'status', 'queued', 'stage', 'null', 'progress', '0.0', 'worker', 'null', 'model', 'null',
  'started_at', 'null')
return {'ok', 'queued'}
"""
)

# ARGV: 2 the time as JSON. The second part of the answer is the new status.
CANCEL: Final = (
    _BEGIN
    + """
if status == 'queued' then
  cancel(ARGV[2])
  return {'ok', 'canceled'}
end
if status == 'in_progress' then redis.call('HSET', KEYS[1], 'cancel_requested', 'true') end
return {'ok', status}
"""
)

# ARGV: 2 the time as JSON; 3 seconds that the record is kept from now on.
EXPIRE: Final = (
    _BEGIN
    + """
if status == 'queued' or status == 'in_progress' then return {'refused', status} end
redis.call('HSET', KEYS[1], 'artifacts', '{}', 'expired_at', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('ZREM', KEYS[4], id)
redis.call('ZREM', KEYS[5], id)
return {'ok', attempt}
"""
)

# Removes waiting jobs, too: a worker that takes one off the queue finds no record and skips it.
REMOVE: Final = (
    _BEGIN
    + """
if status == 'in_progress' then return {'refused', status} end
redis.call('DEL', KEYS[1])
for index = 2, 6 do redis.call('ZREM', KEYS[index], id) end
return {'ok', attempt}
"""
)
