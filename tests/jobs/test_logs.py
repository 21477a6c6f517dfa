"""Format of the log lines of a process."""

import json
import subprocess
import sys
from typing import Any

from tests.processes import ROOT

BEGINS = """
import logging, threading, structlog, sys
from jobs.infra.monitoring import configure_logs
configure_logs(*sys.argv[1:])
ours, theirs = structlog.get_logger("worker.task"), logging.getLogger("somebody.else")
"""


def logged(code: str, log_format: str = "json", level: str = "info") -> list[str]:
    """The lines logged by a process that runs ``code``."""
    done = subprocess.run(
        [sys.executable, "-c", BEGINS + code, log_format, level],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == ""
    return done.stderr.splitlines()


def events(code: str, level: str = "info") -> list[dict[str, Any]]:
    found = [json.loads(line) for line in logged(code, level=level)]
    assert all({"timestamp", "level", "logger", "event"} <= set(event) for event in found)
    return found


def test_event_is_one_line_with_all_its_fields() -> None:
    (event,) = events("""
with structlog.contextvars.bound_contextvars(job_id="7", request_id="r"):
    ours.info("job_failed", detail="two\\nlines", kind=object)
""")
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "job_failed", "level": "info", "logger": "worker.task", "job_id": "7", "request_id": "r",
        "detail": "two\nlines", "kind": "<class 'object'>",
    }  # fmt: skip


def test_lines_of_other_packages_have_the_same_shape_and_keep_their_extra_fields() -> None:
    (event,) = events("""
with structlog.contextvars.bound_contextvars(request_id="r"):
    theirs.warning("gave up after %d", 3, extra={"bucket": "b", "level": "not this one"})
""")
    del event["timestamp"]
    assert event == {
        "event": "gave up after 3", "level": "warning", "logger": "somebody.else", "request_id": "r", "bucket": "b",
    }  # fmt: skip


def test_exception_is_a_field_for_every_logger() -> None:
    ours, theirs = events("""
try:
    raise ValueError("of ours")
except ValueError:
    ours.exception("job_failed")
try:
    raise ValueError("of theirs")
except ValueError:
    theirs.exception("Exception in ASGI application\\n")
""")
    for event, text in ((ours, "of ours"), (theirs, "of theirs")):
        assert event["exception"].startswith("Traceback")
        assert event["exception"].endswith(f"ValueError: {text}")
        assert "exc_info" not in event


def test_errors_of_uvicorn_are_logged_and_its_info_lines_are_not() -> None:
    (event,) = events("""
logger = logging.getLogger("uvicorn.error")
logger.info("Started server process", extra={"color_message": "x"})
logger.warning("Invalid HTTP request received.")
""")
    assert (event["logger"], event["event"]) == ("uvicorn.error", "Invalid HTTP request received.")


def levels(level: str) -> tuple[list[str], list[str]]:
    found = events(
        "for name in ('debug', 'info', 'warning', 'error'):\n"
        "    for logger in (ours, theirs, logging.getLogger('rq.worker')):\n"
        "        getattr(logger, name)('x')\n",
        level,
    )
    return tuple([e["level"] for e in found if e["logger"] == name] for name in ("worker.task", "somebody.else"))  # type: ignore[return-value]


def test_level_is_the_lowest_that_is_logged() -> None:
    everything = ["debug", "info", "warning", "error"]
    assert levels("debug") == (everything, everything[1:]), "debug is for our own packages alone"
    assert levels("info") == (everything[1:], everything[1:])
    assert levels("warning") == (everything[2:], everything[2:])
    assert levels("error") == (["error"], ["error"])
    assert {e["logger"] for e in events("logging.getLogger('rq.worker').warning('x')", "error")} == set()


def test_text_is_for_people() -> None:
    (line,) = logged("ours.info('job_created', bytes=7)", log_format="text")
    assert not line.startswith("{")
    assert "job_created" in line
    assert "bytes=7" in line
