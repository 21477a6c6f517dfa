"""API keys: created here, stored only as SHA-256."""

import hashlib
import hmac
import secrets
from typing import Final

from starlette.datastructures import Headers

from jobs.infra.access_settings import parse_keys
from service.errors.access import Unauthorized

PREFIX: Final = "v2m_"
"""Marks a key, for people and for programs that search for leaked keys."""


def new_key() -> str:
    """A new key of 32 random bytes."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: bytes) -> bytes:
    """The stored hash of a key. A fast hash is enough: nobody can try 2**256 keys, and every request waits for it."""
    return hashlib.sha256(key).digest()


class ApiKeys:
    """The keys of ``V2M_API_KEYS``. Without keys the API serves its own computer only."""

    def __init__(self, text: str | None) -> None:
        """``text`` as in ``V2M_API_KEYS``; ValueError when it is malformed."""
        self._entries = [] if text is None else parse_keys(text)
        names: set[str | None] = {entry.name for entry in self._entries}
        self._owners = names or {None}

    @property
    def required(self) -> bool:
        """True if there are keys."""
        return bool(self._entries)

    def name_of(self, headers: Headers) -> str:
        """The name of the key in ``Authorization: Bearer KEY``; Problem 401 if it is missing or unknown."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        given = digest(key.strip().encode("latin-1")) if scheme.lower() == "bearer" else b""
        name: str | None = None
        for entry in self._entries:  # all of them, so that the time reveals nothing
            if hmac.compare_digest(entry.digest, given):
                name = entry.name
        if name is None:
            raise Unauthorized
        return name

    def knows(self, owner: str | None) -> bool:
        """True if the key with this name still exists; without keys, for None."""
        return owner in self._owners
