"""Addresses that carry their own permission, for who cannot send a header: a ``<video>``, an ``EventSource``."""

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
_READING: Final = "GET"  # HEAD is the same permission


class Links:
    """Makes and judges signed links. All processes of the API share the secret, which Redis keeps.

    If Redis loses its data, whoever reads it next makes another secret, and all others have it within a minute. Several
    threads may use it.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._lock = Lock()
        self._secret: bytes | None = None
        self._asked_at = -math.inf
        self._failed = False

    def make(self, path: str, query: str, expires: int) -> str:
        """A link to ``path`` with ``query``, which may be empty, good until ``expires``, in seconds since 1970.

        RedisError, when the secret has not been read for a minute.
        """
        query = f"{query}&expires={expires}" if query else f"expires={expires}"
        return f"{path}?{query}{_SIGNATURE}{_sign(self._read(_FRESH_S), path, query)}"

    def check(self, scope: Scope) -> None:
        """Problem 401 unless the request is for exactly what its signature was made for, and in time.

        RedisError, when it is not right by the secret that is known and there may be another.
        """
        query, _, signature = scope["query_string"].decode("latin-1").rpartition(_SIGNATURE)

        def is_right(secret: bytes) -> bool:
            return hmac.compare_digest(signature.encode("latin-1"), _sign(secret, scope["path"], query).encode())

        known = self._secret
        if (known is None or not is_right(known)) and not is_right(self._read(_AGAIN_S)):
            raise Unauthorized("The signature of the link is not valid. Use the link unchanged.")
        if int(parse_qs(query)["expires"][-1]) <= time.time():
            raise LinkExpired

    def _read(self, max_age_s: float) -> bytes:
        """The secret as Redis had it at most so long ago; RedisError. Made-up links cost Redis no more than others."""
        with self._lock:
            age_s = time.monotonic() - self._asked_at
            if self._secret is None or self._failed or age_s > max_age_s:
                if self._failed and age_s <= _AGAIN_S:
                    raise RedisConnectionError("the secret of the links could not be read just now")
                self._ask()
            return cast("bytes", self._secret)

    def _ask(self) -> None:
        self._failed = True
        try:
            # whoever comes first makes it; asked twice, the first one stays
            made = secrets.token_bytes(32)
            self._secret = cast("bytes | None", self._redis.set(_SECRET_KEY, made, nx=True, get=True)) or made
            self._failed = False
        finally:
            self._asked_at = time.monotonic()


def _sign(secret: bytes, path: str, query: str) -> str:
    text = "\n".join((_READING, path, query)).encode()
    made = hmac.new(secret, text, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def is_link(scope: Scope) -> bool:
    """Whether a request brings a signature in the place of a key."""
    bare = not any(name == b"authorization" for name, _ in scope["headers"])
    return bare and scope["method"] in ("GET", "HEAD") and _SIGNATURE.encode() in scope["query_string"]
