"""Idempotency keys: a client that never heard the answer asks again with the same key, and gets the same job.

A request claims its key for as long as it is under way, by a lease that it renews: the key of a process that was killed
is free again soon. The claim only saves others the upload. That no key ever makes two jobs is seen to when a job is
written: the key is watched, must not be another's, and comes to name the job in the same transaction.
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
"""So long a key stays taken after its process has died; an upload may take as long as it likes."""
_KEY: Final = "v2m:idempotency:"
_CLAIM: Final = b"claim "
_RENEW: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end"
_RELEASE: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class KeyInUseError(Exception):
    """Another request with the same key is under way."""


class ClaimLostError(Exception):
    """The lease ran out, and another request has the key, or has made its job with it."""


@dataclass(frozen=True)
class Made:
    """What a key has made.

    Attributes:
        fingerprint: of the payload that it was made from.
    """

    job_id: str
    fingerprint: str


def fingerprint(record: JobRecord) -> str:
    """The same for two jobs that were asked for in the same way; 64 hexadecimal digits.

    Options at their defaults count as left out, so that a new option changes no fingerprint.
    """
    options = record.options.model_dump(mode="json", exclude_defaults=True)
    webhook = None if record.webhook is None else record.webhook.url
    payload = [record.kind, record.upload_sha256, record.prompt, dict(sorted(options.items())), webhook]
    return hashlib.sha256(to_json(payload)).hexdigest()


class Claim:
    """One request's claim to one key of one owner. Everything may be done twice."""

    def __init__(self, redis: Redis, owner: str | None, key: str, kept_s: int) -> None:
        """``kept_s``: seconds that the key names the job it has made. Names of owners have no colon."""
        self._redis = redis
        self._key = f"{_KEY}{owner or ''}:{key}"
        self._kept_s = kept_s
        self._token = _CLAIM + uuid4().hex.encode()

    def take(self) -> Made | None:
        """Claims the key, unless it is ours already. What it has made, when it has: then it is not claimed.

        KeyInUseError.
        """
        held = cast("bytes | None", self._redis.set(self._key, self._token, nx=True, get=True, px=LEASE_S * 1000))
        if held is None or held == self._token:
            return None
        if held.startswith(_CLAIM):
            raise KeyInUseError
        job_id, made_from = held.decode().split()
        return Made(job_id, made_from)

    def renew(self) -> None:
        """The lease begins anew, if the key is still ours."""
        self._redis.eval(_RENEW, 1, self._key, self._token, LEASE_S * 1000)

    def release(self) -> None:
        """The key is free, if it is still ours and has made nothing."""
        self._redis.eval(_RELEASE, 1, self._key, self._token)

    def watch(self, pipeline: Pipeline) -> None:
        """Lets the transaction fail when the key changes before its end; ClaimLostError when it is another's by now.

        A key whose lease ran out and that nobody else took will do.
        """
        pipeline.watch(self._key)  # type: ignore[no-untyped-call]
        held = cast("bytes | None", pipeline.get(self._key))
        if held is not None and held != self._token:
            raise ClaimLostError

    def settle(self, record: JobRecord, pipeline: Pipeline) -> None:
        """Adds to ``pipeline`` that the key has made this job."""
        pipeline.set(self._key, f"{record.id} {fingerprint(record)}", ex=self._kept_s)
