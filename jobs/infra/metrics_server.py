"""HTTP server for Prometheus metrics, on its own port. Jobs are served with or without it."""

import threading
from typing import Final
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import CollectorRegistry, disable_created_metrics, start_http_server

log: Final = structlog.get_logger(__name__)


class MetricsServer:
    """Answers ``GET /metrics`` from a thread until it is closed, or the process ends.

    Attributes:
        port: the port that it listens on.
    """

    def __init__(self, server: WSGIServer, thread: threading.Thread) -> None:
        self.port = server.server_port
        self._server = server
        self._thread = thread

    def close(self) -> None:
        """Frees the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve(registry: CollectorRegistry, host: str, port: int | None) -> MetricsServer | None:
    """Serves ``registry`` on ``host`` and ``port``; port 0 takes a free one. Returns None when ``port`` is None.

    Also returns None, with a warning in the log, when the port cannot be used: a service without metrics is better than
    no service.
    """
    if port is None:
        return None
    disable_created_metrics()  # type: ignore[no-untyped-call]  # an extra series with a timestamp for every counter
    try:
        server = MetricsServer(*start_http_server(port, host, registry))
    except OSError as error:
        log.warning("metrics_not_served", host=host, port=port, error=error.strerror or str(error))
        return None
    log.info("metrics_served", host=host, port=server.port)
    return server
