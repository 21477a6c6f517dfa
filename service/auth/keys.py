"""API keys, stored only as SHA-256, and the caller of a request, identified before the body is read."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Annotated, Final, cast

from fastapi import Depends, Request
from starlette.datastructures import Headers
from starlette.types import Scope

from jobs.infra.access_settings import parse_keys
from jobs.record import JobRecord
from service.errors.access import Unauthorized

_STATE: Final = "caller"
PREFIX: Final = "v2m_"
"""Marks a key, for people and for programs that search for leaked keys."""


@dataclass(frozen=True)
class Caller:
    """The owner of a key, or the user of a signed link.

    Attributes:
        name: name of the API key; None without keys and for links.
        by_link: a signed link was used instead of a key. It is valid for one resource only.
    """

    name: str | None = None
    by_link: bool = False

    def may_see(self, record: JobRecord) -> bool:
        """True for jobs of the caller's key, and for the job of a signed link."""
        return self.by_link or record.owner == self.name

    def enter(self, scope: Scope) -> None:
        """Stores this caller in the request's scope."""
        scope.setdefault("state", {})[_STATE] = self


def caller_of(scope: Scope) -> Caller:
    """The caller of an authenticated request."""
    return cast("Caller", scope["state"][_STATE])


def name_of_key(scope: Scope) -> str | None:
    """The name of the request's key; None without a valid key."""
    caller = cast("Caller | None", scope.get("state", {}).get(_STATE))
    return None if caller is None else caller.name


async def get_caller(request: Request) -> Caller:
    """The caller of the request. Async, so that it needs no thread."""
    return caller_of(request.scope)


CallerDep = Annotated[Caller, Depends(get_caller)]


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
