"""Signatures as Standard Webhooks has them: with every secret, so that a receiver can go from the old to the new.

Who can verify can also sign. So each caller's receivers have secrets of their own, which are made of the service's and
the name of the caller's key: they tell nothing of the service's, nor of another caller's.
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
    """Signs with one secret or several."""

    def __init__(self, secrets: str) -> None:
        """``secrets``: each ``whsec_`` and base64, with spaces between them. ValueError, which does not tell them."""
        self._keys = [_key(secret) for secret in secrets.split()]
        if not self._keys:
            raise ValueError("holds no secret")

    def secrets(self, owner: str) -> list[str]:
        """What the receivers of a key's jobs verify with, in the order of the service's; ``owner`` is its name."""
        return [_PREFIX + base64.b64encode(_derived(key, owner)).decode() for key in self._keys]

    def headers(self, message_id: str, body: str, at: datetime, owner: str | None = None) -> dict[str, str]:
        """The headers of a message that is sent at this time, which must be one in UTC.

        ``owner``: name of the key that made the job; None without keys: the service's own secrets sign.
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
