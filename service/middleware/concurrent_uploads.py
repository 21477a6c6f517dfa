"""How many uploads may be on their way: each takes a connection, and room on the disk long before it is a job."""

from collections import Counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.admission import makes_a_job
from service.caller import caller_of
from service.problems import RETRY_AFTER_S, Problem


class UploadsAtOnce:
    """Pure ASGI, after the gate. Counts for this process; who comes without a key is all of them together."""

    def __init__(self, app: ASGIApp, limit: int, of_caller: int) -> None:
        """``limit`` of all, ``of_caller`` of each key."""
        self._app = app
        self._limit = limit
        self._of_caller = of_caller
        self._under_way: Counter[str | None] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if not makes_a_job(scope):
            await self._app(scope, receive, send)
            return
        name = caller_of(scope).name
        refusal = self._refusal(name)
        if refusal is not None:
            await refusal.response()(scope, receive, send)
            return
        self._under_way[name] += 1
        counts = True

        def over() -> None:
            nonlocal counts
            if counts:
                counts = False
                self._under_way -= Counter([name])  # keeps no zeros

        async def noted(message: Message) -> None:
            over()  # before the client hears the answer and sends the next one
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            over()

    def _refusal(self, name: str | None) -> Problem | None:
        headers = {"Retry-After": RETRY_AFTER_S}
        if self._under_way[name] >= self._of_caller:
            detail = f"{self._of_caller} uploads of this key are under way already. Send one after the other."
            return Problem(429, "too_many_uploads", detail, headers=headers, limit=self._of_caller)
        if self._under_way.total() >= self._limit:
            detail = f"{self._limit} uploads are under way already. Try again later."
            return Problem(503, "uploads_full", detail, headers=headers, limit=self._limit)
        return None
