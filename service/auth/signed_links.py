"""Signed links, for clients that cannot send a header, such as `<video>` and `EventSource`."""

import base64
import hashlib
import hmac
import math
import secrets
import time
from threading import Lock
from typing import Final, cast
from urllib.parse import parse_qs

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from starlette.types import Scope

from service.errors.access import LinkExpired, Unauthorized

_SECRET_KEY: Final = "v2m:links:secret"
_SIGNATURE: Final = "&signature="
_FRESH_S: Final = 60.0
_AGAIN_S: Final = 1.0
_METHOD: Final = "GET"  # also covers HEAD


class Links:
    """Creates and verifies signed links. Thread-safe.

    All API processes share one secret, which is stored in Redis. If Redis loses its data, the next process that reads
    the secret creates a new one, and the others have it within a minute.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._lock = Lock()
        self._secret: bytes | None = None
        self._loaded_at = -math.inf
        self._failed = False

    def make(self, path: str, query: str, expires: int) -> str:
        """A link to `path` with `query`, which may be empty, valid until `expires` (seconds since 1970).

        RedisError if the secret must be read again and Redis does not answer.
        """
        query = f"{query}&expires={expires}" if query else f"expires={expires}"
        return f"{path}?{query}{_SIGNATURE}{_sign(self._read(_FRESH_S), path, query)}"

    def check(self, scope: Scope) -> None:
        """Problem 401 unless the request is exactly the signed one and has not expired.

        RedisError if the signature does not match the known secret, and a newer one cannot be read.
        """
        query, _, signature = scope["query_string"].decode("latin-1").rpartition(_SIGNATURE)

        def is_valid(secret: bytes) -> bool:
            return hmac.compare_digest(signature.encode("latin-1"), _sign(secret, scope["path"], query).encode())

        known = self._secret
        if (known is None or not is_valid(known)) and not is_valid(self._read(_AGAIN_S)):
            raise Unauthorized("The signature of the link is not valid. Use the link unchanged.")
        if int(parse_qs(query)["expires"][-1]) <= time.time():
            raise LinkExpired

    def _read(self, max_age_s: float) -> bytes:
        """The secret, read from Redis at most `max_age_s` ago; RedisError. Failed reads are repeated after a second."""
        with self._lock:
            age_s = time.monotonic() - self._loaded_at
            if self._secret is None or self._failed or age_s > max_age_s:
                if self._failed and age_s <= _AGAIN_S:
                    raise RedisConnectionError("the secret of the signed links cannot be read at the moment")
                self._load()
            return cast("bytes", self._secret)

    def _load(self) -> None:
        self._failed = True
        try:
            # the first process creates the secret; NX keeps it for all later ones
            created = secrets.token_bytes(32)
            self._secret = cast("bytes | None", self._redis.set(_SECRET_KEY, created, nx=True, get=True)) or created
            self._failed = False
        finally:
            self._loaded_at = time.monotonic()


def _sign(secret: bytes, path: str, query: str) -> str:
    text = "\n".join((_METHOD, path, query)).encode()
    signature = hmac.new(secret, text, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(signature).decode().rstrip("=")


def is_link(scope: Scope) -> bool:
    """True if a request has a signature instead of a key."""
    has_no_key = not any(name == b"authorization" for name, _ in scope["headers"])
    return has_no_key and scope["method"] in ("GET", "HEAD") and _SIGNATURE.encode() in scope["query_string"]
