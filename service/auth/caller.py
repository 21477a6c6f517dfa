"""Who makes a request, as the gate found it out before a byte of the body was read."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request
from starlette.types import Scope

from jobs.record import JobRecord

_STATE: str = "caller"


@dataclass(frozen=True)
class Caller:
    """Attributes:
    name: of the API key; None where the service has no keys.
    by_link: a signed link was used in the place of a key; it is good for the one resource that it names.
    """

    name: str | None = None
    by_link: bool = False

    def may_see(self, record: JobRecord) -> bool:
        """A job is visible to the key that made it, and to whoever was given a signed link to it."""
        return self.by_link or record.owner == self.name

    def enter(self, scope: Scope) -> None:
        """Notes in the request's scope that it is this caller's."""
        scope.setdefault("state", {})[_STATE] = self


def caller_of(scope: Scope) -> Caller:
    """Who makes the request of this scope, once it has come through the gate."""
    return cast("Caller", scope["state"][_STATE])


def name_of_key(scope: Scope) -> str | None:
    """The name of the key that the request brought, if it brought one that is known."""
    caller = cast("Caller | None", scope.get("state", {}).get(_STATE))
    return None if caller is None else caller.name


async def get_caller(request: Request) -> Caller:
    """Who makes the request. Needs no thread, as a plain function would have."""
    return caller_of(request.scope)


CallerDep = Annotated[Caller, Depends(get_caller)]
