"""Structured logs of a process on standard error, and its HTTP server for Prometheus metrics."""

import logging
import sys
import threading
from typing import Final, Literal
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import CollectorRegistry, disable_created_metrics, start_http_server
from structlog.typing import Processor

log: Final = structlog.get_logger(__name__)
Format = Literal["auto", "json", "text"]
Level = Literal["debug", "info", "warning", "error"]
_PROJECT: Final = ("cli", "jobs", "model_core", "service", "worker")
_CHATTY: Final = ("rq", "httpx", "aiobotocore", "botocore", "httpcore", "uvicorn.error")


def configure_logs(log_format: Format = "auto", level: Level = "info") -> None:
    """Configures logging for this process, also of uvicorn and RQ: one line per event, as JSON unless on a terminal.

    Every event has ``timestamp``, ``level``, ``logger`` and ``event``, then its own fields, the fields bound to the
    current request or job, and ``exception`` if there was one. ``level`` is the lowest level that is logged; ``debug``
    applies to this project's packages only, since some libraries log secrets and all their traffic at that level.
    """
    text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    ending: list[Processor] = (
        [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)]
        if text
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            # extra fields first, so that they cannot replace level, logger and timestamp
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    lowest: int = logging.getLevelNamesMapping()[level.upper()]
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(lowest, logging.INFO))
    for name in _PROJECT:
        logging.getLogger(name).setLevel(lowest)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(lowest, logging.WARNING))


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


def serve_metrics(registry: CollectorRegistry, host: str, port: int | None) -> MetricsServer | None:
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
