"""uvicorn's server, which stops without waiting for streams that have no end of their own, and limits connections."""

import socket
from typing import Final

import uvicorn

from cli.connections import PATIENCE_S, Connections, most_connections
from service.events.job_watcher import Watch

_BACKLOG: Final = 2048


class ApiServer(uvicorn.Server):
    """Ends the streams when it is told to stop; requests under way are answered, as always."""

    def __init__(
        self, config: uvicorn.Config, watch: Watch, most: int | None = None, patience_s: float = PATIENCE_S
    ) -> None:
        """``config`` has `cli.connections.Connection` for HTTP. ``most``: connections; None: what files allow."""
        super().__init__(config)
        self.server_state = Connections(most_connections() if most is None else most, patience_s)
        self._watch = watch

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn.Server."""
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(_BACKLOG)  # so many may wait in the kernel, however few are taken at once

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn.Server."""
        self._watch.end()
        await super().shutdown(sockets)
