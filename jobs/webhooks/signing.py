"""Webhook signatures by Standard Webhooks, one with each secret, so that receivers can rotate to a new secret.

The scheme is symmetric: whoever can verify a message can also sign one. So every API key has its own secrets, derived
from the service's secrets and the key's name. They reveal neither the service's secrets nor those of other keys.
"""

import base64
import binascii
import hmac
from datetime import datetime
from typing import Final

from standardwebhooks import Webhook

_PREFIX: Final = "whsec_"
_SHORTEST, _LONGEST = 24, 64  # bytes
_PURPOSE: Final = "v2m webhook "


class Signer:
    """Signs messages with one or more secrets."""

    def __init__(self, secrets: str) -> None:
        """``secrets``: each ``whsec_`` and base64, separated by spaces. ValueError, without them in its message."""
        self._keys = [_key(secret) for secret in secrets.split()]
        if not self._keys:
            raise ValueError("holds no secret")

    def secrets(self, owner: str) -> list[str]:
        """Secrets for the receivers of one API key, named ``owner``, in the order of the service's secrets."""
        return [_PREFIX + base64.b64encode(_derived(key, owner)).decode() for key in self._keys]

    def headers(self, message_id: str, body: str, at: datetime, owner: str | None = None) -> dict[str, str]:
        """Headers of a message that is sent at the UTC time ``at``.

        ``owner``: name of the API key that created the job; None in a service without keys, whose own secrets sign.
        """
        keys = self._keys if owner is None else [_derived(key, owner) for key in self._keys]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(Webhook(key).sign(message_id, at, body) for key in keys),
        }


def _derived(key: bytes, owner: str) -> bytes:
    return hmac.digest(key, (_PURPOSE + owner).encode(), "sha256")


def _key(secret: str) -> bytes:
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
