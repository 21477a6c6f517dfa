"""The caller of a request, identified before the request body is read."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request
from starlette.types import Scope

from jobs.record import JobRecord

_STATE: str = "caller"


@dataclass(frozen=True)
class Caller:
    """The caller of a request.

    Attributes:
        name: name of the API key; None if the service has no keys.
        by_link: the request has a signed link instead of a key; it is valid for one resource only.
    """

    name: str | None = None
    by_link: bool = False

    def may_see(self, record: JobRecord) -> bool:
        """True if the caller may see the job: its key created the job, or it has a signed link."""
        return self.by_link or record.owner == self.name

    def enter(self, scope: Scope) -> None:
        """Stores the caller in the request's scope."""
        scope.setdefault("state", {})[_STATE] = self


def caller_of(scope: Scope) -> Caller:
    """The caller of a request that was authenticated."""
    return cast("Caller", scope["state"][_STATE])


def name_of_key(scope: Scope) -> str | None:
    """The name of the request's key, if it has a valid one."""
    caller = cast("Caller | None", scope.get("state", {}).get(_STATE))
    return None if caller is None else caller.name


async def get_caller(request: Request) -> Caller:
    """The caller of the request. Async, so that it needs no thread."""
    return caller_of(request.scope)


CallerDep = Annotated[Caller, Depends(get_caller)]
