"""Structured logs on standard error: structlog for this project, and the same format for uvicorn, RQ and others."""

import logging
import sys
from typing import Final, Literal

import structlog
from structlog.typing import Processor

Format = Literal["auto", "json", "text"]
Level = Literal["debug", "info", "warning", "error"]
_PROJECT: Final = ("cli", "jobs", "model_core", "service", "worker")
_CHATTY: Final = ("rq", "httpx", "aiobotocore", "botocore", "httpcore", "uvicorn.error")


def configure(log_format: Format = "auto", level: Level = "info") -> None:
    """Configures logging for this process: one line per event, as JSON unless standard error is a terminal.

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
