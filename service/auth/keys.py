"""API keys: made here, known by their SHA-256 alone."""

import hashlib
import hmac
import secrets
from typing import Final

from starlette.datastructures import Headers

from jobs.infra.access_settings import parse_keys
from service.problems import Problem

PREFIX: Final = "v2m_"
"""So that people, and programs that search for leaked keys, see what it is."""
_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}


def new_key() -> str:
    """A key that nobody can guess: 32 random bytes."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(key: bytes) -> bytes:
    """What is kept of a key. No slow hash: nobody goes through 2**256 keys, and each request waits for this."""
    return hashlib.sha256(key).digest()


class ApiKeys:
    """The keys that the setting names; without any the API asks nobody who they are."""

    def __init__(self, text: str | None) -> None:
        """``text`` as in ``V2M_API_KEYS``; ValueError when it is malformed."""
        self._entries = [] if text is None else parse_keys(text)
        names: set[str | None] = {entry.name for entry in self._entries}
        self._owners = names or {None}

    @property
    def required(self) -> bool:
        """Whether there are keys."""
        return bool(self._entries)

    def name_of(self, headers: Headers) -> str:
        """The name of the key that a request brought as ``Authorization: Bearer KEY``; Problem 401 without one."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        given = digest(key.strip().encode("latin-1")) if scheme.lower() == "bearer" else b""
        name: str | None = None
        for entry in self._entries:  # all of them, so that the time tells nothing
            if hmac.compare_digest(entry.digest, given):
                name = entry.name
        if name is None:
            raise unauthorized("This needs a key that is known here: Authorization: Bearer KEY")
        return name

    def knows(self, owner: str | None) -> bool:
        """Whether jobs of this owner can belong to anybody: its key is there still."""
        return owner in self._owners


def unauthorized(detail: str, kind: str = "unauthorized") -> Problem:
    """401: who asks has not shown that they may."""
    return Problem(401, kind, detail, headers=_CHALLENGE)
