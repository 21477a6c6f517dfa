"""The connections of the API: those on which nothing is asked give way, to time and to others.

uvicorn waits for ever for a request that does not come, or not to the end of its head. Whoever can reach the port needs
no key for that, and each such connection keeps a file descriptor.
"""

import asyncio
import resource
from typing import Any, Final

from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

PATIENCE_S: Final = 20.0
"""So long may the head of a request take, from the connection or the answer before it."""
_AT_ONCE: Final = 100
_MOST: Final = 16_000  # the memory of more is better spent on something else


def most_connections() -> int:
    """Three quarters of what this process may open: the last one is for Redis, the store and sandboxes."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else min(soft * 3 // 4, _MOST)


def accepted_at_once() -> int:
    """So many new connections may be taken before the first of them is looked at: far fewer than there are files left.

    asyncio takes as many as uvicorn's ``backlog``, and stands still for seconds when it cannot open the next one.
    """
    return max(1, min(most_connections() // 32, _AT_ONCE))


class Connections(ServerState):
    """What the connections of one server share.

    Attributes:
        most: so many there may be. For one more the one goes that has waited longest for a request; the new one itself,
            when all others have theirs.
        patience_s: how long one may wait for the whole head of a request.
        waiting: those on which no request is under way, the one that has waited longest first.
    """

    def __init__(self, most: int, patience_s: float) -> None:
        super().__init__()
        self.most = most
        self.patience_s = patience_s
        self.waiting: dict[Connection, asyncio.TimerHandle] = {}

    def wait(self, one: "Connection") -> None:
        """It has no request, from now on."""
        self.waiting[one] = one.loop.call_later(self.patience_s, one.transport.close)

    def go_on(self, one: "Connection") -> None:
        """It has a request, or is over."""
        if (timer := self.waiting.pop(one, None)) is not None:
            timer.cancel()

    def make_room(self) -> None:
        """Ends one connection if there are too many."""
        if len(self.connections) > self.most:
            longest = next(iter(self.waiting))
            self.go_on(longest)
            self.connections.discard(longest)  # counted no more, though its end is noticed later
            longest.transport.abort()


class Connection(H11Protocol):
    """uvicorn's, which tells when it waits for a request."""

    def __init__(
        self,
        config: Config,
        server_state: Connections,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """See uvicorn, which makes them."""
        super().__init__(config, server_state, app_state, _loop)
        self._all = server_state

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """See asyncio."""
        super().connection_made(transport)
        self._all.wait(self)
        self._all.make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._all.go_on(self)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Reads what has come; after that a request may be under way."""
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._all.go_on(self)

    def on_response_complete(self) -> None:
        """Waits again. Another request that is here already begins at once, so this comes first."""
        self._all.wait(self)
        super().on_response_complete()
