"""The id that a request has from its first log line to its answer."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import structlog
from structlog.testing import capture_logs

from jobs.infra.settings import Settings
from service.dependencies import Services
from service.middleware.request_log import RequestId, current_request_id
from tests.processes import ROOT, environment
from tests.service.conftest import Serve, ask_for_a_fault, assert_problem, post

NEW = re.compile(r"[0-9a-f]{32}")
LONGEST = "a" * 128


@pytest.mark.parametrize("given", ["7", "trace-1.2_B", LONGEST])
def test_a_sane_id_is_kept(client: httpx.Client, given: str) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", [None, "", "two words", "a" * 129, "new\\nline", "{}", "ä".encode()])
def test_any_other_is_replaced(client: httpx.Client, given: str | bytes | None) -> None:
    headers: dict[str, Any] = {} if given is None else {"X-Request-ID": given}
    first, second = (client.get("/healthz", headers=headers).headers["x-request-id"] for _ in range(2))
    assert NEW.fullmatch(first)
    assert first != second


def test_every_answer_has_its_id(client: httpx.Client, serve: Serve, settings: Settings, clip: Path) -> None:
    small = serve(settings.model_copy(update={"max_upload_bytes": 1}))
    answers = [
        client.get("/nowhere"),
        client.delete("/healthz"),
        client.post("/v1/jobs", content=b"no form", headers={"Content-Type": "text/plain"}),
        small.post("/v1/jobs", content=bytes(2**21)),
        post(client, clip, prompt="x" * 2000),
        post(client, clip),
    ]
    assert [answer.status_code for answer in answers] == [404, 405, 415, 413, 422, 202]
    assert all(NEW.fullmatch(answer.headers["x-request-id"]) for answer in answers)


def test_the_id_is_in_the_log_and_in_the_record(client: httpx.Client, services: Services, clip: Path) -> None:
    with capture_logs([structlog.contextvars.merge_contextvars]) as events:
        with clip.open("rb") as video:
            answer = client.post("/v1/jobs", files={"video": video}, headers={"X-Request-ID": "mine"})
        client.get("/nowhere", headers={"X-Request-ID": "another"})
    assert answer.status_code == 202
    ours = {event["event"]: event for event in events if event.get("request_id") == "mine"}
    assert {"job_created", "request"} <= ours.keys(), "logged in a thread, and by the middleware"
    assert [event["path"] for event in events if event.get("request_id") == "another"] == ["/nowhere"]
    record = services.records.get(answer.json()["id"])
    assert record is not None
    assert record.request_id == "mine"
    assert current_request_id() is None


def test_a_fault_of_ours_tells_its_id_twice(settings: Settings) -> None:
    with capture_logs([structlog.contextvars.merge_contextvars]) as events:
        answer = ask_for_a_fault(settings, {"X-Request-ID": "mine"})
    body = assert_problem(answer, 500, "internal")
    assert (answer.headers["x-request-id"], body["request_id"]) == ("mine", "mine")
    (event,) = (event for event in events if event["event"] == "request_failed")
    assert event["request_id"] == "mine"


def test_an_answer_is_the_end_of_its_id() -> None:
    seen: list[str | None] = []

    async def app(_scope: object, _receive: object, _send: object) -> None:
        seen.append(current_request_id())

    async def ask() -> None:
        async def nothing(*_: object) -> dict[str, object]:
            return {}

        await RequestId(app)({"type": "lifespan"}, nothing, nothing)  # type: ignore[arg-type]
        await RequestId(app)({"type": "http", "headers": [(b"x-request-id", b"mine")]}, nothing, nothing)  # type: ignore[arg-type]
        seen.append(current_request_id())

    anyio.run(ask)
    assert seen == [None, "mine", None]


API = """
from fastapi import FastAPI
from cli.serve import listen, run_api, url_of
from jobs.infra.settings import Settings
from service import app

def with_a_fault(settings, create=app.create_app):
    made = create(settings)
    @made.get("/fault")
    def fault():
        raise RuntimeError("the reason")
    return made

app.create_app = with_a_fault
listener = listen("127.0.0.1", 0)
print(url_of(listener), flush=True)
raise SystemExit(run_api(Settings(), listener))
"""


def test_the_servers_own_errors_are_events_of_the_request(settings: Settings) -> None:
    command = [sys.executable, "-c", API]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, env=environment(settings), text=True, **pipes) as process:  # type: ignore[call-overload]
        url = process.stdout.readline().strip()
        assert httpx.get(f"{url}/fault", headers={"X-Request-ID": "mine"}, timeout=60).status_code == 500
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as rude:
            rude.sendall(b"no request\r\n\r\n")
            rude.recv(1000)
        process.terminate()
        lines = [json.loads(line) for line in process.stderr.read().splitlines()]
    assert all({"timestamp", "level", "logger", "event"} <= line.keys() for line in lines)
    (traceback,) = (line for line in lines if "exception" in line)
    assert (traceback["logger"], traceback["level"], traceback["request_id"]) == ("uvicorn.error", "error", "mine")
    assert traceback["exception"].endswith("RuntimeError: the reason")
    (rudeness,) = (line for line in lines if line["event"].startswith("Invalid HTTP request"))
    assert "request_id" not in rudeness
