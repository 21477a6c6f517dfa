"""Body and signature of a webhook: a job has ended.

The body describes the job at the time of sending, which can be days after the job's end if the receiver was not
reachable.
"""

import base64
import binascii
import hmac
from datetime import datetime
from typing import Final, Literal, cast

from pydantic import BaseModel, Field
from standardwebhooks import Webhook

from jobs.record import JobError, JobKind, JobRecord, JobStatus
from model_core.results import Variant

_PREFIX: Final = "whsec_"
_SHORTEST, _LONGEST = 24, 64  # bytes
_PURPOSE: Final = "v2m webhook "
EventType = Literal["job.completed", "job.failed", "job.canceled"]


class JobEndedData(BaseModel):
    """The job that has ended."""

    id: str = Field(description="The job's id.")
    kind: JobKind
    status: JobStatus = Field(description="`completed`, `failed` or `canceled`.")
    error: JobError | None = Field(description="Why the job failed. Null unless the status is `failed`.")
    created_at: datetime = Field(description="When the job was created.")
    finished_at: datetime | None = Field(description="When the job ended.")
    expired_at: datetime | None = Field(description="When the job's files were removed.")
    job: str = Field(description="URL of the job: a path, or an absolute URL if the service sets `V2M_PUBLIC_URL`.")
    content: dict[Variant, str] = Field(description="URL of each result, in the same form.")


class JobEnded(BaseModel):
    """A job has ended. The format is that of Standard Webhooks."""

    type: EventType = Field(description="The type of the event.")
    timestamp: datetime | None = Field(description="When the job ended.")
    data: JobEndedData


def message_id(record: JobRecord) -> str:
    """The id of the message, the same at every attempt: receivers use it to ignore duplicates."""
    return f"msg_{record.id}_{record.status}"


def build_message(record: JobRecord, base_url: str = "") -> str:
    """The body, as JSON, for a job that has ended; `base_url` is the start of its URLs."""
    data = JobEndedData(
        id=record.id,
        kind=record.kind,
        status=record.status,
        error=record.error,
        created_at=record.created_at,
        finished_at=record.finished_at,
        expired_at=record.expired_at,
        job=f"{base_url}{record.path}",
        content={variant: f"{base_url}{url}" for variant, url in record.content.items()},
    )
    event = JobEnded(type=cast("EventType", f"job.{record.status}"), timestamp=record.finished_at, data=data)
    return event.model_dump_json()


class Signer:
    """Signs messages by Standard Webhooks, once with each secret, so that receivers can rotate to a new secret.

    The scheme is symmetric: whoever can verify a message can also sign one. So every API key has its own secrets,
    derived from the service's secrets and the key's name. They reveal neither the service's secrets nor those of other
    keys.
    """

    def __init__(self, secrets: str) -> None:
        """``secrets``: each ``whsec_`` and base64, separated by spaces. ValueError, without them in its message."""
        self._keys = [_parse_secret(secret) for secret in secrets.split()]
        if not self._keys:
            raise ValueError("holds no secret")

    def secrets(self, owner: str) -> list[str]:
        """Secrets for the receivers of one API key, named ``owner``, in the order of the service's secrets."""
        return [_PREFIX + base64.b64encode(_derive_key(key, owner)).decode() for key in self._keys]

    def headers(self, message_id: str, body: str, at: datetime, owner: str | None = None) -> dict[str, str]:
        """Headers of a message that is sent at the UTC time ``at``.

        ``owner``: name of the API key that created the job; None in a service without keys, whose own secrets sign.
        """
        keys = self._keys if owner is None else [_derive_key(key, owner) for key in self._keys]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(Webhook(key).sign(message_id, at, body) for key in keys),
        }


def _derive_key(key: bytes, owner: str) -> bytes:
    return hmac.digest(key, (_PURPOSE + owner).encode(), "sha256")


def _parse_secret(secret: str) -> bytes:
    text = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if text == secret or not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError(
            f"must be {_PREFIX} and {_SHORTEST} to {_LONGEST} bytes in base64; several with spaces between"
        )
    return key
