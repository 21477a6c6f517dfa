"""Real receiver of webhooks, and helpers that create jobs for it."""

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any

from redis import Redis
from standardwebhooks import Webhook as Verifier

from jobs.record import JobRecord, Webhook
from jobs.repository import JobRecords
from jobs.webhooks.addresses import Address
from jobs.webhooks.delivery import Delivery, DeliveryAttempts
from jobs.webhooks.message import Signer
from jobs.webhooks.outbox import Outbox
from jobs.webhooks.sender import Deliverer
from model_core.options import ScoreOptions

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@dataclass(frozen=True)
class ReceivedRequest:
    """One received request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str = SECRET) -> Any:
        """The event; WebhookVerificationError when the signature is not that of the secret."""
        return Verifier(secret).verify(self.body, self.headers)


Answer = Callable[[BaseHTTPRequestHandler], None]


def status(code: int, **headers: str) -> Answer:
    """An answer without a body."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@dataclass
class Receiver:
    """Attributes:
    received: in the order in which they came.
    answers: for the requests to come, the first one first; after those, ``usual``.
    """

    port: int = 0
    received: list[ReceivedRequest] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    usual: Answer = field(default_factory=lambda: status(204))

    def url(self, path: str = "/hook", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    @property
    def ids(self) -> list[str]:
        return [request.id for request in self.received]


@contextmanager
def run_receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver on loopback."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(ReceivedRequest(self.path, headers, body))
            answer = receiver.answers.pop(0) if receiver.answers else receiver.usual
            try:
                answer(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Not on standard error."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A TLS handshake that the other side gave up."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


def loopback(_host: str, _port: int) -> list[Address]:
    """Resolves every name to loopback."""
    return [ip_address("127.0.0.1")]


@contextmanager
def run_deliverer(
    redis: Redis,
    *,
    schedule_s: tuple[float, ...] = (0.0, 0.0, 0.0),
    lease_s: float = 60.0,
    poll_s: float = 0.02,
    results: list[str] | None = None,
    delivery: Delivery | None = None,
) -> Iterator[Deliverer]:
    """A running deliverer that resolves every name to loopback."""
    records = JobRecords(redis, record_retention_s=100)
    outbox = Outbox(redis, records, lease_s)
    attempts = DeliveryAttempts(outbox, Signer(SECRET), delivery or Delivery(private=True, lookup=loopback), schedule_s)
    seen = [] if results is None else results
    deliverer = Deliverer(outbox, records, attempts, seen.append, poll_s)
    deliverer.start()
    try:
        yield deliverer
    finally:
        deliverer.stop()


def make(redis: Redis, url: str | None, owner: str | None = None) -> str:
    """A queued job with a webhook."""
    webhook = None if url is None else Webhook(url=url)
    record = JobRecord.new("", ScoreOptions(), {}, webhook=webhook, owner=owner)
    with redis.pipeline() as pipeline:
        JobRecords(redis, 100).create(record, pipeline)
        pipeline.execute()
    return record.id


def cancel_new_job(redis: Redis, url: str, owner: str | None = None) -> str:
    """A job that was canceled while it waited."""
    job_id = make(redis, url, owner)
    JobRecords(redis, 100).request_cancel(job_id)
    return job_id


def webhook_of(redis: Redis, job_id: str) -> Webhook:
    """State of the job's webhook."""
    return Webhook.model_validate(json.loads(redis.hget(JobRecords.key(job_id), "webhook") or b""))
