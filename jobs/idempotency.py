"""Idempotency keys: a client that repeats a request with the same key gets the job of the first request.

A request holds a lease on its key while it runs and renews it, so the key of a killed process soon becomes free again.
The lease only spares other requests the upload. The guarantee that a key never creates two jobs comes from the
transaction that writes the job: it watches the key, fails when another request holds it, and stores the job's id in it.
"""

import hashlib
from dataclasses import dataclass
from typing import Final, cast
from uuid import uuid4

from pydantic_core import to_json
from redis import Redis
from redis.client import Pipeline

from jobs.record import JobRecord

LEASE_S: Final = 30
"""Seconds that a key stays taken after its process has died. A running upload renews the lease and may take longer."""
_KEY: Final = "v2m:idempotency:"
_LEASE_MARK: Final = b"claim "
_RENEW: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end"
_RELEASE: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class KeyInUseError(Exception):
    """Another request with the same key is running."""


class KeyLeaseLostError(Exception):
    """The lease expired, and another request holds the key or has created its job with it."""


@dataclass(frozen=True)
class CreatedJob:
    """The job that an earlier request created with a key.

    Attributes:
        fingerprint: fingerprint of that request's payload.
    """

    job_id: str
    fingerprint: str


def fingerprint(record: JobRecord) -> str:
    """64 hexadecimal digits that are equal for two jobs with the same payload.

    Options with their default value are left out, so that a new option changes no fingerprint.
    """
    options = record.options.model_dump(mode="json", exclude_defaults=True)
    webhook = None if record.webhook is None else record.webhook.url
    payload = [record.kind, record.upload_sha256, record.prompt, dict(sorted(options.items())), webhook]
    return hashlib.sha256(to_json(payload)).hexdigest()


class KeyLease:
    """One request's lease on one key of one owner. Every method may be called twice; all raise RedisError."""

    def __init__(self, redis: Redis, owner: str | None, key: str, kept_s: int) -> None:
        """``kept_s``: seconds that the key refers to the job it has created. Owner names contain no colon."""
        self._redis = redis
        self._key = f"{_KEY}{owner or ''}:{key}"
        self._kept_s = kept_s
        self._token = _LEASE_MARK + uuid4().hex.encode()

    def acquire(self) -> CreatedJob | None:
        """Takes the lease and returns None; returns the job instead when the key has created one already.

        KeyInUseError when another request holds the lease.
        """
        value = cast("bytes | None", self._redis.set(self._key, self._token, nx=True, get=True, px=LEASE_S * 1000))
        if value is None or value == self._token:
            return None
        if value.startswith(_LEASE_MARK):
            raise KeyInUseError
        job_id, payload = value.decode().split()
        return CreatedJob(job_id, payload)

    def renew(self) -> None:
        """Restarts the lease's time if this request still holds it."""
        self._redis.eval(_RENEW, 1, self._key, self._token, LEASE_S * 1000)

    def release(self) -> None:
        """Frees the key if this request still holds it and has created no job."""
        self._redis.eval(_RELEASE, 1, self._key, self._token)

    def watch(self, pipeline: Pipeline) -> None:
        """Makes the transaction fail when the key changes before its end.

        KeyLeaseLostError when another request has the key. An expired lease that nobody else took is still good.
        """
        pipeline.watch(self._key)  # type: ignore[no-untyped-call]
        value = cast("bytes | None", pipeline.get(self._key))
        if value is not None and value != self._token:
            raise KeyLeaseLostError

    def save_job(self, record: JobRecord, pipeline: Pipeline) -> None:
        """Adds to ``pipeline`` the command that stores the created job under the key."""
        pipeline.set(self._key, f"{record.id} {fingerprint(record)}", ex=self._kept_s)
