"""uvicorn's server, with the settings of the API."""

import socket

import uvicorn
from fastapi import FastAPI

from jobs.infra.access_settings import parse_proxies
from jobs.infra.settings import Settings


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """The configuration of `ApiServer` for ``app``.

    X-Forwarded-For and X-Forwarded-Proto count only from the proxies of ``V2M_TRUSTED_PROXIES``. Without any, uvicorn
    would trust every process on this machine.
    """
    proxies = [] if settings.trusted_proxies is None else parse_proxies(settings.trusted_proxies)
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        ws="none",
        timeout_graceful_shutdown=5,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
    )


class ApiServer(uvicorn.Server):
    """Ends the streams of events when it stops. They have no end of their own, and uvicorn would wait for them."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the streams, then finishes the requests under way, as uvicorn does."""
        self.config.app.state.watch.end()  # type: ignore[union-attr]  # the app of server_config
        await super().shutdown(sockets)
