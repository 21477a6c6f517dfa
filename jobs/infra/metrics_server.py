"""Metrics on a port of their own, in the format that Prometheus reads. Nothing that serves jobs depends on it."""

import threading
from typing import Final
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import CollectorRegistry, disable_created_metrics, start_http_server

log: Final = structlog.get_logger(__name__)


class MetricsServer:
    """Answers ``GET /metrics`` from a thread until it is closed, or the process ends.

    Attributes:
        port: that it listens on.
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
    """Serves ``registry`` on ``host``; port 0 takes a free one. None where ``port`` is, and where it cannot be had:

    that is one warning in the log, because a service without metrics is better than none.
    """
    if port is None:
        return None
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a time stamp beside every counter, which nobody needs
    try:
        server = MetricsServer(*start_http_server(port, host, registry))
    except OSError as error:
        log.warning("metrics_not_served", host=host, port=port, error=error.strerror or str(error))
        return None
    log.info("metrics_served", host=host, port=server.port)
    return server
