"""Idempotency keys: a client that received no response repeats its request with the same key, and gets the same job.

A request claims its key while it runs, by a lease that it renews, so the key of a killed process is free again soon.
The claim only saves other requests the upload. The guarantee of one job per key is enforced when the job is written:
the key is watched, must not have another claim, and is set to the job in the same transaction.
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
"""Seconds for which a key stays claimed after its process died. Running uploads renew their lease."""
_KEY: Final = "v2m:idempotency:"
_CLAIM: Final = b"claim "
_RENEW: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end"
_RELEASE: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class KeyInUseError(Exception):
    """Another request with the same key is running."""


class ClaimLostError(Exception):
    """The lease expired, and another request has claimed the key or created its job."""


@dataclass(frozen=True)
class Made:
    """The job of a key.

    Attributes:
        fingerprint: that of the request that created it.
    """

    job_id: str
    fingerprint: str


def fingerprint(record: JobRecord) -> str:
    """Hash of a job's request, 64 hexadecimal digits. Equal requests have equal fingerprints.

    Options with their default value are left out, so that a new option changes no fingerprint.
    """
    options = record.options.model_dump(mode="json", exclude_defaults=True)
    webhook = None if record.webhook is None else record.webhook.url
    payload = [record.kind, record.upload_sha256, record.prompt, dict(sorted(options.items())), webhook]
    return hashlib.sha256(to_json(payload)).hexdigest()


class Claim:
    """Claim of one request to one key of one owner. All methods may be repeated."""

    def __init__(self, redis: Redis, owner: str | None, key: str, kept_s: int) -> None:
        """``kept_s``: seconds for which a key belongs to its job. Owner names have no colon."""
        self._redis = redis
        self._key = f"{_KEY}{owner or ''}:{key}"
        self._kept_s = kept_s
        self._token = _CLAIM + uuid4().hex.encode()

    def take(self) -> Made | None:
        """Claims the key, or keeps this claim. Returns the key's job if it has one, and then does not claim the key.

        KeyInUseError if another request has the key.
        """
        held = cast("bytes | None", self._redis.set(self._key, self._token, nx=True, get=True, px=LEASE_S * 1000))
        if held is None or held == self._token:
            return None
        if held.startswith(_CLAIM):
            raise KeyInUseError
        job_id, made_from = held.decode().split()
        return Made(job_id, made_from)

    def renew(self) -> None:
        """Renews the lease if the claim still holds."""
        self._redis.eval(_RENEW, 1, self._key, self._token, LEASE_S * 1000)

    def release(self) -> None:
        """Frees the key if the claim still holds and no job was created."""
        self._redis.eval(_RELEASE, 1, self._key, self._token)

    def watch(self, pipeline: Pipeline) -> None:
        """Makes the transaction fail if the key changes before its end. ClaimLostError if another request has the key.

        An expired lease is no problem as long as no other request has claimed the key.
        """
        pipeline.watch(self._key)  # type: ignore[no-untyped-call]
        held = cast("bytes | None", pipeline.get(self._key))
        if held is not None and held != self._token:
            raise ClaimLostError

    def settle(self, record: JobRecord, pipeline: Pipeline) -> None:
        """Sets the key to this job in ``pipeline``."""
        pipeline.set(self._key, f"{record.id} {fingerprint(record)}", ex=self._kept_s)
